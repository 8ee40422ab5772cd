"""The federation endpoint, which opens the AWS console for a session.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html
"""

from __future__ import annotations

import json
import secrets
from html import escape

from werkzeug.wrappers import Request, Response

from ipy_awsprofile.demo.front import Front
from ipy_awsprofile.demo.identity_center import page
from ipy_awsprofile.demo.refusals import Refused, invalid, json_response


class Console:
    """Exchanges temporary credentials for a token, and the token for a signed-in browser."""

    def __init__(self, front: Front) -> None:
        self._iam = front.iam
        self._tokens: dict[str, str] = {}
        front.unsigned["GET /federation"] = "signin:Federation", self._answer
        front.unsigned["POST /federation"] = "signin:Federation", self._answer

    def _answer(self, request: Request) -> Response:
        given = request.values
        if given.get("Action") == "getSigninToken":
            token = self._iam.keep_secret(secrets.token_urlsafe(64))
            self._tokens[token] = self._arn(given["Session"])
            return json_response({"SigninToken": token})
        arn, destination = self._tokens[given["SigninToken"]], given["Destination"]
        there = f"On AWS, this would be <code>{escape(destination)}</code>."
        return page(f"You are signed in as <code>{escape(arn)}</code>. {there}")

    def _arn(self, text: str) -> str:
        """Return whose credentials a JSON text has; AWS doesn't accept a user's."""
        session = json.loads(text)
        try:
            signer = self._iam.find_signer(session["sessionId"], session["sessionToken"])
        except Refused:
            raise invalid("Invalid session credentials", "BadRequest") from None
        if signer.is_user_session or signer.secret_access_key != session["sessionKey"]:
            raise invalid("Invalid session credentials", "BadRequest")
        return signer.arn
