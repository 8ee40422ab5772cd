"""The clients of our own calls: they end in time, and only AWS's responses come back from them.

What isn't AWS can answer anything, and botocore's parsers and what uses their results raise any
exception then. Here it is one, ResponseParserError, which translation knows, and whose text doesn't
quote the response.

Ctrl-C waits until a request is signed. With ``botocore[crt]``, AWS's library in C signs, and calls
Python for each header and when it has finished. In such a call, an interrupt is lost, becomes
another error, or makes botocore wait forever.

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
    """Return a client of botocore, whose calls now end in time and have responses of AWS."""
    # There isn't a public way to change one client; the session's other clients are the user's.
    endpoint = client._endpoint  # noqa: SLF001
    endpoint.http_session = _AwsHttp(endpoint.http_session, client.meta.config.read_timeout)
    endpoint._response_parser_factory = _Parsers(endpoint._response_parser_factory)  # noqa: SLF001
    signer = client._request_signer  # noqa: SLF001
    signer.get_auth_instance = partial(_uninterrupted_auth, signer.get_auth_instance)
    return client


def _uninterrupted_auth(create: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return botocore's signer of a request; Ctrl-C now waits until it has signed.

    It has its credentials already. Getting them can take long, and Ctrl-C must end that.
    """
    auth = create(*args, **kwargs)
    add_auth = auth.add_auth

    def sign(request: Any) -> None:
        with Uninterrupted(signal.SIGINT):
            add_auth(request)

    auth.add_auth = sign
    return auth


class _AwsHttp(BoundedHttp):
    """Sends requests to AWS, which a proxy can answer instead if they are without TLS."""

    def send(self, request: Any) -> AWSResponse:
        """Return the response. Raises ProxyConnectionError if it is the refusal of a proxy."""
        response = super().send(request)
        if request.url.startswith("http://") and _is_page_of_refusal(response):
            # There isn't a public way to find out which proxy it was.
            proxy = self._session._proxy_config.proxy_url_for(request.url)  # noqa: SLF001
            if proxy:
                status = HTTPStatus(response.status_code)
                error = f"{status.value} {status.phrase}"
                raise ProxyConnectionError(proxy_url=mask_proxy_url(proxy), error=error)
        return response


def _is_page_of_refusal(response: AWSResponse) -> bool:
    """Return whether a response is as a proxy refuses: AWS doesn't send pages."""
    if response.status_code == HTTPStatus.FORBIDDEN:
        return "html" in response.headers.get("Content-Type", "")
    return response.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED


class TextHttp(BoundedHttp):
    """Sends requests to a metadata service, whose responses are texts."""

    def send(self, request: Any) -> AWSResponse:
        """Return the response; if it isn't text, raise an error that botocore retries."""
        response = super().send(request)
        try:
            response.content.decode()
        except UnicodeDecodeError:  # it would be blamed on a file
            raise ConnectionClosedError(endpoint_url=request.url) from None
        return response


class _Parsers:
    """Creates parsers as botocore's ``ResponseParserFactory`` does."""

    def __init__(self, parsers: Any) -> None:
        self._parsers = parsers

    def create_parser(self, protocol: str) -> _Parser:
        """Return the parser of a protocol."""
        return _Parser(self._parsers.create_parser(protocol))


class _Parser:
    """A parser that raises ResponseParserError for whatever isn't a response of the model."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def parse(self, response: Any, shape: Any) -> Any:
        """Return the parsed response."""
        try:
            parsed = self._parser.parse(response, shape)
        except Exception:  # noqa: BLE001  # the text can quote the response
            parsed = None
        if not isinstance(parsed, dict) or (shape and not _fits(parsed, shape)):
            raise ResponseParserError("The response isn't one of AWS.")
        return parsed


#: No time, size or duration in a response is greater: milliseconds until the year 9999.
_MOST = 253_402_300_799_999

_TYPES: dict[str, type[Any] | tuple[type[Any], ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "timestamp": datetime,
    "boolean": bool,
}


def _fits(value: Any, shape: Any) -> bool:
    """Return whether a value has the type of its shape; missing members are ignored."""
    if shape.type_name == "structure":
        return isinstance(value, dict) and all(
            _fits(value[name], member) for name, member in shape.members.items() if name in value
        )
    if shape.type_name == "list":
        return isinstance(value, list) and all(_fits(one, shape.member) for one in value)
    if shape.type_name in {"integer", "long"} and isinstance(value, int):
        return abs(value) <= _MOST
    return isinstance(value, _TYPES.get(shape.type_name, object))
