"""Sign-in with an authorization code and PKCE: the browser returns a code to the program.

https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
https://www.rfc-editor.org/rfc/rfc7636
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from werkzeug.utils import redirect

from ipy_awsprofile.demo.services.sso.html import html_page
from ipy_awsprofile.demo.services.sso.issued_codes import IssuedCodes
from ipy_awsprofile.demo.services.sso.records import refused

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from ipy_awsprofile.demo.services.sso.records import Client, Tokens
    from ipy_awsprofile.demo.services.sso.tokens import SsoTokens
    from ipy_awsprofile.demo.state import State

_FORM = """<p>A program on this machine asks to sign in as you.</p>
<form method="post" action="/authorize?{}">
<p><button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button></p>
</form>"""

#: A program on this machine, on any port: https://www.rfc-editor.org/rfc/rfc8252#section-7.3
_LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d+/oauth/callback")


class AuthorizationCodes:
    """The page on which the user allows a sign-in, and the codes that it issues."""

    def __init__(self, state: State, tokens: SsoTokens, user: str) -> None:
        self._tokens, self._user = tokens, user
        self._codes: IssuedCodes[str] = IssuedCodes(state)

    def show(self, request: Request) -> Response:
        """Return the page for a registered program's request."""
        if not self._is_valid(request):
            return html_page("<p>This request to sign in isn't valid.</p>", status=400)
        return html_page(_FORM.format(escape(request.query_string.decode(), quote=True)))

    def decide(self, request: Request) -> Response:
        """Redirect the browser to the program, with a code or an error."""
        asked = request.args
        if not self._is_valid(request):
            return html_page("<p>This request to sign in isn't valid.</p>", status=400)
        answer = {"state": asked.get("state", "")}
        if request.form.get("answer") != "allow":
            answer |= {"error": "access_denied", "error_description": "Access denied"}
        else:
            answer["code"] = self._codes.issue(asked, self._user)
        return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}")

    def redeem(self, client: Client, body: dict[str, Any]) -> Tokens:
        """Return the tokens for a code, which works once. Raises the OIDC service's error."""
        user = self._codes.redeem(client.id, body)
        if user is None:
            raise refused("InvalidGrantException", "Invalid authorization code provided")
        return self._tokens.grant(client, user)

    def _is_valid(self, request: Request) -> bool:
        asked = request.args
        return bool(
            self._tokens.is_registered(asked.get("client_id", ""))
            and asked.get("response_type") == "code"
            and asked.get("code_challenge_method") == "S256"
            and asked.get("code_challenge")
            and _LOOPBACK.fullmatch(asked.get("redirect_uri", ""))
        )
