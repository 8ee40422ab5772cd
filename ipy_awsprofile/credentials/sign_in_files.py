"""The AWS CLI's file for a sign-in: its path, its expiry, and whether it has changed.

This module doesn't assign tokens to variables, because a traceback could show them.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1
from pathlib import Path

from botocore.utils import generate_login_cache_key

from ipy_awsprofile.config.files import version_of
from ipy_awsprofile.credentials.cli_caches import (
    login_cache,
    login_files,
    sso_cache,
    token_files,
)
from ipy_awsprofile.credentials.validation import parse_time


@dataclass(frozen=True, slots=True)
class SignInFile:
    """The file of a sign-in, whether or not it exists.

    ``start_url`` is the start URL of IAM Identity Center; it is empty for ``aws login``.
    """

    path: Path
    start_url: str = ""

    @classmethod
    def of_sso(cls, start_url: str, session: str | None) -> SignInFile:
        """Return the file of an IAM Identity Center sign-in, with or without an [sso-session]."""
        key = sha1((session or start_url).encode(), usedforsecurity=False).hexdigest()
        return cls(sso_cache() / f"{key}.json", start_url)

    @classmethod
    def of_login(cls, login_session: str) -> SignInFile:
        """Return the file of ``aws login`` for a login_session."""
        return cls(login_cache() / f"{generate_login_cache_key(login_session)}.json")

    def expiry(self) -> datetime | None:
        """Return the expiry of the sign-in (UTC).

        Return None if the file is missing, unusable, or for a different start URL.
        """
        key = self.path.stem
        try:
            if not self.start_url:
                return parse_time(login_files()[key]["accessToken"]["expiresAt"])
            start_url, expiry = map(token_files()[key].get, ("startUrl", "expiresAt"))
        except KeyError:
            return None
        is_other = start_url is not None and comparable(start_url) != comparable(self.start_url)
        return None if is_other else parse_time(expiry)


def comparable(start_url: object) -> str:
    """Return a start URL without the characters that the access portal appends."""
    return str(start_url).rstrip("/#")


class SignInWatch:
    """Detects when a program stores a valid sign-in after the watch started."""

    def __init__(self, file: SignInFile) -> None:
        self._file = file
        self._version = version_of(file.path)

    def is_signed_in(self) -> bool:
        """Return whether the file has changed and has a sign-in that hasn't expired."""
        version = version_of(self._file.path)
        if version == self._version:
            return False
        self._version = version  # the AWS CLI writes in place, so a partial file changes again
        expiry = self._file.expiry()
        return expiry is not None and expiry > datetime.now(UTC)
