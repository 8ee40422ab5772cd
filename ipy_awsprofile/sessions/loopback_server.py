"""Connections, requests and responses of the servers on 127.0.0.1, within limits.

Every user of the machine can connect to these servers, and browsers can open connections without
sending a request. Therefore, each connection has its own thread, a request has to arrive in time,
and the oldest connection is closed if there are too many.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

#: The maximum number of open connections without an authorized request.
MOST_CONNECTIONS = 100

#: Total time in seconds to wait for the bytes of a request, and timeout for each write.
_REQUEST_TIMEOUT = 10.0


class LoopbackConnections:
    """The open connections of a server, and their threads."""

    def __init__(self) -> None:
        self._threads_of: dict[socket.socket, threading.Thread] = {}  # oldest first

    def handle(
        self, connection: socket.socket, handler: Callable[..., object], *arguments: object
    ) -> None:
        """Call a handler in a new thread. Close the oldest connection if there are too many."""
        connections = list(self._threads_of.items())
        if len(connections) >= MOST_CONNECTIONS:
            _end(*connections[0])

        def run() -> None:
            try:
                handler(*arguments)
            finally:
                self.exempt(connection)

        thread = threading.Thread(target=run, name="loopback connection", daemon=True)
        self._threads_of[connection] = thread
        thread.start()

    def exempt(self, connection: socket.socket) -> None:
        """Stop counting a connection, and don't close it, because its request is authorized."""
        self._threads_of.pop(connection, None)

    def close(self) -> None:
        """Close all connections, but finish sending responses first."""
        for connection, thread in list(self._threads_of.items()):
            _end(connection, thread)


def _end(connection: socket.socket, thread: threading.Thread) -> None:
    """Stop a connection's thread from reading, and wait until it closes the connection."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
    thread.join(_REQUEST_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Response:
    """A response. Its repr doesn't show the body or headers, which can be secret."""

    status: HTTPStatus
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status.value}>"


class LoopbackRequest(BaseHTTPRequestHandler):
    """A request that has to arrive within ``timeout`` seconds, even if its bytes trickle in."""

    timeout = _REQUEST_TIMEOUT
    server_version = "ipy_awsprofile"
    sys_version = ""

    def setup(self) -> None:
        """Limit the total time for reading, because the base class limits each read."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_LimitedReader(self.connection, self.timeout))

    def response(self) -> Response:
        """Return the response to a GET request."""
        raise NotImplementedError

    def do_GET(self) -> None:  # the base class requires this name
        """Send the response."""
        response = self.response()
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, *_: object) -> None:
        """Do nothing: standard error appears in the notebook, and paths can contain a code."""


class _LimitedReader(io.RawIOBase):
    """Reads from a connection, and waits for a total number of seconds."""

    def __init__(self, connection: Any, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._left = seconds

    def readable(self) -> bool:
        """Return True, as `io.BufferedReader` requires."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the bytes that arrive next. Raises TimeoutError."""
        if self._left <= 0:
            raise TimeoutError
        started = time.monotonic()
        self._connection.settimeout(self._left)
        try:
            return int(self._connection.recv_into(buffer))
        finally:
            self._left -= time.monotonic() - started
            self._connection.settimeout(self._seconds)  # for writing
