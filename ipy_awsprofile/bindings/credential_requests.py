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
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.hand_outs import client_of, note_hand_out
from ipy_awsprofile.sessions.loopback_server import LoopbackConnections, LoopbackRequest, Response
from ipy_awsprofile.sessions.portable import lendable

if TYPE_CHECKING:
    from threading import Event

    from ipy_awsprofile.bindings.lent_sessions import LentSessions

#: If credentials have no known expiration time, clients ask again after this time.
_ASK_AGAIN = timedelta(minutes=20)


@dataclass(frozen=True, slots=True, repr=False)
class _Lent(StaysInProcess):
    """The lent sessions by path, the token that requests need, and the open connections."""

    sessions: LentSessions
    token: str
    connections: LoopbackConnections


def serve(listener: socket.socket, sessions: LentSessions, token: str, closed: Event) -> None:
    """Answer each connection in a separate thread, until the server is closed."""
    lent = _Lent(sessions, token, LoopbackConnections())
    while not closed.is_set():
        try:
            connection, address = listener.accept()
        except OSError:  # the client has disconnected, or too many files are open
            closed.wait(0.1)
            continue
        if closed.is_set():  # this connection woke the thread up; Python may be shutting down
            connection.close()
            return
        lent.connections.handle(connection, _answer, connection, address, lent)


def _answer(connection: socket.socket, address: Any, lent: Any) -> None:
    with closing(connection), suppress(OSError):  # the client has disconnected
        _Request(connection, address, lent)


class _Request(LoopbackRequest):
    """A request. Its ``server`` attribute, named by the base class, holds the lent sessions."""

    server: _Lent  # type: ignore[assignment]

    def response(self) -> Response:
        """Return the session's credentials, or an error message."""
        token = self.headers.get("Authorization") or ""
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            return _error(HTTPStatus.UNAUTHORIZED, "The token is missing or wrong.")
        self.server.connections.exempt(self.connection)  # a call to AWS can take a while
        session = self.server.sessions.get(self.path)
        if session is None:
            return _error(HTTPStatus.NOT_FOUND, "No session is lent at this address.")
        note_hand_out(session, client_of(self.headers.get("User-Agent") or ""))
        return _credentials(session)


def _error(status: HTTPStatus, message: str, **code: str) -> Response:
    return _json(status, {**code, "Message": message})


def _json(status: HTTPStatus, document: dict[str, str]) -> Response:
    body = json.dumps(document).encode()
    return Response(status, body, (("Content-Type", "application/json"),))


def _credentials(session: Any) -> Response:
    """Return the response for a session, in the container credentials format."""
    try:
        keys, expiry = lendable(session)
    except AwsProfileError as error:
        message = f"{error} {error.hint}".strip()
        return _error(HTTPStatus.BAD_REQUEST, message, Code=type(error).__name__)
    ends = expiry or datetime.now(UTC) + _ASK_AGAIN
    document = {
        "AccessKeyId": str(keys.access_key),
        "SecretAccessKey": str(keys.secret_key),
        "Token": str(keys.token),
        "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }
    if account := getattr(keys, "account_id", None):
        document["AccountId"] = account
    return _json(HTTPStatus.OK, document)
