"""A session as it leaves the kernel: short-lived credentials, and settings.

Roles are assumed in the kernel. A worker, which may be another machine, needs no config file, and
gets no long-term key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials

from ipy_awsprofile.config.shared_files import read_shared_files
from ipy_awsprofile.credentials.botocore_session import SharedBotocoreSession
from ipy_awsprofile.credentials.renewal import quiet_refresh
from ipy_awsprofile.credentials.retries import for_many_profiles
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
    from datetime import datetime

    import boto3


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
        credentials = credentials_of(session)
        while True:
            expiry = expiry_of(credentials)
            frozen = UnshownCredentials(*credentials.get_frozen_credentials())
            if expiry_of(credentials) == expiry:
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
    timeout = timeout_of(session)
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


@dataclass(frozen=True, slots=True, repr=False)
class PortableSession:
    """All that a session is made of elsewhere. Its repr and its text have no secret.

    ``settings`` are what the profile says about its clients, ``services`` the [services] section
    that it names. ``expiry`` (UTC) is when the credentials end; nobody renews them there.
    """

    chain: tuple[str, ...]
    region: str | None
    settings: dict[str, Any]
    services: dict[str, Any]
    expiry: datetime | None
    access_key: str
    secret_key: str
    token: str

    def __repr__(self) -> str:
        return f"<portable session of {' ← '.join(self.chain)}>"

    def full_config(self) -> dict[str, Any]:
        """Give what the kernel's files said, in the form of botocore's ``Session.full_config``."""
        return {"profiles": {self.chain[0]: self.settings}, "services": self.services}

    def open(self) -> NamedSession:
        """Make a boto3 session of it, for which no file is read."""
        return NamedSession(_WorkerBotocoreSession(self), self.chain)


def portable(session: ProfileSession) -> PortableSession:
    """Take a session along as it is now. For long-term keys, STS gives short-lived credentials.

    Those of GetSessionToken can't call IAM, nor STS but for AssumeRole and GetCallerIdentity.
    Raises a child of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    has_token = bool(session.get_credentials().get_frozen_credentials().token)  # type: ignore[union-attr]
    keys, expiry = short_lived(session) if has_token else session_token(session)
    settings = session.target.client_settings()
    named = str(settings.get("services", ""))
    section = read_shared_files(session.target.files).services.get(named)
    return PortableSession(
        chain=session.chain,
        region=session.region_name,
        settings=settings,
        services={named: dict(section)} if section else {},
        expiry=expiry,
        access_key=str(keys.access_key),
        secret_key=str(keys.secret_key),
        token=str(keys.token),
    )


class _WorkerBotocoreSession(SharedBotocoreSession):
    """A botocore session whose config has come along; the worker's own files don't count."""

    def __init__(self, portable: PortableSession) -> None:
        self._brought = portable.full_config()
        super().__init__(portable.chain[0], portable.region)
        self.set_credentials(portable.access_key, portable.secret_key, portable.token)
        if config := for_many_profiles(portable.settings):
            self.set_default_client_config(config)

    @property
    def full_config(self) -> dict[str, Any]:
        """What the files said in the kernel."""
        return self._brought
