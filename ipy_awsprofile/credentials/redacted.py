"""Credentials that tracebacks and outputs don't show."""

from __future__ import annotations

from typing import Any

from botocore.credentials import ReadOnlyCredentials

from ipy_awsprofile.config.private import StaysInProcess


class RedactedCredentials(StaysInProcess, ReadOnlyCredentials):
    """Credentials with a repr that keeps them out of tracebacks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def freeze_credentials(credentials: Any) -> RedactedCredentials:
    """Return a consistent copy of botocore credentials, which renews them if they are expiring."""
    return RedactedCredentials(*credentials.get_frozen_credentials())
