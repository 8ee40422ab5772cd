"""The sign-in page, where the user allows or denies a sign-in."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.services.sso.html import html_page

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from ipy_awsprofile.demo.services.sso.identity_center import IdentityCenter

_FORM = """<p>A program asks to sign in as you. Allow it only if the program shows this code:</p>
<form method="post" action="/device">
<p><input name="user_code" value="{}" aria-label="Code" required></p>
<p><button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button></p>
</form>"""


class Page:
    """The page's requests: show the page, and submit its form."""

    def __init__(self, center: IdentityCenter) -> None:
        self._center = center

    def show(self, request: Request) -> Response:
        """Return the page, with the code from the link's query in its form."""
        return html_page(_FORM.format(escape(request.args.get("user_code", ""))))

    def decide(self, request: Request) -> Response:
        """Allow or deny the sign-in with the form's code; return a page that confirms it."""
        code, allow = request.form.get("user_code", ""), request.form.get("answer") == "allow"
        try:
            (self._center.approve if allow else self._center.deny)(code.strip().upper())
        except KeyError:
            message = "No sign-in with this code is waiting. It may have expired."
            return html_page(f"<p>{message}</p>", status=400)
        message = "Allowed." if allow else "Denied."
        return html_page(f"<p>{message} You can close this page.</p>")
