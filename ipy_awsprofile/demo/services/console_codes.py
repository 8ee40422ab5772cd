"""The AWS Sign-In page where the user lets a program use the console's credentials.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
"""

from __future__ import annotations

import base64
import re
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from werkzeug.utils import redirect

from ipy_awsprofile.demo.services.sso.html import html_page
from ipy_awsprofile.demo.services.sso.issued_codes import IssuedCodes

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from ipy_awsprofile.demo.state import State

SAME_DEVICE = "arn:aws:signin:::devtools/same-device"
CROSS_DEVICE = "arn:aws:signin:::devtools/cross-device"

_FORM = """<p>A program asks to work as {}.</p>
<form method="post" action="/v1/authorize?{}">
<p><button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button></p>
</form>"""

_LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d+/oauth/callback")


class ConsoleCodes:
    """The page, and the codes that it issues. `user` is the user signed in to the console."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._codes: IssuedCodes[IamUser] = IssuedCodes(state)
        self.user: IamUser | None = None

    def show(self, request: Request) -> Response:
        """Return the page for a program's valid request."""
        if self.user is None or not _is_valid(request):
            return html_page("<p>This request to sign in isn't valid.</p>", status=400)
        query = escape(request.query_string.decode(), quote=True)
        return html_page(_FORM.format(escape(self.user.arn), query))

    def decide(self, request: Request) -> Response:
        """Redirect the browser to the program, or show the code for the user to enter there."""
        asked, user = request.args, self.user
        if user is None or not _is_valid(request):
            return html_page("<p>This request to sign in isn't valid.</p>", status=400)
        answer = {"state": asked["state"]}
        if request.form.get("answer") == "allow":
            answer["code"] = self._codes.issue(asked, user)
        else:
            answer["error"] = "access_denied"
        if asked["client_id"] == SAME_DEVICE:
            return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}")
        shown = base64.b64encode(urlencode(answer).encode()).decode()
        self._state.keep_secret(shown)
        return html_page(f"<p>Enter this code in the program: <code>{shown}</code></p>")

    def redeem(self, body: dict[str, Any]) -> IamUser | None:
        """Return the user who allowed the request, or None if the code isn't valid."""
        return self._codes.redeem(body.get("clientId"), body)


def _is_valid(request: Request) -> bool:
    asked = request.args
    redirect_uri = asked.get("redirect_uri", "")
    confirmation = f"{request.host_url}v1/sessions/confirmation"
    expected = {
        SAME_DEVICE: bool(_LOOPBACK.fullmatch(redirect_uri)),
        CROSS_DEVICE: redirect_uri == confirmation,
    }
    return bool(
        expected.get(asked.get("client_id", ""))
        and asked.get("response_type") == "code"
        and asked.get("code_challenge_method") == "SHA-256"
        and asked.get("scope") == "openid"
        and asked.get("code_challenge")
        and asked.get("state")
    )
