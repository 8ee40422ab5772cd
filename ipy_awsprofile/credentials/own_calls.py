"""The calls that this package makes for itself: they are declared, and their answers complete.

They can use an identity that isn't active, and aren't recorded. A page of a proxy, or the answer of
a server that isn't AWS, can lack what botocore or this package reads in it. Then botocore's own
error is raised, which `error_table` translates.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import jmespath
from botocore.parsers import ResponseParserError
from urllib3.response import HTTPResponse

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
    client.meta.events.register("after-call", _require_members)
    return declare_own(client)


def declare_own(client: Any) -> Any:
    """Declare a client's calls as our own, and return the client. The answers can have any form."""
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
