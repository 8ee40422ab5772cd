"""Validate the credentials from a source before botocore uses them.

A process, a container or a file can return anything. Error messages never quote a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from dateutil.parser import parse


def parse_time(text: object) -> datetime | None:
    """Parse a time (UTC) like botocore; return None if it is invalid or has no time zone."""
    if not isinstance(text, str):
        return None
    try:
        time = _canonical(text) or parse(text)
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError, RecursionError):
        return None


def _canonical(text: str) -> datetime | None:
    """Parse a time (UTC) in the formats that AWS, the AWS CLI and botocore write.

    Return None for any other format. botocore's parser needs much longer, because it guesses.
    """
    text = _UTC.sub("+00:00", text)
    with suppress(ValueError):
        time = datetime.fromisoformat(text)
        return time if time.isoformat() == text and text.endswith("+00:00") else None
    return None


_UTC = re.compile(r"(Z|UTC)\Z")


class UnusableCredentialsError(Exception):
    """Credentials can't be used to sign requests. The message gives the reason as a clause."""


def require_usable(credentials: Mapping[str, object] | None) -> None:
    """Raise UnusableCredentialsError if botocore or HTTP can't use these credentials.

    ``credentials`` has botocore's names: ``access_key``, ``secret_key``, ``token`` and
    ``expiry_time``. The last two can be missing or empty.
    """
    if problem := _problem_of(credentials):
        raise UnusableCredentialsError(problem)


def _problem_of(credentials: Mapping[str, object] | None) -> str:
    if not credentials:
        return "there are none"
    key, secret, token = (credentials.get(name) for name in ("access_key", "secret_key", "token"))
    if not _fits_header(key):
        return "the access key ID is invalid"
    if not (isinstance(secret, str) and secret):
        return "the secret access key is invalid"
    if token and not _fits_header(token):
        return "the session token is invalid"
    if not credentials.get("expiry_time"):
        return ""
    expiry = parse_time(credentials["expiry_time"])
    if expiry is None:
        return "the Expiration isn't a time with a time zone"
    left = expiry - datetime.now(UTC)
    if left <= timedelta():
        return "they had already expired"
    return "they expire in less than 5 seconds" if left < _TOO_SHORT else ""


#: If credentials expire while botocore retrieves them, the user's calls raise RuntimeError.
_TOO_SHORT = timedelta(seconds=5)


def _fits_header(value: object) -> bool:
    """Return whether a value is valid in a header. The HTTP client's error would quote it."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def unfit_for_header(text: str) -> bool:
    """Return whether a token is invalid in a header."""
    try:
        text.encode("latin-1")
    except UnicodeError:
        return True
    return "\r" in text or "\n" in text


def unusable_key(name: str, value: str) -> bool:
    """Return whether a nonempty access key setting can't be used to sign requests."""
    return name != "aws_secret_access_key" and bool(value) and not _fits_header(value)


def is_temporary(key_id: str) -> bool:
    """Return whether STS issued an access key, which requires a session token.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    """
    return key_id.startswith("ASIA")


def is_sso_token(document: Any) -> bool:
    """Return whether botocore can use a document as a sign-in token, even if it has expired."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("accessToken"), str)
        and parse_time(document.get("expiresAt")) is not None
        and parse_time(document.get("registrationExpiresAt", document["expiresAt"])) is not None
    )


def is_login(document: Any) -> bool:
    """Return whether botocore can use a document as the credentials of `aws login`."""
    access = document.get("accessToken") if isinstance(document, dict) else None
    return (
        isinstance(access, dict)
        and all(isinstance(access.get(name), str) for name in _LOGIN_KEYS)
        and all(isinstance(document.get(name, ""), str) for name in _LOGIN_RENEWAL)
        and parse_time(access.get("expiresAt")) is not None
    )


def is_renewable_login(document: Any) -> bool:
    """Return whether a document also has the fields for renewing the credentials."""
    return is_login(document) and document.keys() >= _LOGIN_FIELDS


#: The fields that botocore requires in a file of `aws login`, even before renewal.
_LOGIN_FIELDS = {"accessToken", "refreshToken", "dpopKey", "clientId"}

_LOGIN_KEYS = ("accessKeyId", "secretAccessKey", "sessionToken", "accountId")
_LOGIN_RENEWAL = ("clientId", "dpopKey", "refreshToken")
