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

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.hand_outs import client_of, note_hand_out
from ipy_awsprofile.sessions.portable import lendable

if TYPE_CHECKING:
    from threading import Event

    from ipy_awsprofile.bindings.lent_sessions import LentSessions

#: If credentials have no known expiration time, clients ask again after this time.
_ASK_AGAIN = timedelta(minutes=20)

#: The status and the JSON document of a response.
_Response = tuple[HTTPStatus, dict[str, str]]


@dataclass(frozen=True, slots=True, repr=False)
class _Lent(StaysInProcess):
    """The lent sessions by path, and the token that requests need."""

    sessions: LentSessions
    token: str


def serve(listener: socket.socket, sessions: LentSessions, token: str, closed: Event) -> None:
    """Answer each connection in a separate thread, until the server is closed."""
    lent = _Lent(sessions, token)
    while not closed.is_set():
        try:
            connection, address = listener.accept()
        except OSError:  # the client has disconnected, or too many files are open
            closed.wait(0.1)
            continue
        if closed.is_set():  # this connection woke the thread up; Python may be shutting down
            connection.close()
            return
        Thread(target=_answer, args=(connection, address, lent), name="lend", daemon=True).start()


def _answer(connection: socket.socket, address: Any, lent: Any) -> None:
    with closing(connection), suppress(OSError):  # the client has disconnected
        _Request(connection, address, lent)


class _Request(BaseHTTPRequestHandler):
    """A request. Its ``server`` attribute, named by the base class, holds the lent sessions."""

    server: _Lent  # type: ignore[assignment]
    timeout = 10

    def do_GET(self) -> None:  # the base class requires this name
        """Send the session's credentials, or an error message."""
        status, document = self._response()
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _response(self) -> _Response:
        token = self.headers.get("Authorization") or ""
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            return HTTPStatus.UNAUTHORIZED, {"Message": "The token is missing or wrong."}
        session = self.server.sessions.get(self.path)
        if session is None:
            return HTTPStatus.NOT_FOUND, {"Message": "No session is lent at this address."}
        note_hand_out(session, client_of(self.headers.get("User-Agent") or ""))
        return _credentials(session)

    def log_message(self, *_: object) -> None:
        """Do nothing, because standard error appears in the notebook's output."""


def _credentials(session: Any) -> _Response:
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
