"""The records of an explanation, and what it is made from. An explanation contains no secret."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ipy_awsprofile.config.chain import Step
from ipy_awsprofile.config.config import Config
from ipy_awsprofile.config.problem import Problem, place
from ipy_awsprofile.config.profiles import ASSUMES, Profile, ProfileKind
from ipy_awsprofile.config.shared_files import Section, SharedFiles

#: The result of a check: a fact to show, or a problem.
Finding = str | Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, and where it is: a line (from 1) of a file, or a variable.

    ``note`` is the reason why the setting isn't used, and is empty if it is used.
    """

    name: str
    value: str
    file: Path | None = None
    line: int | None = None
    variable: str = ""
    note: str = ""

    @property
    def where(self) -> str:
        """For example ``config:3``, or the variable's name."""
        return self.variable or place(self.file, self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedStep:
    """One step of the role chain: a profile, or the source of the first credentials.

    ``kind`` is what happens in it, and ``detail`` with what (a role and its account, a program, …).
    ``facts`` are what was found in other places, such as a session in a cache.
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
        """For example ``config:3``; empty for a source that isn't in a file."""
        return place(self.file, self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a profile resolves: ``steps`` from the first credentials to the profile itself.

    ``chosen`` is why this profile is explained, if no name was given. ``files`` are the two files.
    ``notes`` are about variables that plain boto3 uses.
    """

    name: str
    chosen: str
    steps: tuple[ExplainedStep, ...]
    files: SharedFiles
    notes: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems, beginning with the first step."""
        return tuple(problem for step in self.steps for problem in step.problems)

    @property
    def works(self) -> bool:
        """Whether no fatal problem was found."""
        return not any(problem.fatal for problem in self.problems)


@dataclass(frozen=True, slots=True, repr=False)
class Inputs:
    """Everything that an explanation is made from; it can contain secrets."""

    environ: Mapping[str, str]
    config: Config
    now: datetime
    #: The Region that a switch was given, if any.
    region: str | None = None
    #: The settings that its other options set.
    options: Collection[str] = ()
    #: What distinguishes the session of a switch with a session policy in the cache.
    variant: str = ""


#: The options of a switch that set a setting.
OPTIONS = {
    "credential_source": "the default credentials",
    "duration_seconds": "--duration",
    "external_id": "--external-id",
    "role_arn": "--role-arn",
    "role_session_name": "--session-name",
    "source_profile": "--source-profile",
}


#: A role that is assumed with the credentials of one of these is chained.
_ROLES = (*ASSUMES, ProfileKind.WEB_IDENTITY, ProfileKind.SSO)


@dataclass(frozen=True, slots=True, repr=False)
class Link:
    """A step of a role chain, among the others.

    The first is the profile that is explained, whose Region and endpoint are used for all steps.
    """

    steps: tuple[Step, ...]
    position: int
    inputs: Inputs

    @property
    def profile(self) -> Profile:
        """The profile of the step."""
        return self.steps[self.position].profile

    @property
    def section(self) -> Section:
        """The settings of the step."""
        return self.steps[self.position].settings

    @property
    def kind(self) -> ProfileKind:
        """How the profile gets credentials in this chain."""
        return self.steps[self.position].kind

    @property
    def target(self) -> str:
        """The name of the profile that is explained."""
        return self.steps[0].profile.name

    @property
    def is_target(self) -> bool:
        """Whether this is the profile that is explained."""
        return self.position == 0

    @property
    def is_chained(self) -> bool:
        """Whether its role is assumed with the credentials of another role."""
        before = self.steps[self.position + 1 :]
        return bool(before) and before[0].kind in _ROLES

    @property
    def needs_code(self) -> bool:
        """Whether an MFA code is needed for it or before it."""
        steps = self.steps[self.position :]
        return any(step.profile.mfa_serial and step.kind in ASSUMES for step in steps)

    @property
    def foreign_sts(self) -> str:
        """STS's endpoint if it isn't AWS's own, otherwise empty."""
        from ipy_awsprofile.config.sts_endpoint import foreign_sts

        config = self.inputs.config.full_config({self.target: self.steps[0].settings})
        return foreign_sts(config, self.target, self.inputs.environ)

    def at(self, name: str) -> str:
        """Return the place of a setting as a sentence."""
        option = OPTIONS.get(name, "") if name in self.inputs.options else ""
        if self.is_target and option.startswith("--"):
            return f"See `{option}`."
        file, line = self.section.origins.get(name, (self.profile.file, self.profile.line))
        return f"See {place(file, line)}."


def is_file(name: str | Path) -> bool:
    """Return whether there is such a file; any text is allowed."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def in_utc(time: datetime) -> str:
    """Return a time as text in UTC, as the cards show it."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def one_line(text: str, most: int = 200) -> str:
    """Return a value without control characters, in one line of at most ``most`` characters."""
    flat = re.sub(r"\s+", " ", re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)).strip()
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
