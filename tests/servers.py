"""Servers that aren't AWS."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ipy_awsprofile.demo.front import serving

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

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_CONNECT = _answer  # noqa: N815  # names from http.server

        def log_message(self, *_: Any) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


class CompanyServer:
    """A company's https server, which redirects to ``location``, unless that is empty.

    ``requests`` has the methods and paths, such as ``HEAD /start``. ``bundle`` is the file with the
    certificate of its authority.
    """

    def __init__(self, bundle: Path) -> None:
        self.url, self.bundle = "", bundle
        self.status, self.location = 302, ""
        self.requests: list[str] = []


@contextmanager
def company_server(folder: Path) -> Iterator[CompanyServer]:
    """Run an https server whose certificate only its own authority has signed."""
    company = CompanyServer(folder / "company.pem")
    _write_certificate(company.bundle)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            company.requests.append(f"{self.command} {self.path}")
            self.send_response(company.status)
            if company.location:
                self.send_header("Location", company.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = _answer  # noqa: N815  # names from http.server

        def log_message(self, *_: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(company.bundle)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server) as url:
        company.url = url.replace("http:", "https:", 1)
        yield company


def _write_certificate(file: Path) -> None:
    """Write a key and its certificate for this machine's address, which it has signed itself."""
    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.now(UTC)
    public = key.public_key()
    names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, public, x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
