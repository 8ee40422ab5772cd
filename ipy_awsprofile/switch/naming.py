"""The names of requests: which profile or role is meant, and whether it is protected.

Loading the extension imports neither botocore nor what reads files: functions import them here.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ipy_awsprofile.text import assigned_name

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.credentials.person import Person


def with_name(request: SwitchRequest, person: Person, protected: Iterable[str]) -> SwitchRequest:
    """Return the request with a role's one name if it has an account and a role.

    The account's name is looked up where patterns protect profiles: they concern it as well. Raises
    a child of `AwsProfileError`.
    """
    is_role = assigned_name(request.profile or "") is not None
    if not request.needs_name and not (is_role and protected):
        return request
    from ipy_awsprofile.sessions.assigned_roles import named

    return named(request, person, look_up=bool(protected))


def is_protected(name: str, patterns: Iterable[str]) -> bool:
    """Return whether one of the patterns fits a profile's name, or the name of a role's account."""
    folded = [name.casefold()]
    if patterns and assigned_name(name):
        from ipy_awsprofile.sessions.assigned_roles import account_name

        folded += [known.casefold()] if (known := account_name(name)) else []
    return any(fnmatchcase(one, pattern.casefold()) for pattern in patterns for one in folded)


def signing_in(request: SwitchRequest) -> Target:
    """Return the target of a request, whose options aren't needed for signing in.

    A request with only an [sso-session] has no role.
    """
    from ipy_awsprofile.config.request import SessionRequest
    from ipy_awsprofile.config.target import sign_in_target, target_of

    if request.needs_name:  # not by its name, which only a person who has signed in can look up
        return sign_in_target(request.sso)
    role, source = request.role_arn, request.source_profile
    return target_of(SessionRequest(profile=request.profile, role_arn=role, source_profile=source))
