"""The page that a sign-in's link leads to, where a person allows or denies it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from ipy_awsprofile.demo.services.sso import IdentityCenter

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sign in to the embedded AWS</title>
<body style="font-family: sans-serif; max-width: 32em; margin: 4em auto">
<h1>Embedded AWS</h1>
{}
<p>This page stands in for AWS's sign-in. It is served by your own machine; no account is involved.
"""
_FORM = """<p>A program wants to sign in as you. Allow it only if it shows this code:</p>
<form method="post" action="/device">
<p><input name="user_code" value="{}" aria-label="Code" required></p>
<p><button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button></p>
</form>"""


class Page:
    """Shows the page, and takes its answer."""

    def __init__(self, center: IdentityCenter) -> None:
        self._center = center

    def show(self, request: Request) -> Response:
        """Answer GET; the form has the code that the complete link has in its query."""
        return _html(_FORM.format(escape(request.args.get("user_code", ""))))

    def decide(self, request: Request) -> Response:
        """Answer POST: allow or deny the sign-in with the form's code."""
        code, allow = request.form.get("user_code", ""), request.form.get("answer") == "allow"
        try:
            (self._center.approve if allow else self._center.deny)(code.strip().upper())
        except KeyError:
            return _html("<p>No sign-in waits with this code. It may be over.</p>", status=400)
        return _html(
            "<p>Allowed. You can close this page.</p>"
            if allow
            else "<p>Denied; nobody signed in.</p>"
        )


def _html(body: str, status: int = 200) -> Response:
    return Response(_PAGE.format(body), status, content_type="text/html; charset=utf-8")
