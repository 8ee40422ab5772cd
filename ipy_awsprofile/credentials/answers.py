"""Say whose fault it is if an answer or a file can't be read: never this package's.

botocore reads the answers of servers that aren't AWS, and damaged files, with built-in exceptions
such as KeyError. Here, they become botocore's own errors, which `error_table` translates.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import CredentialRetrievalError, UnauthorizedSSOTokenError
from botocore.parsers import ResponseParserError

from ipy_awsprofile.credentials.error_table import BY_DESIGN

_CREDENTIALS = tuple(
    f"Credentials.{name}"
    for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
)

#: The members of answers that botocore or this package reads, by operation.
_NEEDED = {
    "AssumeRole": _CREDENTIALS,
    "AssumeRoleWithWebIdentity": _CREDENTIALS,
    "GetSessionToken": _CREDENTIALS,
    "GetScopedCredentials": _CREDENTIALS,
    "GetCallerIdentity": ("Arn", "UserId"),
    "GetRoleCredentials": tuple(
        f"roleCredentials.{name}"
        for name in ("accessKeyId", "secretAccessKey", "sessionToken", "expiration")
    ),
    "ListAccounts": ("accountList.accountId",),
    "ListAccountRoles": ("roleList.roleName",),
    "RegisterClient": ("clientId", "clientSecret", "clientSecretExpiresAt"),
    "StartDeviceAuthorization": ("deviceCode", "userCode", "verificationUri", "expiresIn"),
    "CreateToken": ("accessToken", "expiresIn"),
}


def with_checked_answers(client: Any) -> Any:
    """Return the client, which raises ResponseParserError for an answer that isn't from AWS."""
    client.meta.events.register("after-call", _require_members)
    return client


def _require_members(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    is_error = http_response.status_code >= 300  # noqa: PLR2004  # botocore raises these
    for path in () if is_error else _NEEDED.get(model.name, ()):
        if not _has(parsed, path.split(".")):
            raise ResponseParserError(f"The answer to {model.name} has no {path}.")


def _has(value: Any, path: list[str]) -> bool:
    """Return whether a value, or each value of a list, has a member."""
    if isinstance(value, list):
        return all(_has(item, path) for item in value)
    if not path:
        return value not in (None, "")
    return isinstance(value, dict) and _has(value.get(path[0]), path[1:])


def is_unreadable(error: BaseException) -> bool:
    """Return whether botocore's parser has raised an exception for an answer that isn't AWS's."""
    names = (frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__))
    return "botocore.parsers" in names


@contextmanager
def reading(method: str) -> Iterator[None]:
    """Raise botocore's error for credentials that botocore's own code can't read.

    ``method`` is botocore's name of the provider. For a sign-in, the file of its token is damaged.
    """
    try:
        yield
    except (LookupError, OverflowError, TypeError, ValueError) as error:
        *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
        is_ours = str(frame.f_globals.get("__name__", "")).startswith("ipy_awsprofile.")
        if is_ours or is_unreadable(error) or re.search(BY_DESIGN, str(error)):
            raise
        if method in {"sso", "login"}:
            raise UnauthorizedSSOTokenError from None
        kind = type(error).__name__
        raise CredentialRetrievalError(provider=method, error_msg=f"unreadable ({kind})") from None
