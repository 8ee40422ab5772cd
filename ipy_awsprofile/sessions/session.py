"""Open boto3 sessions for profiles, with automatic renewal of credentials."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from boto3 import Session

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.config.request import Duration, SessionRequest
from ipy_awsprofile.config.settings import client_settings
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.credentials.botocore_errors import no_credentials
from ipy_awsprofile.credentials.botocore_session import MakeProvider, ProfileBotocoreSession
from ipy_awsprofile.credentials.event_hooks import SharedHandlersSession
from ipy_awsprofile.credentials.mfa_prompt import MfaPrompter, ask_on_input_channel
from ipy_awsprofile.credentials.pace import Pace
from ipy_awsprofile.credentials.person import CodePrompter, Person, SignIn
from ipy_awsprofile.credentials.provider_chain import REAL, Outside
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import InvalidOption, RoleNotAssigned
from ipy_awsprofile.text import chain_line

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from botocore.config import Config
    from botocore.credentials import Credentials

    from ipy_awsprofile.credentials.secret_redaction import RedactedCredentials


class NamedSession(StaysInProcess, SharedHandlersSession):
    """A boto3 session with the names of its profiles in ``chain``, as in ``Identity``."""

    def __init__(self, session: botocore.session.Session, chain: tuple[str, ...]) -> None:
        super().__init__(botocore_session=session)
        self.chain = chain

    def __repr__(self) -> str:
        return f"<session of {chain_line(self.chain)}, region {self.region_name}>"


class ProfileSession(NamedSession):
    """A boto3 session for a profile, with automatic renewal of its credentials.

    ``target`` is the profile with its options. ``callers`` has the identities that STS has returned
    so far, by access key ID. ``timeout`` applies to each attempt of a call to STS, in seconds.
    ``person`` is prompted for MFA codes and sign-ins during renewals.
    """

    def __init__(
        self, session: ProfileBotocoreSession, target: Target, *, timeout: float, person: Person
    ) -> None:
        super().__init__(session, target.names)
        self.target = target
        self.callers = session.callers
        #: Whether the session has a policy that its server, which isn't AWS, may ignore.
        is_limited = target.request.read_only or bool(target.request.policy)
        self.may_ignore_policy = is_limited and bool(target.foreign_sts)
        #: The principal that STS reported for the session, or None; see `CallerIdentity`.
        self.principal: str | None = None
        self.timeout = timeout
        self.person = person
        #: Whether a switch opened the session, rather than the user.
        self.is_of_switch = False
        #: Long-term keys, and their STS credentials with the expiry; see `portable.lendable`.
        self.issued: tuple[RedactedCredentials, RedactedCredentials, datetime] | None = None
        self.issuing = Lock()

    def client_settings(self) -> dict[str, Any]:
        """Return the profile's client settings from when the session was opened."""
        profiles = self._session.full_config["profiles"]
        return client_settings(profiles[self.target.name], elsewhere=True)

    def services(self) -> dict[str, Any]:
        """Return the profile's [services] section by its name, or an empty dict without one."""
        name = str(self.client_settings().get("services", ""))
        section = self._session.full_config["services"].get(name)
        return {name: dict(section)} if section else {}

    def in_region(self, region: str) -> ProfileSession:
        """Return a session in another Region with the same, jointly renewed credentials."""
        target = replace(self.target, region=region)
        core = ProfileBotocoreSession(target, self._session.get_default_client_config())
        core.callers = self.callers
        shared = SimpleNamespace(load_credentials=self.get_credentials)
        core.register_component("credential_provider", shared)
        session = ProfileSession(core, target, timeout=self.timeout, person=self.person)
        session.principal = self.principal
        return session

    def ask_to_sign_in(self) -> None:
        """Let the user sign in. Raises SignInRequired if no one is available to sign in."""
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
    """Open a boto3 session for a profile, with automatic renewal of its credentials.

    This resolves the credentials immediately, so that errors occur here and not when you use the
    session. It reads an assumed role from the AWS CLI's cache (``~/.aws/cli/cache``) if the role is
    valid for at least 15 minutes (a quarter of its duration if it is shorter than an hour, a minute
    if it required an MFA code). Otherwise, it assumes the role and writes it to the cache.

    Instead of ``name``, use ``role_arn`` for a role without a profile, with ``source_profile`` or
    the default credentials. For an IAM Identity Center role, use ``account`` (its ID or name) and
    ``role``, with the [sso-session] ``sso`` if there are several. ``default`` uses the default
    credentials, from the environment, the default profile, a container or an instance. ``region``
    overrides the profile's Region. ``session_name`` and ``external_id`` override
    ``role_session_name`` and ``external_id`` of a role profile. ``fresh`` ignores the cache.

    ``read_only`` and ``policy`` (a JSON file, or for a role, the ARN of a managed policy) limit the
    session's permissions. ``duration`` (seconds, a timedelta, or a string such as ``15m``) limits
    the time until it is renewed: 900 to 43200 seconds for a role, up to 129600 for other
    identities. Roles are limited when they are assumed, and other identities with
    GetScopedCredentials. The AWS CLI never uses a session with ``read_only``, ``policy``, ``tags``
    or ``source_identity``. It uses a role's session with a ``duration`` if its profile has the same
    ``duration_seconds``. ``mfa`` gets an MFA session for long-term keys, with a code from the
    profile's ``mfa_serial``, for 12 hours or ``duration``. All of the user's notebooks share this
    session.

    ``mfa_prompter`` receives the prompt and returns the code. By default, the front end prompts for
    the code, even when the credentials are renewed. ``sign_in`` is called if a sign-in to IAM
    Identity Center or with ``aws login`` is missing or has expired, which is an error by default.
    ``timeout`` applies to each attempt of a call to STS, in seconds. There are at most two
    attempts, or five if AWS throttles the call. All calls together wait at most 20 seconds for
    servers.

    Raises a subclass of `AwsProfileError` for any problem with the files, the options, the
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
            resolve_sso_name,  # only role names need it
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
    outside: Outside = REAL,
) -> ProfileSession:
    """Open a session for a target, as `open_session` does.

    ``client_config`` is the default config of the user's clients. ``provider`` creates a credential
    provider to use instead of botocore's provider chain. Sessions with the same ``pace`` share a
    rate limit for calls that retrieve credentials. ``outside`` is what retrieving them uses.
    """
    try:
        with translated(target.names):
            inner = ProfileBotocoreSession(target, client_config, pace, outside)
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
    """Return a session's role chain as in ``Identity``; empty for other boto3 sessions.

    Every function that takes a session from the user calls this first. Raises InvalidOption for
    anything else, such as the name of a profile.
    """
    if isinstance(session, NamedSession):
        return session.chain
    if not isinstance(session, Session):
        raise _no_session(session)
    return ()


def _no_session(value: object) -> InvalidOption:
    """Return the exception for a value that isn't a session."""
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
    """Return a session's credentials. Raises InvalidProfile if it doesn't have any."""
    credentials = session.get_credentials()
    if credentials is None:
        raise no_credentials((*chain_of(session), session.profile_name)[0])
    return credentials


def settings_of(session: boto3.Session) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a session's client settings and [services] sections."""
    if isinstance(session, ProfileSession):
        return session.client_settings(), session.services()
    inner = session._session  # noqa: SLF001  # boto3 has no public API for it
    settings = client_settings(inner.get_scoped_config(), elsewhere=True)
    return settings, dict(inner.full_config.get("services", {}))


def expiry_of(credentials: Any) -> datetime | None:
    """Return when credentials expire (UTC), or None if unknown, without renewing them.

    botocore has no public API for this.
    """
    expiry = getattr(credentials, "_expiry_time", None)
    return expiry.astimezone(UTC) if expiry else None


def timeout_of(session: boto3.Session) -> float:
    """Return the timeout in seconds of each attempt of a call to STS."""
    return session.timeout if isinstance(session, ProfileSession) else 10.0
