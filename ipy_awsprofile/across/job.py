"""The function, profiles, Regions and options of a run, which a retry reuses.

A job contains neither sessions nor credentials.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.profiles import Profile, list_profiles, profiles_by_name
from ipy_awsprofile.config.regions import check_region
from ipy_awsprofile.config.request import SwitchRequest, require_name
from ipy_awsprofile.config.sign_ins import named_by_account, sign_in_of_pattern
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.sessions.assigned_roles import (
    AssignedRole,
    list_assigned_roles,
    resolve_sso_name,
)
from ipy_awsprofile.text import assigned_name, may_name_account, number_of

if TYPE_CHECKING:
    from ipy_awsprofile.across.outcomes import Function, Outcome
    from ipy_awsprofile.credentials.person import Person


@dataclass(frozen=True, slots=True)
class Task:
    """One call of the function for a profile, in the profile's Region or in a given Region."""

    profile: str
    region: str | None = None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Job:
    """A function, the profiles and Regions to call it for, and the outcomes so far.

    Without ``regions``, the function is called in each profile's Region. ``workers`` is the
    number of threads, ``variable`` is the notebook's name for the result, and ``options`` are
    fields of a `SwitchRequest`.
    """

    profiles: tuple[str, ...]
    regions: tuple[str, ...]
    function: Function
    executor: Executor | None
    workers: int
    progress: bool
    variable: str
    options: Mapping[str, Any]
    outcomes: Mapping[Task, Outcome] = field(default_factory=dict)

    @property
    def tasks(self) -> list[Task]:
        """All calls, ordered by profile and then by Region."""
        return [Task(*pair) for pair in product(self.profiles, self.regions or (None,))]

    @property
    def pending(self) -> list[Task]:
        """The calls without a result: they failed, or Ctrl-C left them out."""
        outcomes = self.outcomes
        return [one for one in self.tasks if one not in outcomes or outcomes[one].failure]

    @property
    def size(self) -> str:
        """A description of the number of calls."""
        profiles = number_of(len(self.profiles), "profile")
        if not self.regions:
            return profiles
        calls = number_of(len(self.tasks), "call")
        return f"{calls} ({profiles} in {number_of(len(self.regions), 'Region')})"

    def requests(self, session_name: str | None) -> dict[str, SwitchRequest]:
        """Return a request for each profile with a pending call."""
        options = {"default_session_name": session_name, **self.options}
        names = dict.fromkeys(task.profile for task in self.pending)
        return {name: SwitchRequest(profile=name, **options) for name in names}


def select_profiles(profiles: str | Iterable[object], person: Person) -> list[str]:
    """Return the names of the profiles and roles for `across_profiles`, without duplicates.

    ``person`` signs in if roles of IAM Identity Center must be listed. Raises InvalidOption if a
    pattern selects nothing or if an object is neither a profile nor a role, and the errors of
    `list_assigned_roles`.
    """
    if not isinstance(profiles, Iterable):
        require_name(profiles)
    if not isinstance(profiles, str):
        names = list(map(_name_of, profiles))
    elif isinstance(profiles, Profile) or _is_name(profiles):
        names = [str(profiles)]  # without other profiles that match this name as a pattern
    else:
        found = list_profiles(profiles)
        sign_in = sign_in_of_pattern(profiles, read_config())
        roles = list_assigned_roles(sign_in, profiles, person=person) if sign_in else []
        names = [*map(str, found), *(str(one) for one in roles if one.profile not in found)]
        if not names:
            raise InvalidOption(
                f"No profile matches `{profiles}`.", "`%aws_profiles` lists the profiles."
            )
    return list(dict.fromkeys(_with_account_id(name, person) for name in names))


def _name_of(one: object) -> str:
    """Return the name of a profile or role. Raises InvalidOption for other objects."""
    if not isinstance(one, AssignedRole):
        require_name(one)
    return str(one)


def _is_name(text: str) -> bool:
    """Return whether a text is the name of a profile or role rather than a pattern."""
    if text in profiles_by_name() or assigned_name(text):
        return True
    return not set("*?[") & set(text) and named_by_account(text, read_config()) is not None


def _with_account_id(name: str, person: Person) -> str:
    """Return a role's name with its account ID, because a run's threads can't request a sign-in."""
    if may_name_account(name):
        with suppress(AwsProfileError):  # opening the profile reports it
            return resolve_sso_name(SwitchRequest(profile=name), person).profile or name
    return name


def parse_regions(regions: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of Regions, from a list or from a text with commas between the names.

    Raises InvalidOption for an empty list, and the errors of `check_region`.
    """
    listed = regions.split(",") if isinstance(regions, str) else regions
    names = tuple(dict.fromkeys(name for one in listed if (name := str(one).strip())))
    if not names:
        raise InvalidOption(
            "No Region is given.",
            "Name one, such as us-east-1, or leave out `regions` to use each profile's own.",
        )
    for name in names:
        check_region(name)
    return names
