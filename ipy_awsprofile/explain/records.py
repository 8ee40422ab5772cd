"""What there is to say about how a profile resolves. No secret gets into these records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.config.shared_files import Section, Sections, SharedFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, and what to do. Without the fix of a ``fatal`` one, nothing works."""

    says: str
    fix: str
    fatal: bool = True


#: What a look at something finds: a fact to tell, or a problem.
Finding = str | Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, and where it stands: a line (from 1) of a file, or a variable.

    A ``note`` says why it isn't what counts; empty, the setting is in force.
    """

    name: str
    value: str
    file: Path | None = None
    line: int | None = None
    variable: str = ""
    note: str = ""

    @property
    def where(self) -> str:
        """``config:3``, or the variable's name."""
        return self.variable or place(self.file, self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step on the way to the credentials.

    ``kind`` says what happens here, ``detail`` with what (a role and its account, a program, …);
    ``facts`` are what was found beside the settings, such as a session in a cache.
    """

    name: str
    kind: str
    detail: str = ""
    file: Path | None = None
    line: int | None = None
    settings: tuple[Setting, ...] = ()
    facts: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def where(self) -> str:
        """``config:3``, or empty for what stands in no file."""
        return place(self.file, self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a profile resolves: ``hops`` from the first credentials to the profile itself.

    ``chosen`` says why it is this profile; ``files`` are the two files; ``notes`` tell what
    plain boto3 would make of the same environment.
    """

    name: str
    chosen: str
    hops: tuple[Hop, ...]
    files: SharedFiles
    notes: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems, those of the first hop first."""
        return tuple(problem for hop in self.hops for problem in hop.problems)

    @property
    def works(self) -> bool:
        """Say whether nothing that can be seen from here stands in the way."""
        return not any(problem.fatal for problem in self.problems)


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """Everything that an explanation is made from; it can hold secrets."""

    environ: Mapping[str, str]
    files: SharedFiles
    sections: Sections
    now: datetime
    #: What a switch says instead of the profile, if it does.
    region: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """A profile in its place in a chain.

    ``kind`` is what it does there. ``target`` is the profile that was asked for, whose region and
    endpoint count for every hop. ``chained`` says that a role assumes this one.
    """

    profile: Profile
    section: Section
    kind: ProfileKind
    target: str
    chained: bool
    reading: Reading

    @property
    def is_target(self) -> bool:
        """Whether this is the profile that was asked for."""
        return self.profile.name == self.target

    def at(self, name: str) -> str:
        """Where a setting stands, as a sentence."""
        file, line = self.section.origins.get(name, (self.profile.file, self.profile.line))
        return f"See {place(file, line)}."


def place(file: Path | None, line: int | None) -> str:
    """``config:3`` for a line of a file."""
    return f"{file.name}:{line}" if file else ""


def is_file(name: str | Path) -> bool:
    """Say whether there is such a file, for any text at all."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def until(moment: datetime) -> str:
    """Tell a time in UTC, as the cards do."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def one_line(text: str, most: int = 200) -> str:
    """Make a value fit for a table: no control characters, not too long."""
    flat = re.sub(r"\s+", " ", re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)).strip()
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
