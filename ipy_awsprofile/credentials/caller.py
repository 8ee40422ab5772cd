"""The caller identity that STS reports for credentials, stored on the credentials object."""

from __future__ import annotations

from dataclasses import dataclass

#: The attribute of credentials with the access key ID and its caller.
_ATTRIBUTE = "_ipy_awsprofile_caller"


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The ARN and user ID that STS returns for a set of credentials.

    ``cached`` is True if the identity comes from an earlier STS response in the AWS CLI's cache.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """

    arn: str
    user_id: str
    cached: bool = False

    @property
    def principal(self) -> str:
        """The ARN without the role session name, which can differ between sessions."""
        head, _, name = self.arn.rpartition("/")
        return head if ":assumed-role/" in head else f"{head}/{name}"


def note_caller(credentials: object, key: str, caller: CallerIdentity) -> None:
    """Store in ``credentials`` the identity that STS reported for the access key ID ``key``."""
    setattr(credentials, _ATTRIBUTE, (key, caller))


def caller_of(credentials: object) -> CallerIdentity | None:
    """Return the identity that STS has reported for the credentials' current keys, or None.

    This function doesn't renew the credentials.
    """
    noted: tuple[str, CallerIdentity] | None = getattr(credentials, _ATTRIBUTE, None)
    if noted is None:
        return None
    key, caller = noted
    # A renewal replaces the keys. STS may not have reported on the new ones yet.
    return caller if key == _current_key(credentials) else None


def _current_key(credentials: object) -> str | None:
    """Return the current access key ID of credentials without renewing the credentials.

    botocore doesn't have a public API to read the key without a renewal.
    """
    # Credentials that are renewed or read again have this attribute, and a property without "_".
    key: str | None = getattr(credentials, "_access_key", None)
    return key or vars(credentials).get("access_key")
