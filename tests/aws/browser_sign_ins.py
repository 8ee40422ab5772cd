"""Sign-ins in the browser of the program's machine: an authorization code with PKCE.

https://www.rfc-editor.org/rfc/rfc7636
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import urlencode

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from ipy_awsprofile.demo.front import Front
from ipy_awsprofile.demo.identity_center import (
    USER,
    IdentityCenter,
    SignIn,
    form,
    oidc_refused,
    page,
)

#: A program on this machine, on any port: https://www.rfc-editor.org/rfc/rfc8252#section-7.3
LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d+/oauth/callback")
LIFETIME = timedelta(minutes=10)


class BrowserSignIns:
    """IAM Identity Center's page on which the user allows a program on the same machine.

    https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
    """

    def __init__(self, front: Front, center: IdentityCenter) -> None:
        self._center = center
        self._asked: dict[str, Mapping[str, str]] = {}
        action, self._create_token = front.unsigned["POST /token"]
        front.unsigned |= {
            "POST /token": (action, self._redeem),
            "GET /authorize": ("sso:Page", self._show),
            "POST /authorize": ("sso:Answer", self._decide),
        }

    def _show(self, request: Request) -> Response:
        if not self._is_valid(request.args):
            return page("This request to sign in isn't valid.", 400)
        query = escape(request.query_string.decode(), quote=True)
        action = f"/authorize?{query}"
        return page(f"A program on this machine asks to sign in as you.</p>{form(action)}")

    def _decide(self, request: Request) -> Response:
        asked = request.args
        if not self._is_valid(asked):
            return page("This request to sign in isn't valid.", 400)
        answer = {"state": asked.get("state", "")}
        if request.form.get("answer") == "allow":
            answer["code"] = code = self._center.new_secret()
            expires = self._center.iam.clock() + LIFETIME
            self._center.sign_ins[code] = SignIn(asked["client_id"], expires, user=USER)
            self._asked[code] = asked
        else:
            answer |= {"error": "access_denied", "error_description": "Access denied"}
        return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}")

    def _redeem(self, request: Request) -> Response:
        """Check that who redeems a code has asked for it, before the service issues tokens."""
        body = request.get_json(force=True)
        asked = self._asked.pop(body.get("code", ""), None)
        if asked and not is_proven(asked, body):
            raise oidc_refused("InvalidGrant", "Invalid authorization code provided")
        return self._create_token(request)

    def _is_valid(self, asked: Mapping[str, str]) -> bool:
        return bool(
            asked.get("client_id") in self._center.scopes
            and asked.get("response_type") == "code"
            and asked.get("code_challenge_method") == "S256"
            and asked.get("code_challenge")
            and LOOPBACK.fullmatch(asked.get("redirect_uri", ""))
        )


def is_proven(asked: Mapping[str, str], body: Mapping[str, Any]) -> bool:
    """Return whether a code is redeemed by the program that has asked for it."""
    digest = sha256(str(body.get("codeVerifier", "")).encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    is_same = asked["redirect_uri"] == body.get("redirectUri")
    return is_same and asked["code_challenge"] == challenge
