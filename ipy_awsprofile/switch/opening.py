"""What a switch prepares before anything changes: the request's name, its session, who it is."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ipy_awsprofile.config.request import account_text
from ipy_awsprofile.errors import CredentialsRejected, InvalidOption, UnexpectedAccount
from ipy_awsprofile.text import assigned_name

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.sessions.identity import Identity
    from ipy_awsprofile.sessions.session import ProfileSession


def open_request(
    request: SwitchRequest, *, fresh: bool, person: Person, ask: bool
) -> tuple[ProfileSession, Identity]:
    """Return the session that is asked for, and its identity.

    A role's session from the AWS CLI's cache costs no call, unless ``ask`` is set or an account is
    expected: then STS is asked with these credentials, and if it doesn't accept them any more, new
    ones are got. Raises a child of `AwsProfileError`, UnexpectedAccount if the account is another.
    """
    # Loading the extension imports neither botocore nor what reads files.
    from ipy_awsprofile.config.target import target_of
    from ipy_awsprofile.credentials.deadline import limited
    from ipy_awsprofile.sessions.identity import who_am_i
    from ipy_awsprofile.sessions.session import open_target

    expected = _expected_account(request.expect_account)
    ask = ask or expected is not None
    with limited():
        target = target_of(request)
        session = open_target(target, fresh=fresh, person=person)
        was_cached = who_am_i(session).cached
        try:
            identity = who_am_i(session, ask=ask)
        except CredentialsRejected:
            if not was_cached:
                raise
            session = open_target(target, fresh=True, person=person)
            identity = who_am_i(session, ask=ask)
    if expected is not None and identity.account != expected:
        raise UnexpectedAccount(request.name, identity.account, expected)
    return session, identity


def _expected_account(account: str | int | None) -> str | None:
    """Return the ID of the account that is expected. Raises InvalidOption if it is empty."""
    if account == "":  # such as a variable that isn't set
        raise InvalidOption("The expected account is empty.", "An account ID has 12 digits.")
    return None if account is None else account_text(account)


def resolve_name(request: SwitchRequest, person: Person, protected: Iterable[str]) -> SwitchRequest:
    """Return the request with a role's one name if it has an account and a role.

    The account's name is looked up where patterns protect profiles: they concern it as well. Raises
    a child of `AwsProfileError`.
    """
    is_role = assigned_name(request.profile or "") is not None
    if not request.needs_name and not (is_role and protected):
        return request
    from ipy_awsprofile.sessions.assigned_roles import resolve_sso_name

    return resolve_sso_name(request, person, look_up=bool(protected))


def is_protected(name: str, patterns: Iterable[str]) -> bool:
    """Return whether one of the patterns fits a profile's name, or the name of a role's account."""
    folded = [name.casefold()]
    if patterns and assigned_name(name):
        from ipy_awsprofile.sessions.assigned_roles import account_name

        folded += [known.casefold()] if (known := account_name(name)) else []
    return any(fnmatchcase(one, pattern.casefold()) for pattern in patterns for one in folded)


def login_target(request: SwitchRequest) -> Target:
    """Return the target of a request, whose options aren't needed for signing in.

    A request with only an [sso-session] has no role.
    """
    from ipy_awsprofile.config.request import SessionRequest
    from ipy_awsprofile.config.target import sign_in_target, target_of

    if request.needs_name:  # not by its name, which only a person who has signed in can look up
        return sign_in_target(request.sso)
    role, source = request.role_arn, request.source_profile
    return target_of(SessionRequest(profile=request.profile, role_arn=role, source_profile=source))
