"""A server in the kernel that only programs on this machine can reach.

All users of the machine can connect to the server. Until a program has proved that it belongs to
the kernel's user, the server limits the duration and the number of connections.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from time import monotonic
from typing import Any

from ipy_awsprofile.config.private import StaysInProcess

#: How long a connection can be open without a proof, in seconds.
_TIME_TO_PROVE = 2

#: The maximum number of connections without a proof. A new one replaces the oldest.
_MOST = 32


class LoopbackServer(StaysInProcess, ThreadingTCPServer):
    """A server on a free port of 127.0.0.1 that answers requests in threads until `end` is called.

    Raises OSError.

    The class isn't a subclass of HTTPServer, because HTTPServer looks up its host name, which takes
    35 seconds on some Macs.
    """

    daemon_threads = True
    request_queue_size = 128  # workers start together

    def __init__(self, handler: type[BaseRequestHandler], owner: Any = None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        #: Answers the handler's questions.
        self.owner = owner
        self.port = self.server_address[1]
        self._unproved: dict[socket.socket, float] = {}  # and the end of their time, oldest first
        self._process = os.getpid()
        Thread(target=self.serve_forever, args=(0.1,), name="loopback", daemon=True).start()
        if hasattr(os, "register_at_fork"):  # only the kernel answers
            os.register_at_fork(after_in_child=self.socket.close)

    def end(self) -> bool:
        """Stop the server. In a forked child of the kernel, do nothing and return False."""
        is_own = self._process == os.getpid()
        if is_own:
            self.shutdown()
            self.server_close()
            self._close_unproved(0)
        return is_own

    def prove(self, connection: socket.socket) -> None:
        """Keep a connection open after its program has proved that it belongs to the user."""
        self._unproved.pop(connection, None)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle a new connection in a thread."""
        self._unproved[request] = monotonic() + _TIME_TO_PROVE
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Close connections from programs that haven't proved in time that the user runs them.

        The server calls this method regularly.
        """
        self._close_unproved(_MOST)

    def _close_unproved(self, most: int) -> None:
        surplus = len(self._unproved) - most
        for connection, end in self._unproved.copy().items():
            if surplus > 0 or end < monotonic():
                surplus -= 1
                self._unproved.pop(connection, None)
                with suppress(OSError):  # its thread has closed it
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Do nothing. Standard error, to which Python would write, is the notebook's output."""
