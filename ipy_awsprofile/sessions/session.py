"""Opens a boto3 session for a profile, which renews its credentials by itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from boto3 import Session
from botocore.utils import validate_region_name

from ipy_awsprofile.config.request import Duration, SessionRequest
from ipy_awsprofile.config.settings import About, select_about
from ipy_awsprofile.config.stays_in_process import StaysInProcess
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.credentials.botocore_errors import no_credentials
from ipy_awsprofile.credentials.botocore_session import MakeProvider, ProfileBotocoreSession
from ipy_awsprofile.credentials.event_hooks import SharedHandlersSession
from ipy_awsprofile.credentials.mfa_prompt import MfaPrompter, ask_on_input_channel
from ipy_awsprofile.credentials.pace import Pace
from ipy_awsprofile.credentials.person import CodePrompter, Person, SignIn
from ipy_awsprofile.credentials.region_checks import require_region
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import InvalidOption, RoleNotAssigned

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from botocore.config import Config
    from botocore.credentials import Credentials


class NamedSession(StaysInProcess, SharedHandlersSession):
    """A boto3 session that has the names of its profiles; ``chain`` is as in ``Identity``."""

    def __init__(self, session: botocore.session.Session, chain: tuple[str, ...]) -> None:
        super().__init__(botocore_session=session)
        self.chain = chain

    def __repr__(self) -> str:
        return f"<session of {' ← '.join(self.chain)}, region {self.region_name}>"


class ProfileSession(NamedSession):
    """A boto3 session for a profile, which renews its credentials by itself.

    ``target`` is what it was opened for. ``callers`` has the identities that STS has returned so
    far, by access key ID, and ``provenance`` with whose credentials its roles were assumed.
    ``timeout`` is in seconds, for each attempt of a call to STS. ``person`` is asked for what a
    renewal needs.
    """

    def __init__(
        self, session: ProfileBotocoreSession, target: Target, *, timeout: float, person: Person
    ) -> None:
        super().__init__(session, target.chain)
        self.target = target
        self.callers = session.callers
        self.provenance = session.provenance
        #: The principal that STS has named for the session, once it is known; see `CallerIdentity`.
        self.principal: str | None = None
        self.timeout = timeout
        self.person = person
        #: Whether a switch opened it, and not the user by a name.
        self.is_of_switch = False
        #: What STS has issued for a long-term key: its ID, that, its end; see `portable.lendable`.
        self.issued: tuple[str, Any, datetime] | None = None
        self.issuing = Lock()

    @property
    def may_ignore_policy(self) -> bool:
        """Whether it has a session policy of a server that isn't AWS, and may ignore it."""
        return bool(self.target.policy) and bool(self.provenance.foreign_sts)

    def client_settings(self) -> dict[str, Any]:
        """Return the profile's settings about clients as it was opened; files can change since."""
        profiles = self._session.full_config["profiles"]
        return select_about(profiles[self.target.name], About.CLIENTS)

    def services(self) -> dict[str, Any]:
        """Return the [services] section that its profile names, by its name; empty without one."""
        name = str(self.client_settings().get("services", ""))
        section = self._session.full_config["services"].get(name)
        return {name: dict(section)} if section else {}

    def in_region(self, region: str) -> ProfileSession:
        """Return a session in another Region that shares the credentials, and their renewal."""
        target = replace(self.target, region=region)
        core = ProfileBotocoreSession(target, self._session.get_default_client_config())
        core.callers, core.provenance = self.callers, self.provenance
        shared = SimpleNamespace(load_credentials=self.get_credentials)
        core.register_component("credential_provider", shared)
        return ProfileSession(core, target, timeout=self.timeout, person=self.person)

    def ask_to_sign_in(self) -> None:
        """Let the person sign in. Raises SignInRequired if no one is available to do so.

        Raises what `require_region` raises if the sign-in is for a role that STS issues then.
        """
        if self.target.role_arn:
            require_region(self.target)
        self.person.sign_in_for(self.target)


