"""Open the session for a switch if the settings and the organization's policy allow the switch."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from ipy_awsprofile.audit import note, refusals_noted, require_allowed
from ipy_awsprofile.config.request import SESSION, Form, Origin, SwitchRequest
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.errors import CredentialsRejected, UnexpectedAccount
from ipy_awsprofile.kernel.watch import watch_credentials
from ipy_awsprofile.sessions.protection import Protection
from ipy_awsprofile.sessions.session import (
    Identity,
    Opener,
    ProfileSession,
    credentials_of,
    fetch_identity,
    label_for,
    open_limited,
    open_target,
)
from ipy_awsprofile.switch.stack import OpenProfile


class Opening(Enum):
    """The ways in which a switch can get the credentials for its request."""

    CACHED = "those in a cache, if they are valid, or else new ones"
    NEW = "new ones"
    REFRESHED = "new ones for the active request, which the user has confirmed already"


def is_protected(opened: OpenProfile | None, protection: Protection) -> bool:
    """Return whether a switch to an open profile requires confirmation.

    Return False if ``opened`` is None.
    """
    if opened is None:
        return False
    return protection.pattern_for(opened.session.target, opened.identity.account) is not None


def open_guarded(
    request: SwitchRequest,
    protection: Protection,
    person: Person,
    opener: Opener,
    *,
    refreshed: OpenProfile | None = None,
    form: Form = Form.LINE,
) -> OpenProfile:
    """Open a request's session if the settings and the organization's policy allow the session.

    ``form`` says how the user wrote the request. ``refreshed`` is the open profile that a new
    session for the same request replaces, or None. Replacing a session doesn't require
    confirmation, unless the new session is in another account. Raise ProtectedProfile if the user
    hasn't confirmed a switch that requires confirmation, and NotAllowed if the policy forbids the
    switch.
    """
    if request.variable != SESSION:
        require_allowed("variable", "`--as`")

    def check(target: Target, account: str | None) -> None:
        is_new = refreshed is None or account not in (None, refreshed.identity.account)
        if is_new:
            protection.require_confirmed(request, target, account)

    with refusals_noted(request):
        session, identity = open_limited(request, protection, person, opener, check)
    pattern = protection.pattern_for(session.target, identity.account)
    if pattern and request.confirmed and refreshed is None:
        note(
            "confirmed",
            profile=session.target.name,
            arn=identity.arn,
            request=request,
            detail=f"the pattern {pattern} protects it",
        )
    resolved = replace(request, **session.target.request.session_options())
    written = replace(resolved, read_only=request.read_only)
    label = label_for(session, Origin(written, form))
    credentials = credentials_of(session)
    watch_credentials(credentials, label)
    credentials.get_frozen_credentials()  # so that copies of the keys are recognized
    return OpenProfile(resolved, session, identity, label, is_refresh=refreshed is not None)


def open_identified(
    target: Target, *, expected: str | int | None, fresh: bool, person: Person, ask: bool
) -> tuple[ProfileSession, Identity]:
    """Open a session for a target, and return the session and its identity.

    If the AWS CLI's cache contains the role session and its identity, this function doesn't call
    AWS. If ``ask`` is true or ``expected`` isn't None, this function calls STS with the cached
    credentials to get the identity. If STS rejects cached credentials, the function requests new
    credentials. Raise a subclass of AwsProfileError, such as UnexpectedAccount if the session isn't
    in the expected account.
    """
    ask = ask or expected is not None
    session = open_target(target, fresh=fresh, person=person)
    try:
        identity = fetch_identity(session, ask=ask)
    except CredentialsRejected:
        if fresh:
            raise
        session = open_target(target, fresh=True, person=person)
        identity = fetch_identity(session, ask=ask)
    if expected is not None and identity.account != expected:
        account = identity.account or "an account that the server doesn't report"
        problem = f"`{target.name}` is in {account}, not in {expected}."
        hint = "Nothing has changed. Use a profile in the expected account."
        raise UnexpectedAccount(problem, hint)
    return session, identity
