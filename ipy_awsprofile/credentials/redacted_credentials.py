"""Credentials whose repr is not a secret."""

from __future__ import annotations

from botocore.credentials import ReadOnlyCredentials

from ipy_awsprofile.config.stays_in_process import StaysInProcess


class RedactedCredentials(StaysInProcess, ReadOnlyCredentials):
    """Credentials that a traceback with its variables doesn't show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