def open_session(
    name: str | None = None,
    *,
    region: str | None = None,
    role_arn: str | None = None,
    source_profile: str | None = None,
    account: str | int | None = None,
    role: str | None = None,
    sso: str | None = None,
    duration: Duration | None = None,
    session_name: str | None = None,
    external_id: str | None = None,
    source_identity: str | None = None,
    tags: Mapping[str, str] | None = None,
    transitive_tags: Iterable[str] = (),
    policy: str | os.PathLike[str] | None = None,
    read_only: bool = False,
    mfa: bool = False,
    default: bool = False,
    fresh: bool = False,
    mfa_prompter: MfaPrompter | None = None,
    sign_in: SignIn | None = None,
    timeout: float = 10.0,
) -> ProfileSession:
    """Open a boto3 session for a profile, which renews its credentials by itself.

    The credentials are resolved now: a profile that doesn't work is an error here, and not when the
    session is used. An assumed role is read from the AWS CLI's cache (``~/.aws/cli/cache``) if it
    is valid for at least 15 minutes (a quarter of its time if it is shorter than an hour, a minute
    if it needed an MFA code); otherwise it is assumed and written there.

    Instead of ``name``, ``role_arn`` opens a role that has no profile, with ``source_profile`` or
    the default credentials, and ``account`` (its ID or name) and ``role`` one of IAM Identity
    Center, with the [sso-session] ``sso`` if there are several. ``default`` opens the default
    credentials: of the environment, the default profile, a container or an instance. ``region``
    takes precedence over the profile's own. ``session_name`` and ``external_id`` replace
    ``role_session_name`` and ``external_id`` of a role profile. ``fresh`` ignores the cache.

    ``read_only`` and ``policy`` (a JSON file; for a role, also the ARN of a managed policy) limit
    what the session can do, and ``duration`` (seconds, a timedelta, or a text such as ``15m``; 900
    to 43200 seconds for a role, to 129600 for anything else) how long it lasts until it is renewed.
    A role is limited when it is assumed, and any other identity by GetScopedCredentials; such
    sessions aren't shared with the AWS CLI. ``mfa`` gets a session with MFA for long-term keys,
    with a code of the profile's ``mfa_serial``, for 12 hours or ``duration``; the user's notebooks
    share it.

    ``mfa_prompter`` gets the question and returns the code; by default the code is asked for
    through the front end's input channel, also when the credentials are renewed. ``sign_in`` is
    called if a sign-in (IAM Identity Center) is missing or has expired; by default that is an
    error. ``timeout`` is in seconds, for each attempt of a call to STS: there are at most two, or
    five if AWS throttles the call. All calls together wait at most 20 seconds for servers.

    Raises a child of `AwsProfileError` for every problem with the files, the options, the
    credentials or the network.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
    """
    request = SessionRequest(
        profile=name,
        region=region,
        role_arn=role_arn,
        source_profile=source_profile,
        account=account,
        role=role,
        sso=sso,
        duration=duration,
        session_name=session_name,
        external_id=external_id,
        source_identity=source_identity,
        tags=tuple((tags or {}).items()),
        transitive_tags=tuple(transitive_tags),
        policy=os.fspath(policy) if policy is not None else None,
        read_only=read_only,
        mfa=mfa,
        default=default,
    )
    person = Person(mfa_prompter=mfa_prompter or ask_on_input_channel, sign_in=sign_in)
    if request.needs_name:
        from ipy_awsprofile.sessions.assigned_roles import (
            resolve_sso_name,  # which opens sessions by this
        )

        request = resolve_sso_name(request, person)
    return open_target(target_of(request), fresh=fresh, person=person, timeout=timeout)


def open_target(
    target: Target,
    *,
    fresh: bool = False,
    person: Person | None = None,
    timeout: float = 10.0,
    client_config: Config | None = None,
    provider: MakeProvider | None = None,
    pace: Pace | None = None,
) -> ProfileSession:
    """Open a session for a target, as `open_session` does.

    ``client_config`` is the default config of the user's clients. ``provider`` creates a credential
    provider that is used instead of botocore's provider chain. Sessions with the same ``pace``
    share the rate at which they get credentials.
    """
    try:
        with translated(target.chain):
            if target.region:
                validate_region_name(target.region)  # cached credentials need no client to check it
            inner = ProfileBotocoreSession(target, client_config, pace)
            session = ProfileSession(inner, target, timeout=timeout, person=person or Person())
            inner.resolve_credentials(
                codes=CodePrompter(lambda: session.person, target),
                sign_in=session.ask_to_sign_in,
                timeout=timeout,
                fresh=fresh,
                provider=provider,
            )
    except RoleNotAssigned as error:
        from ipy_awsprofile.sessions.assigned_roles import explain_refused_role

        error.hint = f"{explain_refused_role(target)} {error.hint}".strip()
        raise
    return session


def chain_of(session: boto3.Session) -> tuple[str, ...]:
    """Return a session's role chain as in ``Identity``; empty for any other boto3 session.

    Every function that takes a session from the user calls this first. Raises InvalidOption for
    anything else, such as the name of a profile.
    """
    if isinstance(session, NamedSession):
        return session.chain
    if not isinstance(session, Session):
        raise _no_session(session)
    return ()


def _no_session(value: object) -> InvalidOption:
    """Return the error for a value that is passed instead of a session."""
    if isinstance(value, str):
        return InvalidOption(
            f"The text `{value}` isn't a session.",
            "Run `from ipy_awsprofile import open_session`, and pass "
            f"`open_session({str(value)!r})` instead.",
        )
    return InvalidOption(
        f"A boto3 session is required, not a value of type {type(value).__name__}.",
        "Pass the `session` of `%aws_profile NAME`, or what `open_session` returns.",
    )


def credentials_of(session: boto3.Session) -> Credentials:
    """Return a session's credentials. Raises InvalidProfile if it has none."""
    credentials = session.get_credentials()
    if credentials is None:
        raise no_credentials((*chain_of(session), session.profile_name)[0])
    return credentials


def expiry_of(credentials: Any) -> datetime | None:
    """Return when credentials expire (UTC), or None if it isn't known; they aren't renewed here.

    botocore has no public name for it.
    """
    expiry = getattr(credentials, "_expiry_time", None)
    return expiry.astimezone(UTC) if expiry else None


def timeout_of(session: boto3.Session) -> float:
    """Return the timeout in seconds of each attempt of a call to STS."""
    return session.timeout if isinstance(session, ProfileSession) else 10.0
