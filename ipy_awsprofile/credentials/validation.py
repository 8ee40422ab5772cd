"""What a source of credentials has given, looked at before botocore stumbles over it.

A process, a container and a file can hold anything. Nothing of it is quoted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dateutil.parser import parse


def parse_time(text: object) -> datetime | None:
    """Read a time (UTC) as botocore does; None if it is none, or has no zone."""
    if not isinstance(text, str):
        return None
    try:
        read = parse(text)
        return read.astimezone(UTC) if read.tzinfo else None
    except (ValueError, OverflowError):
        return None


class UnusableCredentialsError(Exception):
    """Credentials that can't be signed with; the text says why, in half a sentence."""


def require_usable(given: Mapping[str, object] | None) -> None:
    """Raise UnusableCredentialsError if botocore or HTTP would stumble over these credentials.

    Their names are botocore's: ``access_key``, ``secret_key``, ``token`` and ``expiry_time``; the
    last two can be absent or empty.
    """
    if problem := _flaw(given):
        raise UnusableCredentialsError(problem)


def _flaw(given: Mapping[str, object] | None) -> str:
    if not given:
        return "there were none"
    key, secret, token = (given.get(name) for name in ("access_key", "secret_key", "token"))
    if not _fits_header(key):
        return "the access key ID isn't one"
    if not (isinstance(secret, str) and secret):
        return "the secret access key isn't one"
    if token and not _fits_header(token):
        return "the session token isn't one"
    ends = given.get("expiry_time")
    if not ends:
        return ""
    until = parse_time(ends)
    if until is None:
        return "the Expiration is no time with a zone"
    return "they had expired before they came" if until <= datetime.now(UTC) else ""


def _fits_header(value: object) -> bool:
    """Say whether a value can be sent; HTTP's error about one that can't would quote it."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def is_sso_token(document: Any) -> bool:
    """Say whether botocore can read a document as the token of a sign-in, expired or not."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("accessToken"), str)
        and parse_time(document.get("expiresAt")) is not None
        and parse_time(document.get("registrationExpiresAt", document["expiresAt"])) is not None
    )


def is_login(document: Any) -> bool:
    """Say whether botocore can read a document as what `aws login` has stored."""
    access = document.get("accessToken") if isinstance(document, dict) else None
    return (
        isinstance(access, dict)
        and all(isinstance(access.get(name), str) for name in _LOGIN_KEYS)
        and parse_time(access.get("expiresAt")) is not None
    )


_LOGIN_KEYS = ("accessKeyId", "secretAccessKey", "sessionToken", "accountId")
