"""Say whose fault it is if an answer or a file can't be read: never this package's.

botocore reads the answers of servers that aren't AWS, and damaged files, with built-in exceptions
such as KeyError. Here, they become botocore's own errors, which `error_table` translates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jmespath
from botocore.exceptions import CredentialRetrievalError, UnauthorizedSSOTokenError
from botocore.parsers import ResponseParserError

from ipy_awsprofile.credentials.error_table import BY_DESIGN
from ipy_awsprofile.errors import modules_of


def _all(*paths: str) -> str:
    return " && ".join(paths)


_CREDENTIALS = _all(
    *("Credentials.AccessKeyId", "Credentials.SecretAccessKey"),
    *("Credentials.SessionToken", "Credentials.Expiration"),
)

#: What botocore or this package reads in an answer, by operation, as conditions of JMESPath.
#: https://jmespath.org/specification.html
_NEEDED = {
    "AssumeRole": _CREDENTIALS,
    "AssumeRoleWithWebIdentity": _CREDENTIALS,
    "GetSessionToken": _CREDENTIALS,
    "GetScopedCredentials": _CREDENTIALS,
    "GetCallerIdentity": _all("Arn", "UserId"),
    "GetRoleCredentials": _all(
        *("roleCredentials.accessKeyId", "roleCredentials.secretAccessKey"),
        *("roleCredentials.sessionToken", "roleCredentials.expiration"),
    ),
    "ListAccounts": "accountList == `[]` || accountList[0].accountId",
    "ListAccountRoles": "roleList == `[]` || roleList[0].roleName",
    "RegisterClient": _all("clientId", "clientSecret", "clientSecretExpiresAt"),
    "StartDeviceAuthorization": _all("deviceCode", "userCode", "verificationUri", "expiresIn"),
    "CreateToken": _all("accessToken", "expiresIn"),
}


def with_checked_answers(client: Any) -> Any:
    """Return the client, which raises ResponseParserError for an answer that isn't from AWS."""
    client.meta.events.register("after-call", _require_members)
    return client


def _require_members(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    is_error = http_response.status_code >= 300  # noqa: PLR2004  # botocore raises these
    if not is_error and not jmespath.search(_NEEDED.get(model.name, "@"), parsed):
        raise ResponseParserError(f"The answer to {model.name} isn't complete.")


def is_unreadable(error: BaseException) -> bool:
    """Return whether botocore's parser has raised an exception for an answer that isn't AWS's."""
    return "botocore.parsers" in modules_of(error)


@contextmanager
def reading(method: str) -> Iterator[None]:
    """Raise botocore's error for credentials that botocore's own code can't read.

    ``method`` is botocore's name of the provider. For a sign-in, the file of its token is damaged.
    """
    try:
        yield
    except (LookupError, OverflowError, TypeError, ValueError) as error:
        is_ours = modules_of(error)[-1].startswith("ipy_awsprofile.")
        if is_ours or is_unreadable(error) or re.search(BY_DESIGN, str(error)):
            raise
        if method in {"sso", "login"}:
            raise UnauthorizedSSOTokenError from None
        kind = type(error).__name__
        raise CredentialRetrievalError(provider=method, error_msg=f"unreadable ({kind})") from None
