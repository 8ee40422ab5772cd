"""Say whose fault it is if an answer or a file can't be read: never this package's.

botocore reads the answers of servers that aren't AWS, and damaged files, with built-in exceptions
such as KeyError. Here, they become botocore's own errors, which `error_table` translates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import jmespath
from botocore.exceptions import CredentialRetrievalError, UnauthorizedSSOTokenError
from botocore.parsers import ResponseParserError
from urllib3.response import HTTPResponse

from ipy_awsprofile.credentials.error_table import BY_DESIGN
from ipy_awsprofile.errors import modules_of

#: botocore's module whose exceptions are about an answer that isn't AWS's.
PARSERS = "botocore.parsers"

#: The member that marks an answer from a handler of botocore's event ``before-send`` instead of a
#: server. Moto's ``mock_aws`` has such a handler.
MOCKED = "Mocked"

_CREDENTIALS = (
    "Credentials.AccessKeyId && Credentials.SecretAccessKey"
    " && Credentials.SessionToken && Credentials.Expiration"
)

#: What botocore or this package reads in an answer, by operation, as conditions of JMESPath.
#: https://jmespath.org/specification.html
NEEDED = {
    "AssumeRole": _CREDENTIALS,
    "AssumeRoleWithWebIdentity": _CREDENTIALS,
    "GetSessionToken": _CREDENTIALS,
    "GetScopedCredentials": _CREDENTIALS,
    "GetCallerIdentity": "Arn && UserId",
    "GetRoleCredentials": (
        "roleCredentials.accessKeyId && roleCredentials.secretAccessKey"
        " && roleCredentials.sessionToken && roleCredentials.expiration"
    ),
    "ListAccounts": "accountList[?!accountId] == `[]`",
    "ListAccountRoles": "roleList[?!roleName] == `[]`",
    "RegisterClient": "clientId && clientSecret && clientSecretExpiresAt",
    "StartDeviceAuthorization": "deviceCode && userCode && verificationUri && expiresIn",
    "CreateToken": "accessToken && expiresIn",
}


#: The entry in a request's context that says that this package makes the call for itself.
OWN_CALL = "ipy_awsprofile own call"


def own_client(client: Any) -> Any:
    """Return the client for our own calls. An incomplete answer raises ResponseParserError."""
    own_calls(client.meta.events)
    return client


def own_calls(events: Any) -> None:
    """Declare the calls of a client, or of a session's clients, as our own, by its events."""
    events.register("after-call", _require_members)
    events.register("provide-client-params", _declare)


def declare_own(client: Any) -> Any:
    """Declare that this package makes a client's calls for itself, and return the client.

    Such calls can use an identity that isn't active, and aren't recorded.
    """
    client.meta.events.register("provide-client-params", _declare)
    return client


def _declare(context: dict[str, Any], **_: Any) -> None:
    context[OWN_CALL] = True


def _require_members(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    if not isinstance(http_response.raw, HTTPResponse):
        parsed[MOCKED] = True
    is_ok = http_response.status_code == HTTPStatus.OK  # botocore raises the others
    needed = NEEDED.get(model.name, "@")
    if is_ok and not jmespath.search(needed, parsed):
        raise ResponseParserError(f"{http_response.url} answered {model.name} without {needed}.")


@contextmanager
def reading(method: str) -> Iterator[None]:
    """Raise botocore's error for credentials that botocore's own code can't read.

    ``method`` is botocore's name of the provider. For a sign-in, its token file is damaged.
    """
    try:
        yield
    except (LookupError, OverflowError, TypeError, ValueError) as error:
        is_ours = modules_of(error)[-1].startswith("ipy_awsprofile.")
        if is_ours or PARSERS in modules_of(error) or re.search(BY_DESIGN, str(error)):
            raise
        if method in {"sso", "login"}:
            raise UnauthorizedSSOTokenError from None
        raise CredentialRetrievalError(
            provider=method, error_msg=f"unreadable ({type(error).__name__})"
        ) from None
