"""The embedded AWS as a server."""

from __future__ import annotations

import socket
import threading
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.aws import EmbeddedAws


def test_a_client_that_hangs_up(aws: EmbeddedAws, caplog: pytest.LogCaptureFixture) -> None:
    """A client that is interrupted in the middle of a request leaves no message in the demo."""
    host, _, port = aws.endpoint_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: aws\r\nContent-Length: 100\r\n\r\nAction=")
    with pytest.raises(HTTPError):  # the server accepts the connections in order
        urlopen(aws.endpoint_url)
    for thread in threading.enumerate():
        if "process_request" in thread.name:
            thread.join()
    assert [record for record in caplog.records if record.name == "werkzeug"] == []
