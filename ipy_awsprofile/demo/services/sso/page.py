"""The sign-in page, where a person allows or denies a sign-in."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from ipy_awsprofile.demo.services.sso.identity_center import IdentityCenter

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sign in to the embedded AWS</title>
<body style="font-family: sans-serif; max-width: 32em; margin: 4em auto">
<h1>Embedded AWS</h1>
{}
<p>This page replaces AWS's sign-in page. Your own machine serves it; no AWS account is involved.
"""
_FORM = """<p>A program asks to sign in as you. Allow it only if the program shows this code:</p>
<form method="post" action="/device">
<p><input name="user_code" value="{}" aria-label="Code" required></p>
<p><button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button></p>
</form>"""


class Page:
    """The requests of the page: show it, and send its form."""

    def __init__(self, center: IdentityCenter) -> None:
        self._center = center

    def show(self, request: Request) -> Response:
        """Return the page; its form has the code that the link has in its query."""
        return _html(_FORM.format(escape(request.args.get("user_code", ""))))

    def decide(self, request: Request) -> Response:
        """Allow or deny the sign-in with the form's code; return the page that says so."""
        code, allow = request.form.get("user_code", ""), request.form.get("answer") == "allow"
        try:
            (self._center.approve if allow else self._center.deny)(code.strip().upper())
        except KeyError:
            message = "No sign-in with this code is waiting. It may have expired."
            return _html(f"<p>{message}</p>", status=400)
        message = "Allowed." if allow else "Denied."
        return _html(f"<p>{message} You can close this page.</p>")


def _html(body: str, status: int = 200) -> Response:
    return Response(_PAGE.format(body), status, content_type="text/html; charset=utf-8")
