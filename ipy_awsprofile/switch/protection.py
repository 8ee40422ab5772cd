"""The user's patterns: which profiles require confirmation, and which are read-only.

Functions import botocore and the modules that read files, because loading the extension must not
import them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ipy_awsprofile.errors import AwsProfileError, ProtectedProfile
from ipy_awsprofile.text import assigned_name

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.credentials.person import Person


@dataclass(slots=True)
class Protection:
    """Case-insensitive patterns for profile names, account IDs and account names (``*prod*``).

    Switching to a profile that matches ``protected`` requires confirmation. A profile that matches
    ``read_only`` is opened read-only unless the request says ``write``.
    """

    protected: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()

    def is_protected(self, profile: str, account: str = "") -> bool:
        """Return whether a switch to this profile requires confirmation.

        ``account`` is the account ID if STS has reported it.
        """
        return fits_pattern(self.protected, profile, account)

    def resolve_name(self, request: SwitchRequest, person: Person) -> SwitchRequest:
        """Return the request with the unique name of its role, or of the default profile.

        If there are patterns, the account's name is looked up in IAM Identity Center. Raises a
        subclass of `AwsProfileError`.
        """
        if request.default:
            request = _with_default_profile(request)
        has_patterns = bool(self.protected or self.read_only)
        if not (request.needs_name or (has_patterns and request.profile)):
            return request
        from ipy_awsprofile.sessions.assigned_roles import resolve_sso_name

        return resolve_sso_name(request, person, look_up=has_patterns)

    def allowed(
        self, request: SwitchRequest, account: str = "", *, is_new: bool = True
    ) -> SwitchRequest:
        """Return the request as the patterns allow it, which can make it read-only.

        ``account`` is the account ID if STS has reported it. Raises ProtectedProfile, unless the
        request is confirmed or isn't new. Before that, raises the errors of `target_of`, because a
        request that can't work needs no confirmation.
        """
        if is_new and not request.confirmed and self.is_protected(request.name, account):
            from ipy_awsprofile.config.target import target_of

            target_of(request)
            raise ProtectedProfile(request.name, account)
        if request.read_only or request.write:
            return request
        return replace(request, read_only=fits_pattern(self.read_only, request.name, account))


def _with_default_profile(request: SwitchRequest) -> SwitchRequest:
    """Return the request with the name of the default profile, if there is one."""
    from ipy_awsprofile.config.files import read_config
    from ipy_awsprofile.config.target import default_profile

    if request.profile or request.role_arn:
        return request  # opening it raises an error
    config = read_config()
    source = default_profile(config)
    is_profile = source in config.profiles
    return replace(request, profile=source.name, default=False) if is_profile else request


def fits_pattern(patterns: Iterable[str], name: str, account: str = "") -> bool:
    """Return whether a pattern matches a profile's name, its account ID, or its account name.

    ``account`` is the ID if STS has reported it; otherwise, the files may contain it. This doesn't
    call AWS to get the account name.
    """
    if not patterns:
        return False
    account = account or account_in_name_or_files(name)
    names = [name, account, known_account_name(account)]
    folded = [text.casefold() for text in names if text]
    return any(fnmatchcase(one, pattern.casefold()) for pattern in patterns for one in folded)


def account_in_name_or_files(name: str) -> str:
    """Return the account of a profile, or of a role such as ``corp:123456789012/Admin``."""
    from ipy_awsprofile.config.profiles import profiles_by_name
    from ipy_awsprofile.text import Arn

    if profile := profiles_by_name().get(name):
        return profile.account or ""
    if arn := Arn.parse(name):
        return arn.account
    parts = assigned_name(name)
    return parts.account if parts else ""


def known_account_name(account: str) -> str | None:
    """Return the name of an account if a sign-in has listed it before, without calling AWS."""
    from ipy_awsprofile.config.files import read_config
    from ipy_awsprofile.config.sign_ins import sign_ins
    from ipy_awsprofile.sessions.assigned_roles import cached_list

    with suppress(AwsProfileError):  # a missing name doesn't justify an error about the files
        for cached in map(cached_list, sign_ins(read_config()).values()):
            if cached and account in cached.accounts:
                return cached.accounts[account].name
    return None
