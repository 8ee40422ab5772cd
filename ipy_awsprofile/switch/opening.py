"""Open the session of a switch and get its identity, before anything changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.config.request import account_text
from ipy_awsprofile.errors import CredentialsRejected, InvalidOption, UnexpectedAccount

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.sessions.session import Identity, ProfileSession
    from ipy_awsprofile.switch.protection import Protection


def open_allowed(
    request: SwitchRequest, protection: Protection, *, is_new: bool, fresh: bool, person: Person
) -> tuple[SwitchRequest, ProfileSession, Identity]:
    """Open a request as the user's patterns allow it. Return that request, session and identity.

    Raises ProtectedProfile, and the errors of `open_request`.
    """
    request = protection.allowed(request, is_new=is_new)
    ask = protection.is_protected(request.name)
    session, identity = open_request(request, fresh=fresh, person=person, ask=ask)
    # The files don't always contain the account.
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


def login_target(request: SwitchRequest) -> Target:
    """Return the target of a request, without the options that a sign-in doesn't need.

    With only an [sso-session], the target has no role. It has no role for an account name either,
    because only a user who has signed in can look up the account.
    """
    from ipy_awsprofile.config.files import read_config
    from ipy_awsprofile.config.request import SessionRequest
    from ipy_awsprofile.config.sign_ins import named_by_account
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
