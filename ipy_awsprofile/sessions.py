"""A profile becomes a boto3 session that refreshes itself; a session says who it is.

botocore resolves, we don't: the credentials come from botocore's own provider chain. It is handed
the AWS CLI's cache of assumed roles, so that kernel and CLI share sessions, the kernel's present
way to ask for an MFA code, and options that stand in for settings of the profile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import boto3
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, ReadOnlyCredentials
from botocore.utils import validate_region_name

from ipy_awsprofile.errors import CredentialsUnavailable, SignInRequired
from ipy_awsprofile.event_hooks import SharedHandlersSession
from ipy_awsprofile.given import require_usable
from ipy_awsprofile.mfa import MfaPrompter, ask_on_input_channel, code_for
from ipy_awsprofile.renewal import let_renew
from ipy_awsprofile.resolver import (
    Caller,
    ProfileCore,
    RoleCache,
    be_patient,
    bounded,
    quiet_refresh,
)
from ipy_awsprofile.targets import Target, target_of
from ipy_awsprofile.translation import no_credentials, translated

if TYPE_CHECKING:
    import botocore.session
    from botocore.credentials import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a session is, as STS said about the credentials in use.

    ``chain`` names the profiles from the one that was asked for to the one whose credentials start
    it, and is empty for a session without a profile. ``region`` is the session's own. ``expiry``
    is in UTC, and None for credentials that don't expire; a session of ours renews itself before.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """

    account: str
    arn: str
    user_id: str
    profile: str | None
    chain: tuple[str, ...]
    region: str | None
    expiry: datetime | None


#: Lets a person sign in for a target; raises a child of AwsProfileError if nobody has.
SignIn = Callable[[Target], None]

#: Makes a provider for botocore's chain, with this cache and this way to ask for a code.
MakeProvider = Callable[[ProfileCore, RoleCache, MfaPrompter], CredentialProvider]


class NamedSession(SharedHandlersSession):
    """A boto3 session that remembers the names of its profiles; ``chain`` is as in `Identity`."""

    def __init__(self, core: botocore.session.Session, chain: tuple[str, ...]) -> None:
        super().__init__(botocore_session=core)
        self.chain = chain

    def __repr__(self) -> str:
        return f"<session of {' ← '.join(self.chain)}, region {self.region_name}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: credentials that renew themselves belong to their process."""
        raise TypeError(f"{self!r} can't be pickled: it stays in its process")


class ProfileSession(NamedSession):
    """A session that was opened from a profile, and renews its credentials by itself.

    ``target`` is what it was opened for; ``callers`` holds what STS has said so far, by access key
    ID; ``timeout`` is in seconds, for each attempt of a call to STS. ``mfa_prompter`` and
    ``sign_in`` are who is turned to when its credentials end.
    """

    def __init__(
        self,
        core: ProfileCore,
        target: Target,
        *,
        callers: dict[str, Caller],
        timeout: float,
        mfa_prompter: MfaPrompter,
        sign_in: SignIn | None,
    ) -> None:
        super().__init__(core, target.names)
        self.target = target
        self.callers = callers
        self.timeout = timeout
        self.mfa_prompter = mfa_prompter
        self.sign_in = sign_in
        #: The folder in which children find it, once it was lent to them.
        self.lent_in: Path | None = None

    def ask_for_code(self, question: str) -> str:
        """Get an MFA code: from the profile's ``mfa_process``, or whoever is turned to now."""
        return code_for(question, self.target.mfa_processes, self.mfa_prompter)

    def ask_to_sign_in(self) -> None:
        """Let a person sign in. Raises SignInRequired where that can't be."""
        if self.sign_in is None:
            raise SignInRequired(self.chain[0], self.chain[-1])
        self.sign_in(self.target)


def open_session(
    name: str | None = None,
    *,
    region: str | None = None,
    role_arn: str | None = None,
    source_profile: str | None = None,
    duration: int | None = None,
    session_name: str | None = None,
    external_id: str | None = None,
    read_only: bool = False,
    fresh: bool = False,
    mfa_prompter: MfaPrompter | None = None,
    sign_in: SignIn | None = None,
    timeout: float = 10.0,
) -> ProfileSession:
    """Open a boto3 session that works as this profile, and renews its credentials by itself.

    The credentials are resolved now: a profile that doesn't work fails here, not at the first use.
    An assumed role comes from the AWS CLI's cache (``~/.aws/cli/cache``) while it is good there
    for 15 more minutes, and goes there otherwise.

    Instead of ``name``, ``role_arn`` and ``source_profile`` open a role that no profile names.
    ``region`` goes before the profile's own. ``duration`` (seconds, 900 to 43200),
    ``session_name`` and ``external_id`` stand in for ``duration_seconds``, ``role_session_name``
    and ``external_id`` of a role profile. ``read_only`` narrows a role to what AWS's managed
    policy ReadOnlyAccess allows; such sessions aren't shared with the AWS CLI. ``fresh`` passes
    over what is cached. ``mfa_prompter`` gets the question and returns the code; by default it is
    asked through the front end's input channel, also when the session has ended. ``sign_in`` is
    called if a sign-in (IAM Identity Center) is missing or has expired; by default that is an
    error. ``timeout`` is in seconds, for each attempt of a call to STS: two at most, five if
    AWS throttles.

    Raises a child of `AwsProfileError` for whatever is wrong with the files, the options, the
    credentials or the network.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
    """
    target = target_of(
        name,
        region=region,
        role_arn=role_arn,
        source_profile=source_profile,
        duration=duration,
        session_name=session_name,
        external_id=external_id,
        read_only=read_only,
    )
    return open_target(
        target, fresh=fresh, mfa_prompter=mfa_prompter, sign_in=sign_in, timeout=timeout
    )


