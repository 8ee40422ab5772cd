"""The records of an explanation, and its inputs. An explanation doesn't contain secrets."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ipy_awsprofile.config.chain import Step
from ipy_awsprofile.config.config import Config
from ipy_awsprofile.config.problem import Problem, place
from ipy_awsprofile.config.profiles import ASSUMES, Profile, ProfileKind
from ipy_awsprofile.config.shared_files import Section, SharedFiles

#: The result of a check: a fact to show, or a problem.
Finding = str | Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting and its location: a line (from 1) of a file, or a variable.

    ``note`` is the reason why the setting isn't used, or empty if it is used.
    """

    name: str
    value: str
    file: Path | None = None
    line: int | None = None
    variable: str = ""
    note: str = ""

    @property
    def where(self) -> str:
        """The location, such as ``config:3``, or the variable's name."""
        return self.variable or place(self.file, self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedStep:
    """One step of the role chain: a profile, or the source of the first credentials.

    ``kind`` is what happens in the step, and ``detail`` is the role and account, program or other
    object that it uses. ``facts`` are findings in other places, such as a session in a cache.
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
        """The location, such as ``config:3``, or empty for a source outside the files."""
        return place(self.file, self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a profile resolves: ``steps`` from the first credentials to the profile.

    ``chosen`` is the reason for explaining this profile if no name was given. ``files`` are the
    paths of the two files. ``notes`` are about variables that plain boto3 uses.
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
    """The inputs of an explanation, which can contain secrets."""

    environ: Mapping[str, str]
    config: Config
    now: datetime
    #: The Region from an option of the switch, if any.
    region: str | None = None
    #: The settings that other options of the switch replace.
    options: Collection[str] = ()
    #: The cache variant of the session: see `Target.cache_variant`.
    variant: str = ""


#: The options of a switch that replace a setting, by setting.
OPTIONS = {
    "credential_source": "the default credentials",
    "duration_seconds": "--duration",
    "external_id": "--external-id",
    "role_arn": "--role-arn",
    "role_session_name": "--session-name",
    "source_profile": "--source-profile",
}


#: Kinds of roles. Assuming another role with their credentials is role chaining.
_ROLES = (*ASSUMES, ProfileKind.WEB_IDENTITY, ProfileKind.SSO)


@dataclass(frozen=True, slots=True, repr=False)
class Link:
    """One step of a role chain, with access to the other steps.

    The first step is the explained profile. Its Region and endpoint are used for all steps.
    """

    steps: tuple[Step, ...]
    position: int
    inputs: Inputs

    @property
    def profile(self) -> Profile:
        """The step's profile."""
        return self.steps[self.position].profile

    @property
    def section(self) -> Section:
        """The step's settings."""
        return self.steps[self.position].settings

    @property
    def kind(self) -> ProfileKind:
        """The kind of credentials that the profile gets in this chain."""
        return self.steps[self.position].kind

    @property
    def target(self) -> str:
        """The name of the explained profile."""
        return self.steps[0].profile.name

    @property
    def is_target(self) -> bool:
        """Whether this is the explained profile."""
        return self.position == 0

    @property
    def is_chained(self) -> bool:
        """Whether the step's role is assumed with the credentials of another role."""
        before = self.steps[self.position + 1 :]
        return bool(before) and before[0].kind in _ROLES

    @property
    def needs_code(self) -> bool:
        """Whether this step, or a step that it gets credentials from, needs an MFA code."""
        steps = self.steps[self.position :]
        return any(step.profile.mfa_serial and step.kind in ASSUMES for step in steps)

    @property
    def configured_sts(self) -> str:
        """The STS endpoint from a setting or a variable, otherwise an empty text.

        The URL can contain a password.
        """
        from ipy_awsprofile.config.sts_endpoint import configured_sts

        return configured_sts(self._full_config, self.target, self.inputs.environ)

    @property
    def foreign_sts(self) -> str:
        """The STS endpoint if it doesn't belong to AWS, otherwise an empty text."""
        from ipy_awsprofile.config.sts_endpoint import foreign_sts

        return foreign_sts(self._full_config, self.target, self.inputs.environ)

    @property
    def _full_config(self) -> dict[str, Any]:
        return self.inputs.config.full_config({self.target: self.steps[0].settings})

    def at(self, name: str) -> str:
        """Return a sentence with the location of a setting."""
        option = OPTIONS.get(name, "") if name in self.inputs.options else ""
        if self.is_target and option.startswith("--"):
            return f"See `{option}`."
        file, line = self.section.origins.get(name, (self.profile.file, self.profile.line))
        return f"See {place(file, line)}."


def is_file(name: str | Path) -> bool:
    """Return whether a file with this name exists. The name can be any text."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def in_utc(time: datetime) -> str:
    """Return a time as UTC text in the cards' format."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def one_line(text: str, most: int = 200) -> str:
    """Return a value without control characters, in one line of at most ``most`` characters."""
    flat = re.sub(r"\s+", " ", re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)).strip()
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
