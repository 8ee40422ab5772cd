"""Portable sessions: short-lived credentials and client settings to use outside the kernel.

The kernel assumes roles. Workers, even on other machines, don't need a config file and never
receive long-term keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.credentials.botocore_session import SharedBotocoreSession
from ipy_awsprofile.credentials.sts import RedactedCredentials, freeze_credentials
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.session import (
    NamedSession,
    ProfileSession,
    chain_of,
    config_of_calls,
    credentials_of,
    expiry_of,
    settings_of,
)
from ipy_awsprofile.text import chain_line

if TYPE_CHECKING:
    import boto3


def present_credentials(session: boto3.Session) -> tuple[RedactedCredentials, datetime | None]:
    """Return a consistent set of the session's current credentials, and its expiry (UTC).

    Raises a subclass of `AwsProfileError` if the credentials can't be renewed.
    """
    with translated(chain_of(session)):
        credentials = credentials_of(session)
        while True:
            expiry = expiry_of(credentials)
            frozen = freeze_credentials(credentials)
            if expiry_of(credentials) == expiry:
                return frozen, expiry
            # The credentials were renewed meanwhile, so the expiry doesn't match.


def short_lived(session: boto3.Session) -> tuple[RedactedCredentials, datetime | None]:
    """Return the session's current credentials, and their expiry (UTC).

    Raises CredentialsUnavailable for long-term keys, which never leave the kernel, and other
    subclasses of `AwsProfileError` if the credentials can't be renewed.
    """
    frozen, expiry = present_credentials(session)
    return _with_token(frozen), expiry


def not_renewed(session: boto3.Session) -> RedactedCredentials:
    """Return the session's short-lived credentials without renewal, even if they have expired.

    This doesn't call AWS or prompt the user. Raises CredentialsUnavailable for long-term keys.
    """
    with translated(chain_of(session)):
        frozen = RedactedCredentials(*_current_keys(credentials_of(session)))
    return _with_token(frozen)


def _current_keys(credentials: Any) -> Any:
    """Return credentials without renewal, for which botocore has no public API."""
    return vars(credentials).get("_frozen_credentials") or credentials.get_frozen_credentials()


def _with_token(frozen: RedactedCredentials) -> RedactedCredentials:
    if not frozen.token:
        raise CredentialsUnavailable(
            "These are long-term keys, which never leave the kernel.",
            "Use the name of the profile that has them, or switch to a role.",
        )
    return frozen


def session_token(
    session: boto3.Session, *, serial: str | None = None, ask: Callable[[], str] = str
) -> tuple[RedactedCredentials, datetime]:
    """Return short-lived credentials for the session's long-term keys, and their expiry (UTC).

    The credentials are valid for 12 hours. To use them to assume roles that require MFA, pass the
    ``serial`` number of an MFA device, and ``ask``, which returns a code from the device. Raises a
    subclass of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    with translated(chain_of(session)):
        sts = session.client("sts", config=config_of_calls(session))
        device = {"SerialNumber": serial, "TokenCode": ask()} if serial else {}
        return _credentials_in(sts.get_session_token(**device))


def _credentials_in(response: Any) -> tuple[RedactedCredentials, datetime]:
    keys = response["Credentials"]
    frozen = RedactedCredentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return frozen, keys["Expiration"].astimezone(UTC)


def lendable(session: boto3.Session) -> tuple[RedactedCredentials, datetime | None]:
    """Return short-lived credentials that can be shared, and their expiry (UTC).

    These are the session's own credentials, unless it uses long-term keys. For long-term keys, STS
    issues short-lived credentials, which a `ProfileSession` reuses until shortly before they
    expire. They can't call IAM, and can call only AssumeRole and GetCallerIdentity in STS. Raises a
    subclass of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    if not isinstance(session, ProfileSession):
        frozen, expiry = present_credentials(session)
        return (frozen, expiry) if frozen.token else session_token(session)
    with session.issuing:
        with translated(chain_of(session)):
            frozen = freeze_credentials(credentials_of(session))
        if frozen.token:
            return short_lived(session)
        issued = session.issued
        if not issued or issued[0] != frozen or issued[2] - datetime.now(UTC) <= _ABOUT_TO_END:
            issued = session.issued = (frozen, *session_token(session))
        return issued[1:]


#: botocore renews credentials this long before they expire.
_ABOUT_TO_END = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, repr=False)
class PortableSession:
    """The data that a worker needs to open a session. Its repr doesn't show secrets.

    ``settings`` are the profile's client settings, and ``services`` is the [services] section that
    the profile refers to. ``expiry`` (UTC) is when the ``keys`` expire; they aren't renewed.
    """

    chain: tuple[str, ...]
    region: str | None
    settings: dict[str, Any]
    services: dict[str, Any]
    expiry: datetime | None
    keys: RedactedCredentials

    def __repr__(self) -> str:
        return f"<portable session of {chain_line(self.chain)}>"

    def __reduce__(self) -> tuple[Callable[..., PortableSession], tuple[Any, ...]]:
        """Pickle the keys, which is allowed only here because they are short-lived."""
        others = {field.name: getattr(self, field.name) for field in fields(self)}
        return _unpickled, (tuple(others.pop("keys")), others)

    def full_config(self) -> dict[str, Any]:
        """Return the kernel's settings in the format of botocore's ``Session.full_config``."""
        return {"profiles": {self.chain[0]: self.settings}, "services": self.services}

    def open(self) -> NamedSession:
        """Return a boto3 session without reading any files."""
        return NamedSession(_WorkerBotocoreSession(self), self.chain)


def _unpickled(keys: tuple[str, ...], others: dict[str, Any]) -> PortableSession:
    return PortableSession(keys=RedactedCredentials(*keys), **others)


def portable(session: boto3.Session) -> PortableSession:
    """Return a portable session with short-lived credentials.

    It has the session's current credentials. For long-term keys, it has credentials from
    GetSessionToken, which can't call IAM, and can call only AssumeRole and GetCallerIdentity in
    STS. Raises a subclass of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    chain = chain_of(session) or (session.profile_name,)
    keys, expiry = lendable(session)
    settings, services = settings_of(session)
    return PortableSession(
        chain=chain,
        region=session.region_name,
        settings=settings,
        services=services,
        expiry=expiry,
        keys=keys,
    )


#: Settings and environment variables that configure the retries of the user's clients.
_RETRY_SETTINGS = {"retry_mode", "max_attempts", "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"}


def for_many_profiles(settings: Mapping[str, Any]) -> Config | None:
    """Return a client config with more attempts, because calls for many profiles get throttled.

    Return None if the profile's ``settings`` or the environment configure retries.
    """
    if _RETRY_SETTINGS & {*settings, *user_environment()}:
        return None
    return Config(retries={"mode": "standard", "total_max_attempts": 6})


class _WorkerBotocoreSession(SharedBotocoreSession):
    """A botocore session with the kernel's settings, which doesn't read the worker's files."""

    def __init__(self, portable: PortableSession) -> None:
        self._full_config = portable.full_config()
        super().__init__(portable.chain[0], portable.region)
        self.set_credentials(*map(str, portable.keys[:3]))
        if config := for_many_profiles(portable.settings):
            self.set_default_client_config(config)

    @property
    def full_config(self) -> dict[str, Any]:
        """The settings from the kernel's files."""
        return self._full_config
