"""Opens the session of a switch, and finds out who it is. Nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ipy_awsprofile.config.request import account_text
from ipy_awsprofile.errors import CredentialsRejected, InvalidOption, UnexpectedAccount

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.sessions.identity import Identity
    from ipy_awsprofile.sessions.session import ProfileSession


def opened(
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
    from ipy_awsprofile.sessions.foreign_servers import may_ignore_policy
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
        session.may_ignore_policy = request.read_only and may_ignore_policy(session)
        identity = replace(identity, may_ignore_policy=session.may_ignore_policy)
    if expected is not None and identity.account != expected:
        raise UnexpectedAccount(request.name, identity.account, expected)
    return session, identity


def _expected_account(account: str | int | None) -> str | None:
    """Return the ID of the account that is expected. Raises InvalidOption if it is empty."""
    if account == "":  # such as a variable that isn't set
        raise InvalidOption("The expected account is empty.", "An account ID has 12 digits.")
    return None if account is None else account_text(account)
