"""The page on loopback to which a browser comes back from a sign-in, with a code for us.

https://www.rfc-editor.org/rfc/rfc8252#section-7.3
"""

from __future__ import annotations

import base64
import secrets
import threading
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

_PATH = "/oauth/callback"

_PAGE = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed in</title>'
    b"<p>You can close this page and go back to the notebook.\n"
)


class Pkce:
    """What makes a code usable for us alone (RFC 7636).

    An answer with another ``state`` isn't ours. ``challenge`` is that of ``verifier``.
    """

    def __init__(self) -> None:
        self.state = secrets.token_urlsafe(32)
        self.verifier = secrets.token_urlsafe(64)
        digest = sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")


class OAuthCallback:
    """A server that takes one answer: a code, or that the person has refused."""

    #: The address without the port, as clients register it.
    REGISTERED = f"http://127.0.0.1{_PATH}"

    def __init__(self) -> None:
        self.pkce = Pkce()
        self.code: str | None = None
        self.is_refused = False
        self._lock = threading.Lock()
        callback = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                taken = address.path == _PATH and callback.take(parse_qs(address.query))
                self.send_response(HTTPStatus.OK if taken else HTTPStatus.BAD_REQUEST)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(_PAGE if taken else b"This isn't the answer that is expected.\n")

            def log_message(self, *_: object) -> None:
                """Log nothing: the address has the code."""

        self._server = HTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="sign-in", daemon=True
        ).start()

    @property
    def redirect_uri(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self._server.server_port}{_PATH}"

    def take(self, answer: dict[str, list[str]]) -> bool:
        """Take an answer, and return whether it is ours."""
        state = answer.get("state", [""])[0]
        if not secrets.compare_digest(state.encode(), self.pkce.state.encode()):
            return False
        self.code = answer.get("code", [None])[0]
        self.is_refused = self.code is None
        return True

    def close(self) -> None:
        """End the server; it can be called again."""
        threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        with self._lock:  # who comes second finds the port closed, and not being closed
            self._server.shutdown()
            self._server.server_close()
