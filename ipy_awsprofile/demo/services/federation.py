"""The federation endpoint, which opens the AWS console for a role session.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html
"""

from __future__ import annotations

import json
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from ipy_awsprofile.demo.endpoints import Endpoint, json_answer
from ipy_awsprofile.demo.refusals import Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from werkzeug.wrappers import Request

    from ipy_awsprofile.demo.endpoints import Endpoints
    from ipy_awsprofile.demo.state import State

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Console of the embedded AWS</title>
<body style="font-family: sans-serif; max-width: 32em; margin: 4em auto">
<h1>Embedded AWS</h1>
<p>You are signed in as <code>{arn}</code>. On AWS, this would be <code>{destination}</code>.
"""

#: How long a sign-in token is valid.
_LIFETIME = timedelta(minutes=15)


class FederationEndpoint:
    """Exchanges temporary credentials for a token, and the token for a signed-in browser."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def endpoints(self) -> Endpoints:
        """Return the endpoint for both methods. Requests have a query or a form."""
        endpoint = Endpoint("signin:Federation", self._answer)
        return {("GET", "/federation"): endpoint, ("POST", "/federation"): endpoint}

    def _answer(self, request: Request) -> Response:
        match request.values.get("Action"):
            case "getSigninToken":
                return json_answer({"SigninToken": self._token(request.values.get("Session", ""))})
            case "login":
                return self._login(request)
            case _:
                raise _refused("Invalid action")

    def _token(self, text: str) -> str:
        """Return a token for the credentials in a JSON string.

        As on AWS, sessions from GetSessionToken and long-term keys aren't accepted.
        """
        try:
            given: Any = json.loads(text)
            key, secret, token = (
                str(given[name]) for name in ("sessionId", "sessionKey", "sessionToken")
            )
        except (ValueError, KeyError, TypeError):
            raise _refused("Missing or invalid session") from None
        session = self._state.sessions.find(key)
        if (
            session is None
            or (session.secret_access_key, session.session_token) != (secret, token)
            or session.from_session_token
            or self._state.sessions.is_expired(session)
        ):
            raise _refused("Invalid session credentials")
        made = self._state.new_secret()
        self._tokens[made] = session.principal.arn, self._state.clock() + _LIFETIME
        return made

    def _login(self, request: Request) -> Response:
        arn, expires = self._tokens.get(request.values.get("SigninToken", ""), ("", None))
        destination = request.values.get("Destination", "")
        if expires is None or self._state.clock() >= expires or not destination:
            raise _refused("The token is invalid or has expired")
        page = _PAGE.format(arn=escape(arn), destination=escape(destination))
        return Response(page, content_type="text/html; charset=utf-8")


def _refused(message: str) -> Refusal:
    return Refusal("BadRequest", message, status=400)
