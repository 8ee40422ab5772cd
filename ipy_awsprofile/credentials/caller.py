"""Whose credentials are, as STS has reported it. The credentials themselves keep the report."""

from __future__ import annotations

from dataclasses import dataclass

#: The attribute of credentials with the access key ID and its caller.
_ATTRIBUTE = "_ipy_awsprofile_caller"


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The ARN and user ID that STS returns for a set of credentials.

    ``cached`` is True if they come from an earlier STS response in the AWS CLI's cache.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """

    arn: str
    user_id: str
    cached: bool = False

    @property
    def principal(self) -> str:
        """The ARN without the role session name, which can differ for each session."""
        head, _, name = self.arn.rpartition("/")
        return head if ":assumed-role/" in head else f"{head}/{name}"


def note_caller(credentials: object, key: str, caller: CallerIdentity) -> None:
    """Keep with credentials what STS has reported of their keys with this access key ID."""
    setattr(credentials, _ATTRIBUTE, (key, caller))


def caller_of(credentials: object) -> CallerIdentity | None:
    """Return what STS has reported of the current keys of credentials, or None.

    This doesn't renew them.
    """
    noted: tuple[str, CallerIdentity] | None = getattr(credentials, _ATTRIBUTE, None)
    if noted is None:
        return None
    key, caller = noted
    # A renewal replaces the keys. STS may not have reported on the new ones yet.
    return caller if key == _current_key(credentials) else None


def _current_key(credentials: object) -> str | None:
    """Return the access key ID of credentials without renewing them.

    botocore has no public API for this.
    """
    # Credentials that are renewed or read again have this attribute, and a property without "_".
    key: str | None = getattr(credentials, "_access_key", None)
    return key or vars(credentials).get("access_key")
