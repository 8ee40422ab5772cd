"""A server in the kernel that only programs on this machine can reach."""

from __future__ import annotations

import os
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

from ipy_awsprofile.config.private import StaysInProcess


class LoopbackServer(StaysInProcess, ThreadingTCPServer):
    """Answers on a free port of 127.0.0.1, in threads, until `end`. Raises OSError.

    It isn't an HTTPServer, because that looks up its host name, which takes 35 s on some Macs.
    """

    daemon_threads = True
    request_queue_size = 128  # workers start together

    def __init__(self, handler: type[BaseRequestHandler], owner: Any) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        #: Answers the handler's questions.
        self.owner = owner
        self.port = self.server_address[1]
        self._process = os.getpid()
        Thread(target=self.serve_forever, args=(0.1,), name="loopback", daemon=True).start()
        if hasattr(os, "register_at_fork"):  # only the kernel answers
            os.register_at_fork(after_in_child=self.socket.close)

    def end(self) -> bool:
        """Stop the server. Return False, and do nothing, in a forked child of the kernel."""
        is_own = self._process == os.getpid()
        if is_own:
            self.shutdown()
            self.server_close()
        return is_own

    def handle_error(self, *_: object) -> None:
        """Do nothing, because standard error appears in the notebook's output."""
