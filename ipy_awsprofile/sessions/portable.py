"""Sessions that can leave the kernel: short-lived credentials, and settings of clients.

Roles are assumed in the kernel. A worker, which can be on another machine, needs no config file and
gets no long-term keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.credentials.botocore_session import SharedBotocoreSession
from ipy_awsprofile.credentials.interrupts import interrupts_unshown
from ipy_awsprofile.credentials.response_checks import guarded
from ipy_awsprofile.credentials.retries import for_many_profiles, give_up_soon
from ipy_awsprofile.credentials.secret_redaction import RedactedCredentials
from ipy_awsprofile.credentials.session_token import get_session_token
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.session import (
    NamedSession,
    ProfileSession,
    chain_of,
    credentials_of,
    expiry_of,
    timeout_of,
)

if TYPE_CHECKING:
    import boto3


def present_credentials(session: boto3.Session) -> tuple[RedactedCredentials, datetime | None]:
    """Return the session's present credentials, as one set, and when they expire (UTC).

    Raises a child of `AwsProfileError` if they can't be renewed.
    """
    with translated(chain_of(session)):
        credentials = credentials_of(session)
        while True:
            expiry = expiry_of(credentials)
            frozen = RedactedCredentials(*credentials.get_frozen_credentials())
            if expiry_of(credentials) == expiry:
                return frozen, expiry
            # They were renewed meanwhile, and the two don't belong together.


def short_lived(session: boto3.Session) -> tuple[RedactedCredentials, datetime | None]:
    """Return the session's present credentials, and when they expire (UTC).

    Raises CredentialsUnavailable for long-term keys, which never leave the kernel, and other
    children of `AwsProfileError` if the credentials can't be renewed.
    """
    frozen, expiry = present_credentials(session)
    return _with_token(frozen), expiry


def not_renewed(session: boto3.Session) -> RedactedCredentials:
    """Return the session's short-lived credentials as they are, even if they have expired.

    This calls nothing and prompts no one. Raises CredentialsUnavailable for long-term keys.
    """
    with translated(chain_of(session)):
        credentials = credentials_of(session)
        # botocore has no public name for the set that it would renew.
        kept = vars(credentials).get("_frozen_credentials") or credentials.get_frozen_credentials()
    return _with_token(RedactedCredentials(*kept))


def _with_token(frozen: RedactedCredentials) -> RedactedCredentials:
    if not frozen.token:
        raise CredentialsUnavailable(
            "These are long-term keys, which never leave the kernel.",
            "Use the profile that has them by its name, or switch to a role.",
        )
    return frozen


def session_token(
    session: boto3.Session, *, serial: str | None = None, ask: Callable[[], str] = str
) -> tuple[RedactedCredentials, datetime]:
    """Return short-lived credentials for the session's long-term keys, and when they expire (UTC).

    They are valid for twelve hours. With the ``serial`` number of an MFA device, and ``ask``, which
    returns a code of the device, roles that need MFA can be assumed with the credentials. Raises a
    child of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    with translated(chain_of(session)):
        sts = guarded(session.client("sts", config=give_up_soon(timeout_of(session))))
        # The response isn't in a variable, which a traceback could show.
        return _credentials_in(get_session_token(sts, serial=serial, ask=ask))


def _credentials_in(response: Any) -> tuple[RedactedCredentials, datetime]:
    keys = response["Credentials"]
    frozen = RedactedCredentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return frozen, keys["Expiration"].astimezone(UTC)


def lendable(session: ProfileSession) -> tuple[RedactedCredentials, datetime | None]:
    """Return short-lived credentials that others may have, and their end (UTC).

    They are what the session signs with; for long-term keys, STS issues short-lived credentials,
    which are used until they are about to end. Those can't call IAM, nor STS except AssumeRole and
    GetCallerIdentity. Raises a child of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    with session.issuing:
        with translated(chain_of(session)):
            frozen = RedactedCredentials(*credentials_of(session).get_frozen_credentials())
        if frozen.token:
            return short_lived(session)
        key, issued = str(frozen.access_key), session.issued
        if not issued or issued[0] != key or issued[2] - datetime.now(UTC) <= _ABOUT_TO_END:
            issued = session.issued = (key, *session_token(session))
        return issued[1:]


#: botocore renews credentials this long before they end.
_ABOUT_TO_END = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, repr=False)
class PortableSession:
    """Everything that a worker needs to open a session. Its repr has no secret.

    ``settings`` are the profile's settings about clients, ``services`` is the [services] section
    that the profile names. ``expiry`` (UTC) is when the ``keys`` expire; they aren't renewed.
    """

    chain: tuple[str, ...]
    region: str | None
    settings: dict[str, Any]
    services: dict[str, Any]
    expiry: datetime | None
    keys: RedactedCredentials

    def __repr__(self) -> str:
        return f"<portable session of {' ← '.join(self.chain)}>"

    def __reduce__(self) -> tuple[Callable[..., PortableSession], tuple[Any, ...]]:
        """Let the keys be pickled with this record alone: they are short-lived."""
        others = {field.name: getattr(self, field.name) for field in fields(self)}
        return _unpickled, (tuple(others.pop("keys")), others)

    def full_config(self) -> dict[str, Any]:
        """Return the settings of the kernel's files, as botocore's ``Session.full_config``."""
        return {"profiles": {self.chain[0]: self.settings}, "services": self.services}

    @interrupts_unshown()
    def open(self) -> NamedSession:
        """Return a boto3 session, for which no file is read."""
        return NamedSession(_WorkerBotocoreSession(self), self.chain)


def _unpickled(keys: tuple[str, ...], others: dict[str, Any]) -> PortableSession:
    return PortableSession(keys=RedactedCredentials(*keys), **others)


@interrupts_unshown()
def portable(session: ProfileSession) -> PortableSession:
    """Return a session with its present credentials, or with those of GetSessionToken.

    For long-term keys, STS returns short-lived credentials, which can't call IAM, and can call only
    AssumeRole and GetCallerIdentity of STS. Raises a child of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    keys, expiry = lendable(session)
    return PortableSession(
        chain=session.chain,
        region=session.region_name,
        settings=session.client_settings(),
        services=session.services(),
        expiry=expiry,
        keys=keys,
    )


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
        """The settings of the kernel's files."""
        return self._full_config
