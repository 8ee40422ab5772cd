"""Servers that aren't AWS."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ipy_awsprofile.demo.front import serving

#: Bound sockets that don't listen, so that their ports stay closed.
_HOLDERS: list[socket.socket] = []


@cache
def closed_port() -> int:
    """Return a closed port of this machine that no other process can take."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    _HOLDERS.append(holder)
    port: int = holder.getsockname()[1]
    return port


class Answers:
    """A server's answers, each a status and a body. The last answer is repeated.

    ``asked`` counts the requests.
    """

    def __init__(self, *answers: tuple[int, str]) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self.asked = 0

    def next(self) -> tuple[int, str]:
        """Return the answer to the next request."""
        with self._lock:
            self.asked += 1
            return self._answers[min(self.asked, len(self._answers)) - 1]


@contextmanager
def odd_server(answers: Answers) -> Iterator[str]:
    """Run a server that gives these answers to all requests."""
    with answering_server(lambda _sent: answers.next()) as url:
        yield url


@contextmanager
def echoing_server(status: int, page: Callable[[str], str]) -> Iterator[str]:
    """Run a server that answers each request with an error page, made from its headers and body."""
    with answering_server(lambda sent: (status, page(sent))) as url:
        yield url


@contextmanager
def acting_server(answers: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    """Run a server with an answer for each STS action, and one for all others (``""``)."""

    def answer(sent: str) -> tuple[int, str]:
        return next(
            each for action, each in answers.items() if f"Action={action}" in sent or not action
        )

    with answering_server(answer) as url:
        yield url


@contextmanager
def answering_server(answer: Callable[[str], tuple[int, str]]) -> Iterator[str]:
    """Run a server that answers each request, made of its headers and body, with a function."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, body = answer(f"{self.headers}{sent}")
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_CONNECT = _answer  # noqa: N815  # names from http.server

        def log_message(self, *_: Any) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url
