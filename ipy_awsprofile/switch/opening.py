"""What a switch prepares before anything changes: the session, and who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.config.request import account_text
from ipy_awsprofile.errors import CredentialsRejected, InvalidOption, UnexpectedAccount

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.sessions.identity import Identity
    from ipy_awsprofile.sessions.session import ProfileSession
    from ipy_awsprofile.switch.protection import Protection


def open_allowed(
    request: SwitchRequest, protection: Protection, *, is_new: bool, fresh: bool, person: Person
) -> tuple[SwitchRequest, ProfileSession, Identity]:
    """Return the request as the user's patterns allow it, its session, and its identity.

    Raises ProtectedProfile, and what `open_request` raises.
    """
    request = protection.allowed(request, is_new=is_new)
    ask = protection.is_protected(request.name)
    session, identity = open_request(request, fresh=fresh, person=person, ask=ask)
    # The files don't always say which account it is.
    allowed = protection.allowed(request, identity.account, is_new=is_new)
    if allowed != request:
        session, identity = open_request(allowed, fresh=fresh, person=person, ask=True)
    return allowed, session, identity


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
    from ipy_awsprofile.credentials.region_checks import require_region
    from ipy_awsprofile.sessions.identity import who_am_i
    from ipy_awsprofile.sessions.session import open_target

    expected = _expected_account(request.expect_account)
    ask = ask or expected is not None
    with limited():
        target = target_of(request)
        # A role can be in a cache, and STS doesn't have to be asked about it.
        require_region(target, signs=target.role_arn is None)
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


def login_target(request: SwitchRequest) -> Target:
    """Return the target of a request, whose options aren't needed for signing in.

    A request with only an [sso-session] has no role, nor has one with an account's name, which only
    a person who has signed in can look up.
    """
    from ipy_awsprofile.config.assigned_role import named_by_account
    from ipy_awsprofile.config.config import read_config
    from ipy_awsprofile.config.request import SessionRequest
    from ipy_awsprofile.config.target import sign_in_target, target_of

    if request.account or request.role or request.sso:
        return sign_in_target(request.sso)
    for name in (request.profile, request.source_profile):
        if name and (parts := named_by_account(name, read_config())):
            return sign_in_target(parts.sign_in)
    return target_of(
        SessionRequest(
            profile=request.profile,
            role_arn=request.role_arn,
            source_profile=request.source_profile,
            default=request.default,
        )
    )