def open_target(
    target: Target,
    *,
    fresh: bool = False,
    mfa_prompter: MfaPrompter | None = None,
    sign_in: SignIn | None = None,
    timeout: float = 10.0,
    client_config: Config | None = None,
    provider: MakeProvider | None = None,
) -> ProfileSession:
    """Do what `open_session` does, for a target.

    ``client_config`` is what its clients begin with, but those that call STS for it. ``provider``
    makes what stands in for botocore's chain: a provider that gives the target's own credentials,
    and takes those that they come from from elsewhere.
    """
    directory = Path("~/.aws/cli/cache").expanduser()
    cache = RoleCache(directory, fresh=fresh, variant=target.cache_variant)
    with translated(target.names), quiet_refresh():
        if target.region:
            validate_region_name(target.region)  # with cached credentials, nothing else looks
        core = ProfileCore(target)
        if client_config:
            core.set_default_client_config(client_config)
        session = ProfileSession(
            core,
            target,
            callers=cache.callers,
            timeout=timeout,
            mfa_prompter=mfa_prompter or ask_on_input_channel,
            sign_in=sign_in,
        )
        if provider:
            chain = CredentialResolver([provider(core, cache, session.ask_for_code)])
            core.register_component("credential_provider", chain)
        else:
            core.resolve_credentials(cache, session.ask_for_code, timeout=timeout)
        credentials = _credentials_of(session)
        # What a credential_source gives comes before the last profile.
        hops = 1 if provider else len(target.names) + 1
        let_renew(credentials, target.names, session.ask_to_sign_in, hops=hops)
        require_usable(credentials.get_frozen_credentials()._asdict())
    return session


def who_am_i(session: boto3.Session) -> Identity:
    """Say who a session is.

    STS is asked once for each set of credentials, and not at all for a role that was just assumed:
    the answer to AssumeRole has said it. Raises a child of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    chain = chain_of(session)
    with translated(chain), quiet_refresh():
        credentials = _credentials_of(session)
        access_key = credentials.get_frozen_credentials().access_key or ""
        known = session.callers if isinstance(session, ProfileSession) else {}
        if access_key not in known:
            known[access_key] = _ask_sts(session)
        caller = known[access_key]
    return Identity(
        account=caller.arn.split(":")[4],
        arn=caller.arn,
        user_id=caller.user_id,
        profile=chain[0] if chain else None,
        chain=chain,
        region=session.region_name,
        expiry=_expiry(credentials),
    )


def chain_of(session: boto3.Session) -> tuple[str, ...]:
    """Name the profiles of a session of ours, as in `Identity`; of any other session, none."""
    return session.chain if isinstance(session, NamedSession) else ()


def expiry_of(session: boto3.Session) -> datetime | None:
    """Say when a session's credentials end (UTC), and don't renew them if that is past."""
    return _expiry(session.get_credentials())


def _credentials_of(session: boto3.Session) -> Credentials:
    credentials = session.get_credentials()
    if credentials is None:
        raise no_credentials((*chain_of(session), session.profile_name)[0])
    return credentials


class UnshownCredentials(ReadOnlyCredentials):
    """Credentials of one moment that a traceback with its variables doesn't show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def short_lived(session: boto3.Session) -> tuple[UnshownCredentials, datetime | None]:
    """Give what the session signs with now, and until when (UTC), to somebody outside of botocore.

    Raises CredentialsUnavailable for long-term keys: those stay where they are. Raises other
    children of `AwsProfileError` if the credentials can't be renewed.
    """
    with translated(chain_of(session)), quiet_refresh():
        credentials = _credentials_of(session)
        while True:
            expiry = _expiry(credentials)
            frozen = UnshownCredentials(*credentials.get_frozen_credentials())
            if _expiry(credentials) == expiry:
                break  # otherwise they were renewed in between: the two don't belong together
    if not frozen.token:
        raise CredentialsUnavailable(
            "These are long-term keys, and those never leave the kernel.",
            "Let others use the profile that has them, by its name; or switch to a role.",
        )
    return frozen, expiry


def session_token(
    session: boto3.Session, *, serial: str | None = None, ask: Callable[[], str] = str
) -> tuple[UnshownCredentials, datetime]:
    """Get short-lived credentials of the session's user for its long-term keys, and their end.

    They are good for twelve hours (UTC). With an MFA device's ``serial``, and ``ask`` to get a code
    of it, they carry that: roles are then assumed as if each call had the code. Raises a child of
    `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    timeout = _timeout(session)
    with translated(chain_of(session)), quiet_refresh():
        sts = session.client("sts", config=Config(connect_timeout=timeout, read_timeout=timeout))
        # Neither the code nor the answer is a variable, which a traceback could show.
        return _given(
            sts.get_session_token(**{"SerialNumber": serial, "TokenCode": ask()} if serial else {})
        )


def _given(answer: Any) -> tuple[UnshownCredentials, datetime]:
    keys = answer["Credentials"]
    frozen = UnshownCredentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return frozen, keys["Expiration"].astimezone(UTC)


def _ask_sts(session: boto3.Session) -> Caller:
    sts = session.client("sts", config=bounded(_timeout(session)))
    answer = be_patient(sts).get_caller_identity()
    if answer["Arn"].count(":") < _COLONS:
        raise KeyError("Arn")
    return Caller(answer["Arn"], answer["UserId"])


#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
_COLONS = 5


def _timeout(session: boto3.Session) -> float:
    return session.timeout if isinstance(session, ProfileSession) else 10.0


def _expiry(credentials: Any) -> datetime | None:
    """Read when credentials end. botocore tells nobody else, so the field is its private one."""
    ends = getattr(credentials, "_expiry_time", None)
    return ends.astimezone(UTC) if ends else None
