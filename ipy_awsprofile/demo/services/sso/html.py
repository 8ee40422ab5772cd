"""The HTML of the sign-in pages."""

from __future__ import annotations

from werkzeug.wrappers import Response

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sign in to the embedded AWS</title>
<body style="font-family: sans-serif; max-width: 32em; margin: 4em auto">
<h1>Embedded AWS</h1>
{}
<p>This page replaces AWS's sign-in page. Your own machine serves it; no AWS account is involved.
"""


def html_page(body: str, status: int = 200) -> Response:
    """Return a page with this body."""
    return Response(_PAGE.format(body), status, content_type="text/html; charset=utf-8")
