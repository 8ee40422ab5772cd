"""Servers that aren't AWS, some of which never answer."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

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


@contextmanager
def silent_server() -> Iterator[str]:
    """Run a server that accepts connections but never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def dripping_server(beginning: bytes = b"HTTP/1.1 200 OK\r\n") -> Iterator[str]:
    """Run a server that answers each request with this, then sends a byte from time to time."""
    closed = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client has disconnected
            connection.sendall(beginning)
            while not closed.wait(0.05):
                connection.sendall(b"x")

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):  # the listener was closed
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
    """A server's answers, each a status and a body. The last answer is repeated.

    ``asked`` counts the requests.
    """

    def __init__(self, *answers: tuple[int, str]) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self.asked = 0

    def restart(self, *answers: tuple[int, str]) -> None:
        """Use these answers from now on, and reset the count."""
        with self._lock:
            self._answers, self.asked = answers, 0

    def next(self) -> tuple[int, str]:
        """Return the answer to the next request."""
        with self._lock:
            self.asked += 1
            return self._answers[min(self.asked, len(self._answers)) - 1]


@contextmanager
def odd_server(answers: Answers) -> Iterator[str]:
    """Run a server that gives these answers to all requests."""
    with _answering(lambda _sent: answers.next()) as url:
        yield url


@contextmanager
def echoing_server(status: int, page: Callable[[str], str]) -> Iterator[str]:
    """Run a server that answers each request with an error page, made from its headers and body."""
    with _answering(lambda sent: (status, page(sent))) as url:
        yield url


@contextmanager
def acting_server(answers: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    """Run a server with an answer for each STS action, and one for all others (``""``)."""

    def answer(sent: str) -> tuple[int, str]:
        return next(
            each for action, each in answers.items() if f"Action={action}" in sent or not action
        )

    with _answering(answer) as url:
        yield url


@contextmanager
def _answering(
    answer: Callable[[str], tuple[int, str]],
    context: ssl.SSLContext | None = None,
    kind: str = "text/xml",
) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, body = answer(f"{self.headers}{sent}")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = do_DELETE = do_CONNECT = _answer  # noqa: N815  # names from http.server

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def tls_server(certificate: Path) -> Iterator[str]:
    """Run a server with a self-signed certificate for `localhost`, written to this file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now, day = datetime.now(UTC), timedelta(days=1)
    issued = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(issued.public_bytes(Encoding.PEM))
    both = certificate.with_suffix(".key")
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both.write_bytes(secret + certificate.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    refusal = "<Error><Code>Reached</Code></Error>"
    with _answering(lambda _: (400, refusal), context) as url:
        yield url.replace("http://127.0.0.1", "https://localhost")


@contextmanager
def refusing_proxy(status: int = 407) -> Iterator[str]:
    """Run a proxy that requires a login, or that refuses requests with another status."""
    with _answering(lambda _: (status, "<html>"), kind="text/html") as url:
        yield url
