"""Short-lived credentials and client settings of a session, for use outside botocore.

Workers, child processes and libraries in other languages get them. Long-term keys never leave the
kernel: STS issues short-lived credentials for them, or there is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.credentials.sts import (
    RedactedCredentials,
    freeze_credentials,
    issue_session_token,
)
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AwsProfileError, CredentialsUnavailable
from ipy_awsprofile.sessions.session import (
    ProfileSession,
    credentials_of,
    expiry_of,
    names_of_chain,
    own_sts_client,
)

if TYPE_CHECKING:
    import boto3

#: botocore renews credentials this long before they expire.
_ABOUT_TO_END = timedelta(minutes=15)


#: Programs ask again after this time, so they follow a switch. boto3 asks 15 minutes earlier.
ASK_AGAIN = timedelta(minutes=20)


def present_credentials(session: boto3.Session) -> tuple[RedactedCredentials, datetime | None]:
    """Return the session's current credentials, and their expiry (UTC).

    Raises a subclass of `AwsProfileError` if the credentials can't be renewed.
    """
    with translated(names_of_chain(session)):
        credentials = credentials_of(session)
        frozen = freeze_credentials(credentials)  # before the expiry, which renewing changes
        return frozen, expiry_of(credentials)


def current_keys(session: boto3.Session) -> RedactedCredentials:
    """Return the session's credentials without renewing them, even if they have expired."""
    credentials: Any = credentials_of(session)
    if "_frozen_credentials" in vars(credentials):
        return RedactedCredentials(*credentials._frozen_credentials)  # noqa: SLF001  # not public
    return freeze_credentials(credentials)


def short_lived(
    session: boto3.Session, *, renew: bool = True
) -> tuple[RedactedCredentials, datetime | None]:
    """Return the session's current credentials, and their expiry (UTC).

    Without ``renew``, this doesn't call AWS, and they can have expired. Raises
    CredentialsUnavailable for long-term keys, and other subclasses of `AwsProfileError`.
    """
    frozen, expiry = present_credentials(session) if renew else (current_keys(session), None)
    if not frozen.token:
        raise CredentialsUnavailable(
            "These are long-term keys, which never leave the kernel.",
            "Use the name of the profile that has them, or switch to a role.",
        )
    return frozen, expiry


def session_token(
    session: boto3.Session, *, serial: str | None = None, ask: Callable[[], str] = str
) -> tuple[RedactedCredentials, datetime]:
    """Return short-lived credentials for the session's long-term keys, and their expiry (UTC).

    The credentials are valid for 12 hours. To use them to assume roles that require MFA, pass the
    ``serial`` number of an MFA device, and ``ask``, which returns a code from the device. Raises a
    subclass of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    with translated(names_of_chain(session)):
        sts = own_sts_client(session)
        device = {"SerialNumber": serial, "TokenCode": ask()} if serial else {}
        return issue_session_token(sts, **device)


def lendable(session: boto3.Session) -> tuple[RedactedCredentials, datetime | None]:
    """Return short-lived credentials that can be shared, and their expiry (UTC).

    These are the session's own credentials. For long-term keys, STS issues short-lived credentials,
    which a `ProfileSession` reuses until shortly before they expire. They can't call IAM, and can
    call only AssumeRole and GetCallerIdentity in STS. Raises a subclass of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    frozen, expiry = present_credentials(session)
    if frozen.token:
        return frozen, expiry
    if not isinstance(session, ProfileSession):
        return session_token(session)
    if session.target.store:
        raise CredentialsUnavailable(
            f"`{session.target.name}` has long-term keys of {session.target.store}, which never "
            "leave the kernel.",
            "Use boto3, s3fs, polars or another library that reads the profile's name in "
            "AWS_PROFILE, or pass the keys to the library yourself.",
        )
    with session.issuing:
        issued = session.issued
        if not issued or issued[0] != frozen or issued[2] - datetime.now(UTC) <= _ABOUT_TO_END:
            issued = session.issued = (frozen, *session_token(session))
        return issued[1:]


def lent_document(session: boto3.Session) -> dict[str, Any]:
    """Return the credentials of `lendable`, which programs replace within 20 minutes, or an error.

    Raises no error of AWS, because a program waits for the message.
    """
    try:
        keys, expiry = lendable(session)
    except AwsProfileError as error:
        return error_document(error)
    return credentials_document(keys, expiry, datetime.now(UTC) + ASK_AGAIN)


def error_document(error: AwsProfileError) -> dict[str, str]:
    """Return an error as programs get it instead of credentials."""
    return {"Code": type(error).__name__, "Message": f"{error} {error.hint}".strip()}


def credentials_document(
    keys: RedactedCredentials, expiry: datetime | None, replaced: datetime
) -> dict[str, Any]:
    """Return credentials as processes and containers return them to SDKs.

    Programs use them until they expire or must be ``replaced``, whichever is first. A
    ``credential_process`` names the token ``SessionToken``, and a container ``Token``.
    """
    ends = min(filter(None, (expiry, replaced)))
    token = str(keys.token)
    return {
        "Version": 1,
        "AccessKeyId": str(keys.access_key),
        "SecretAccessKey": str(keys.secret_key),
        "SessionToken": token,
        "Token": token,
        "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }
