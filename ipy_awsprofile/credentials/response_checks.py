"""Clients for our own calls, with time limits and a check that responses come from AWS.

Other servers can return any response, which can make botocore's parsers and the code that uses
their results raise any exception. This module raises ResponseParserError instead. `translation`
handles this exception, and its message doesn't quote the response.

Ctrl-C is deferred until a request is signed. With ``botocore[crt]``, AWS's C library signs
requests, and calls Python for each header and at the end. An interrupt during such a call is lost,
turns into another error, or makes botocore wait forever.

https://botocore.amazonaws.com/v1/documentation/api/latest/development/designnotes.html
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ProxyConnectionError
from botocore.httpsession import mask_proxy_url
from botocore.parsers import ResponseParserError

from ipy_awsprofile.credentials.deadline import BoundedHttp
from ipy_awsprofile.credentials.interrupts import Uninterrupted


def guarded(client: Any) -> Any:
    """Add time limits and response checks to a botocore client, and return the client."""
    # botocore has no public API to change a single client. Other clients belong to the user.
    endpoint = client._endpoint  # noqa: SLF001
    endpoint.http_session = _AwsHttp(endpoint.http_session, client.meta.config.read_timeout)
    endpoint._response_parser_factory = _Parsers(endpoint._response_parser_factory)  # noqa: SLF001
    signer = client._request_signer  # noqa: SLF001
    signer.get_auth_instance = partial(_uninterrupted_auth, signer.get_auth_instance)
    return client


def _uninterrupted_auth(create: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return botocore's request signer, modified to defer Ctrl-C while it signs.

    The signer already has its credentials. Ctrl-C can still interrupt their retrieval, which can
    take long.
    """
    auth = create(*args, **kwargs)
    add_auth = auth.add_auth

    def sign(request: Any) -> None:
        with Uninterrupted(signal.SIGINT):
            add_auth(request)

    auth.add_auth = sign
    return auth


class _AwsHttp(BoundedHttp):
    """Sends requests to AWS. Without TLS, a proxy can respond instead of AWS."""

    def send(self, request: Any) -> AWSResponse:
        """Return the response. Raises ProxyConnectionError if a proxy refused the request."""
        response = super().send(request)
        if request.url.startswith("http://") and _is_page_of_refusal(response):
            # botocore has no public API to determine the proxy.
            proxy = self._session._proxy_config.proxy_url_for(request.url)  # noqa: SLF001
            if proxy:
                status = HTTPStatus(response.status_code)
                error = f"{status.value} {status.phrase}"
                raise ProxyConnectionError(proxy_url=mask_proxy_url(proxy), error=error)
        return response


def _is_page_of_refusal(response: AWSResponse) -> bool:
    """Return whether a response is a proxy's refusal. AWS doesn't return HTML pages."""
    if response.status_code == HTTPStatus.FORBIDDEN:
        return "html" in response.headers.get("Content-Type", "")
    return response.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED


class TextHttp(BoundedHttp):
    """Sends requests to a metadata service, which returns text."""

    def send(self, request: Any) -> AWSResponse:
        """Return the response. If it isn't text, raise an exception that botocore retries."""
        response = super().send(request)
        try:
            response.content.decode()
        except UnicodeDecodeError:  # would be reported as an unreadable file
            raise ConnectionClosedError(endpoint_url=request.url) from None
        return response


class _Parsers:
    """Creates parsers like botocore's ``ResponseParserFactory``."""

    def __init__(self, parsers: Any) -> None:
        self._parsers = parsers

    def create_parser(self, protocol: str) -> _Parser:
        """Return the parser for a protocol."""
        return _Parser(self._parsers.create_parser(protocol))


class _Parser:
    """A parser that raises ResponseParserError for a response that doesn't match the model."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def parse(self, response: Any, shape: Any) -> Any:
        """Return the parsed response."""
        try:
            parsed = self._parser.parse(response, shape)
        except Exception:  # noqa: BLE001  # its message can quote the response
            parsed = None
        if not isinstance(parsed, dict) or (shape and not _fits(parsed, shape)):
            raise ResponseParserError("The response isn't one of AWS.")
        return parsed


#: The maximum time, size or duration in a response: milliseconds until the year 9999.
_MOST = 253_402_300_799_999

_TYPES: dict[str, type[Any] | tuple[type[Any], ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "timestamp": datetime,
    "boolean": bool,
}


def _fits(value: Any, shape: Any) -> bool:
    """Return whether a value matches the type of its shape. Ignore missing members."""
    if shape.type_name == "structure":
        return isinstance(value, dict) and all(
            _fits(value[name], member) for name, member in shape.members.items() if name in value
        )
    if shape.type_name == "list":
        return isinstance(value, list) and all(_fits(one, shape.member) for one in value)
    if shape.type_name in {"integer", "long"} and isinstance(value, int):
        return abs(value) <= _MOST
    return isinstance(value, _TYPES.get(shape.type_name, object))
