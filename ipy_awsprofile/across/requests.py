"""Which profiles and roles a run is for, and the request for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.assigned_role import named_by_account
from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.profiles import Profile, list_profiles, profiles_by_name
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.sessions.assigned_roles import list_named_roles
from ipy_awsprofile.text import assigned_name

if TYPE_CHECKING:
    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.switch.switcher import Switcher


def names_of(profiles: str | Iterable[object], person: Person) -> list[str]:
    """Return the names of profiles and roles that `across_profiles` is called with, each once.

    ``person`` signs in if a pattern selects roles of IAM Identity Center that weren't listed yet.
    Raises InvalidOption if a pattern selects nothing, and what `list_named_roles` raises.
    """
    if not isinstance(profiles, str):
        return list(dict.fromkeys(map(str, profiles)))
    if isinstance(profiles, Profile) or _is_name(profiles):
        return [str(profiles)]  # not also the profiles whose names, roles … contain this one
    found = list_profiles(profiles)
    roles = [one for one in list_named_roles(profiles, person) if one.profile not in found]
    if found or roles:
        return [*map(str, found), *map(str, roles)]
    raise InvalidOption(f"No profile matches `{profiles}`.", "`%aws_profiles` lists the profiles.")


def _is_name(text: str) -> bool:
    """Return whether a text is the name of a profile or of a role, and not a pattern."""
    if text in profiles_by_name() or assigned_name(text):
        return True
    return not set("*?[") & set(text) and named_by_account(text, read_config()) is not None


def request_for(name: str, switcher: Switcher, options: Mapping[str, Any]) -> SwitchRequest:
    """Return the request for a profile or role; the person signs in to look up an account."""
    request = SwitchRequest(profile=name, **options)
    with suppress(AwsProfileError):  # it is reported when the profile is opened
        if request.needs_name:
            return switcher.protection.resolve_name(request, switcher.person)
    return request


def targets_of(requests: Iterable[SwitchRequest]) -> Iterator[Target]:
    """Yield the targets of the requests that have one, whose sources a person can be asked for."""
    for request in requests:
        with suppress(AwsProfileError):  # it is reported when the profile is opened
            yield target_of(request)
