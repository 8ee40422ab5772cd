"""Serve a temporary page on 127.0.0.1 for this machine's browser.

Browsers can open connections without sending a request, and any process on the machine can connect.
Therefore, each connection has its own thread and timeout, and the oldest is closed if there are too
many. On Linux, the page refuses connections of other users, because they can see its address in the
arguments of the browser's process.

https://www.rfc-editor.org/rfc/rfc8252#section-7.3
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from ipy_awsprofile.errors import CredentialsUnavailable

#: Timeout in seconds for each read from a connection, and for each write.
_REQUEST_TIMEOUT = 10.0

#: The maximum number of open connections.
_MOST_CONNECTIONS = 100

#: Seconds between checks whether the page was closed.
_POLL_INTERVAL = 0.05


@dataclass(frozen=True, slots=True)
class Response:
    """A response. Its repr doesn't show the body or headers, which can be secret."""

    status: HTTPStatus
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status.value}>"


class LoopbackPage:
    """Responds to requests until `close` is called, or for the given number of ``seconds``.

    ``respond`` returns the response for a path with its query. Several threads can call it at once.
    If ``is_done`` returns True after a response, the page closes automatically. Raises
    CredentialsUnavailable on a machine without the loopback address.
    """

    def __init__(
        self, respond: Callable[[str], Response], is_done: Callable[[], bool], *, seconds: float
    ) -> None:
        try:
            self._server = _Server(respond, is_done)
        except OSError as error:
            raise CredentialsUnavailable(
                "The browser can't return to the kernel at the address 127.0.0.1: "
                f"{error.strerror or type(error).__name__}.",
                "Give this machine that address, or add `--device-code` to `--login`.",
            ) from error
        self._end = time.monotonic() + seconds
        self._thread = threading.Thread(target=self._serve, name="loopback page", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The URL of the page, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Close the page and its connections, and wait for this. It can be called repeatedly."""
        self._server.closed.set()
        self._thread.join()

    def _serve(self) -> None:
        with self._server as server:
            while not server.closed.is_set() and time.monotonic() < self._end:
                server.handle_request()


class _Server(ThreadingTCPServer):
    """A server that keeps track of its connections and threads, so that it can close them."""

    request_queue_size = _MOST_CONNECTIONS
    timeout = _POLL_INTERVAL

    def __init__(self, respond: Callable[[str], Response], is_done: Callable[[], bool]) -> None:
        self.respond = respond
        self.closed = threading.Event()
        self._is_done = is_done
        self._threads_of: dict[socket.socket, threading.Thread] = {}  # oldest first
        super().__init__(("127.0.0.1", 0), _Request)

    def verify_request(self, _request: Any, client_address: Any) -> bool:
        """Return whether to accept a connection."""
        return not _is_another_users(client_address, self.server_address)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle a connection in a separate thread."""
        connections = list(self._threads_of.items())
        if len(connections) >= _MOST_CONNECTIONS:
            _end(*connections[0])
        arguments = (request, client_address)
        thread = threading.Thread(target=self.process_request_thread, args=arguments, daemon=True)
        self._threads_of[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and close the page if it is done."""
        self._threads_of.pop(request, None)
        super().shutdown_request(request)
        if self._is_done():
            self.closed.set()

    def server_close(self) -> None:
        """Close the port and all connections, but finish sending responses first."""
        super().server_close()
        for connection, thread in list(self._threads_of.items()):
            _end(connection, thread)

    def handle_error(self, *_: object) -> None:
        """Do nothing, because standard error appears in the notebook's output."""


def _is_another_users(client: Any, server: Any) -> bool:
    """Return whether a process of another user has opened this connection, if Linux lists it.

    Root isn't another user: in WSL 2, a process of root forwards connections of Windows' browsers.
    If WSL 2 shares the network of Windows, Linux doesn't list these connections.

    https://docs.kernel.org/networking/proc_net_tcp.html
    """
    ends = [_hexadecimal(client), _hexadecimal(server)]
    for table in ("tcp", "tcp6"):  # IPv6 sockets can also connect to IPv4 addresses
        with suppress(OSError), open(f"/proc/net/{table}") as rows:
            for row in rows:
                columns = row.split()
                if [columns[1][-13:], columns[2][-13:]] == ends:  # without the start of IPv6
                    return int(columns[7]) not in {0, os.geteuid()}
    return False


def _hexadecimal(address: tuple[str, int]) -> str:
    """Return an IPv4 address and a port as in the tables of Linux, such as ``0100007F:1F90``."""
    host = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
    return f"{host:08X}:{address[1]:04X}"


def _end(connection: socket.socket, thread: threading.Thread) -> None:
    """Stop a connection's thread from reading, and wait until it closes the connection."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
    thread.join(_REQUEST_TIMEOUT)


class _Request(BaseHTTPRequestHandler):
    timeout = _REQUEST_TIMEOUT
    server: _Server
    server_version = "ipy_awsprofile"
    sys_version = ""

    def do_GET(self) -> None:
        """Send the response."""
        response = self.server.respond(self.path)
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, *_: object) -> None:
        """Do nothing, because the path can contain a code."""
