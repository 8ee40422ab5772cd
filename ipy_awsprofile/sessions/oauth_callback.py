"""The loopback page that receives the code of a sign-in from the browser.

https://www.rfc-editor.org/rfc/rfc8252#section-7.3
"""

from __future__ import annotations

import base64
import secrets
import threading
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.sessions.loopback_page import LoopbackPage
from ipy_awsprofile.sessions.loopback_server import Response

#: Time limit for the user to sign in, as in the AWS CLI.
TIME_TO_SIGN_IN = timedelta(minutes=10)

_PATH = "/oauth/callback"

_PAGE = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed in</title>'
    b"<p>You can close this page and go back to the notebook.\n"
)


class Pkce(StaysInProcess):
    """Values that prevent other programs from using a sign-in's code (RFC 7636).

    ``state`` identifies the response to our request. ``challenge`` is the hash of ``verifier``.
    """

    __slots__ = ("challenge", "state", "verifier")

    def __init__(self) -> None:
        self.state = secrets.token_urlsafe(32)
        self.verifier = secrets.token_urlsafe(64)
        digest = sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")


class OAuthCallback(StaysInProcess):
    """A page that accepts one response: a code, or the user's refusal."""

    #: The redirect URI without a port, as clients register it.
    REGISTERED = f"http://127.0.0.1{_PATH}"

    def __init__(self) -> None:
        self.pkce = Pkce()
        self.code: str | None = None
        self.is_refused = False
        self._lock = threading.Lock()
        self._page = LoopbackPage(
            self._respond, self._is_answered, seconds=TIME_TO_SIGN_IN.total_seconds()
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.redirect_uri}>"

    @property
    def redirect_uri(self) -> str:
        """The URI of the page."""
        return f"{self._page.url}{_PATH}"

    def close(self) -> None:
        """Close the page. It can be called repeatedly."""
        self._page.close()

    def _is_answered(self) -> bool:
        return self.is_refused or self.code is not None

    def _respond(self, path: str) -> Response:
        address = urlsplit(path)
        answer = parse_qs(address.query)
        state = answer.get("state", [""])[0]
        is_ours = secrets.compare_digest(state.encode(), self.pkce.state.encode())
        if address.path != _PATH or not is_ours:
            return Response(HTTPStatus.BAD_REQUEST, b"This isn't the answer that is expected.\n")
        with self._lock:
            if not self._is_answered():  # ignore reloads of the page
                self.code = answer.get("code", [None])[0]
                self.is_refused = self.code is None
        headers = (("Content-Type", "text/html; charset=utf-8"),)
        return Response(HTTPStatus.OK, _PAGE, headers)
