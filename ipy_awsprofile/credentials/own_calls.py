"""The calls that this package makes for itself, which are declared.

They can use an identity that isn't active, and aren't recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from urllib3.response import HTTPResponse

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.client import BaseClient

#: The member that marks an answer from a handler of botocore's event ``before-send`` instead of a
#: server. Moto's ``mock_aws`` has such a handler.
MOCKED = "Mocked"

#: The entry in a request's context that says that this package makes the call for itself.
OWN_CALL = "ipy_awsprofile own call"


def own_client(client: BaseClient) -> Any:
    """Declare a client's calls as our own, and return the client."""
    client.meta.events.register("provide-client-params", _declare)
    client.meta.events.register("after-call", _mark_mocked)
    return client


def _declare(context: dict[str, object], **_: object) -> None:
    context[OWN_CALL] = True


def _mark_mocked(http_response: AWSResponse, parsed: dict[str, object], **_: object) -> None:
    if not isinstance(http_response.raw, HTTPResponse):
        parsed[MOCKED] = True
