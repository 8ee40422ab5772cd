"""Servers that aren't AWS: silent ones, and such as have one answer for everything."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Sockets that keep their ports closed as long as they are bound.
_HOLDERS: list[socket.socket] = []


@cache
def closed_port() -> int:
    """Return a port of this machine where nobody listens, and which no other process can take."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    _HOLDERS.append(holder)
    port: int = holder.getsockname()[1]
    return port


@contextmanager
def silent_server() -> Iterator[str]:
    """Run a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def dripping_server(beginning: bytes = b"HTTP/1.1 200 OK\r\n") -> Iterator[str]:
    """Run a server that answers each request with this, and then with a byte now and then."""
    closed = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client has left
            connection.sendall(beginning)
            while not closed.wait(0.05):
                connection.sendall(b"x")

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):  # it was closed
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            closed.set()
            listener.shutdown(socket.SHUT_RDWR)


class Answers:
    """What a server answers, a status and a body, in this order; the last one from then on.

    ``asked`` counts the requests.
    """

    def __init__(self, *answers: tuple[int, str]) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self.asked = 0

    def restart(self, *answers: tuple[int, str]) -> None:
        """Give these answers from now on."""
        with self._lock:
            self._answers, self.asked = answers, 0

    def next(self) -> tuple[int, str]:
        """Return the answer to the next request."""
        with self._lock:
            self.asked += 1
            return self._answers[min(self.asked, len(self._answers)) - 1]


@contextmanager
def odd_server(answers: Answers) -> Iterator[str]:
    """Run a server that gives these answers, whatever it is asked."""
    with _answering(lambda _sent: answers.next()) as url:
        yield url


@contextmanager
def echoing_server(status: int, page: Callable[[str], str]) -> Iterator[str]:
    """Run a server that refuses each request with a page, made of its headers and body."""
    with _answering(lambda sent: (status, page(sent))) as url:
        yield url


@contextmanager
def _answering(answer: Callable[[str], tuple[int, str]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, body = answer(f"{self.headers}{sent}")
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = _answer  # noqa: N815  # the names are those of http.server

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
