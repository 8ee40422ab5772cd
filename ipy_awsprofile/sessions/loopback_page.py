"""Serve a temporary page on 127.0.0.1 for this machine's browser.

On Linux, the page refuses connections of other users, because they can see its address in the
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
from socketserver import ThreadingTCPServer
from typing import Any

from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.loopback_server import (
    MOST_CONNECTIONS,
    LoopbackConnections,
    LoopbackRequest,
    Response,
)

#: Seconds between checks whether the page was closed.
_POLL_INTERVAL = 0.05


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
    """A server that closes its connections together with its port."""

    request_queue_size = MOST_CONNECTIONS
    timeout = _POLL_INTERVAL

    def __init__(self, respond: Callable[[str], Response], is_done: Callable[[], bool]) -> None:
        self.respond = respond
        self.closed = threading.Event()
        self._is_done = is_done
        self._connections = LoopbackConnections()
        super().__init__(("127.0.0.1", 0), _Request)

    def verify_request(self, _request: Any, client_address: Any) -> bool:
        """Return whether to accept a connection."""
        return not _is_another_users(client_address, self.server_address)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle a connection in a separate thread."""
        handler = self.process_request_thread
        self._connections.handle(request, handler, request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and close the page if it is done."""
        super().shutdown_request(request)
        if self._is_done():
            self.closed.set()

    def server_close(self) -> None:
        """Close the port and all connections, but finish sending responses first."""
        super().server_close()
        self._connections.close()

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


class _Request(LoopbackRequest):
    server: _Server

    def response(self) -> Response:
        """Return the page's response for the path."""
        return self.server.respond(self.path)
