"""Open the session of a switch as the user's patterns allow it, before anything changes.

Functions import botocore and the modules that read files, because loading the extension must not
import them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ipy_awsprofile.config.request import account_text
from ipy_awsprofile.errors import (
    CredentialsRejected,
    InvalidOption,
    ProtectedProfile,
    UnexpectedAccount,
)

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.sessions.session import Identity, ProfileSession


@dataclass(slots=True)
class Protection:
    """Case-insensitive patterns for profile names, account IDs and account names.

    A pattern with wildcards, such as ``*-prod``, matches a whole name or ID. The words of any other
    pattern can be anywhere in them, as in ``%aws_profiles``: ``prod`` also matches ``nonprod``.

    Switching to a profile that matches ``protected`` requires confirmation. A profile that matches
    ``read_only`` is opened read-only unless the request says ``write``.
    """

    protected: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()

    def is_protected(self, profile: str, account: str = "", account_name: str = "") -> bool:
        """Return whether a switch to this profile requires confirmation.

        ``account`` is the account ID if STS has reported it, and ``account_name`` is its name if
        Organizations has.
        """
        return fitting_pattern(self.protected, profile, account, account_name) is not None

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
        names = (request.name, account, request.account_name or "")
        pattern = fitting_pattern(self.protected, *names)
        if is_new and not request.confirmed and pattern is not None:
            from ipy_awsprofile.config.target import target_of

            target_of(request)
            raise ProtectedProfile(request.name, pattern, account)
        if request.read_only or request.write:
            return request
        return replace(request, read_only=fitting_pattern(self.read_only, *names) is not None)


def _with_default_profile(request: SwitchRequest) -> SwitchRequest:
    """Return the request with the name of the default profile, if there is one."""
    from ipy_awsprofile.config.files import read_config
    from ipy_awsprofile.config.target import default_profile

    if request.profile or request.role_arn:
        return request  # opening it raises an error
    config = read_config()
    source = default_profile(config)
    if source not in config.profiles:
        return request
    return replace(request, profile=source.name, default=False)


def fitting_pattern(
    patterns: Iterable[str], name: str, account: str = "", account_name: str = ""
) -> str | None:
    """Return the first pattern that matches a profile's name, account ID or account name, if any.

    ``account`` is the ID if STS has reported it; otherwise, the files may contain it. This doesn't
    call AWS to get the account name, which can be ``account_name``.
    """
    if not patterns:
        return None
    from ipy_awsprofile.config.profiles import account_of, has_wildcard, matches
    from ipy_awsprofile.sessions.assigned_roles import known_account_name

    account = account or account_of(name)
    names = [name, account, account_name, known_account_name(account)]
    folded = [text.casefold() for text in names if text]
    for pattern in patterns:
        if has_wildcard(pattern):
            is_fitting = any(fnmatchcase(text, pattern.casefold()) for text in folded)
        else:
            is_fitting = matches(pattern.casefold().split(), folded)
        if is_fitting:
            return pattern
    return None


def open_allowed(
    request: SwitchRequest,
    protection: Protection,
    *,
    active: str | None,
    fresh: bool,
    person: Person,
) -> tuple[SwitchRequest, ProfileSession, Identity]:
    """Open a request as the user's patterns allow it. Return that request, session and identity.

    ``active`` is the account of the active identity if the request is for it again. This needs no
    confirmation, unless its name leads to another account by now. Raises ProtectedProfile, and the
    errors of `open_request`.
    """
    request = protection.allowed(request, is_new=active is None)
    ask = active is not None or protection.is_protected(request.name)
    session, identity = open_request(request, fresh=fresh, person=person, ask=ask)
    # The files don't always contain the account.
    is_new = active is None or active != identity.account
    allowed = protection.allowed(request, identity.account, is_new=is_new)
    if allowed != request:
        session, identity = open_request(allowed, fresh=fresh, person=person, ask=True)
    return allowed, session, identity


def open_request(
    request: SwitchRequest, *, fresh: bool, person: Person, ask: bool
) -> tuple[ProfileSession, Identity]:
    """Open the requested session. Return the session and its identity.

    If the AWS CLI's cache contains a role's session, this makes no call, unless ``ask`` is set or
    the request expects an account, or the cache lacks the identity. In these cases, STS is called
    with the cached credentials. If STS rejects credentials, they are requested again, without the
    cache. Raises a subclass of `AwsProfileError`, such as UnexpectedAccount if the account is a
    different one.
    """
    # Loading the extension must not import botocore or the modules that read files.
    from ipy_awsprofile.config.target import target_of
    from ipy_awsprofile.sessions.session import open_target, who_am_i

    expected = _expected_account(request.expect_account)
    ask = ask or expected is not None
    target = target_of(request)
    session = open_target(target, fresh=fresh, person=person)
    try:
        identity = who_am_i(session, ask=ask)
    except CredentialsRejected:
        if fresh:
            raise
        session = open_target(target, fresh=True, person=person)
        identity = who_am_i(session, ask=ask)
    if expected is not None and identity.account != expected:
        account = identity.account or "an account that the server doesn't report"
        raise UnexpectedAccount(
            f"`{request.name}` is in {account}, not in {expected}.",
            "Nothing has changed. Use a profile in the expected account.",
        )
    return session, identity


def _expected_account(account: str | int | None) -> str | None:
    """Return the expected account ID, or None. Raises InvalidOption if it is empty."""
    if account == "":  # such as a variable that isn't set
        raise InvalidOption("The expected account is empty.", "An account ID has 12 digits.")
    return None if account is None else account_text(account)
