"""Serve container credentials to requests that have the credential server's token.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import hmac
import json
import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from threading import Thread
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.stays_in_process import StaysInProcess
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.hand_outs import client_of, note_hand_out
from ipy_awsprofile.sessions.portable import lendable

if TYPE_CHECKING:
    from threading import Event

    from ipy_awsprofile.bindings.lent_sessions import LentSessions

#: Seconds to wait for a client's request, because the machine can be busy.
TIMEOUT = 60.0

#: If credentials have no known expiration time, clients ask again after this time.
_ASK_AGAIN = timedelta(minutes=20)


@dataclass(frozen=True, slots=True, repr=False)
class _Lent(StaysInProcess):
    """The lent sessions by path, and the token that requests for them need."""

    sessions: LentSessions
    token: str


def serve(listener: socket.socket, sessions: LentSessions, token: str, closed: Event) -> None:
    """Answer each connection in a separate thread, until the server is closed."""
    while not closed.is_set():
        try:
            connection, address = listener.accept()
        except OSError:  # the client has disconnected, or too many files are open
            closed.wait(0.1)
            continue
        if closed.is_set():  # this connection woke the thread up; Python may be shutting down
            connection.close()
            return
        # Each client has its own thread, so a silent client doesn't block others.
        request = (connection, address, _Lent(sessions, token))
        Thread(target=_answer, args=request, daemon=True).start()


def _answer(connection: socket.socket, address: Any, lent: Any) -> None:
    with closing(connection), suppress(OSError):  # the client has disconnected
        _Request(connection, address, lent)


class _Request(BaseHTTPRequestHandler):
    """A request. Its ``server`` attribute, named by the base class, holds the lent sessions."""

    timeout = TIMEOUT
    server: _Lent  # type: ignore[assignment]
    server_version = "ipy_awsprofile"
    sys_version = ""

    def do_GET(self) -> None:  # the base class requires this name
        """Respond with the session's credentials, or with an error message."""
        token = self.headers.get("Authorization") or ""
        session = self.server.sessions.get(self.path)
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._send(HTTPStatus.UNAUTHORIZED, {"Message": "The token is missing or wrong."})
        elif session is None:
            self._send(HTTPStatus.NOT_FOUND, {"Message": "No session is lent at this address."})
        else:
            note_hand_out(session, client_of(self.headers.get("User-Agent") or ""))
            self._send(*_document(session))

    def _send(self, status: HTTPStatus, document: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing, because the kernel's standard error is shown in the notebook."""


def _document(session: Any) -> tuple[HTTPStatus, dict[str, str]]:
    """Return the response for a session, in the container credentials format."""
    try:
        keys, expiry = lendable(session)
    except AwsProfileError as error:
        message = f"{error} {error.hint}".strip()
        return HTTPStatus.BAD_REQUEST, {"Code": type(error).__name__, "Message": message}
    ends = expiry or datetime.now(UTC) + _ASK_AGAIN
    document = {
        "AccessKeyId": str(keys.access_key),
        "SecretAccessKey": str(keys.secret_key),
        "Token": str(keys.token),
        "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }
    if account := getattr(keys, "account_id", None):
        document["AccountId"] = account
    return HTTPStatus.OK, document
