"""Open URLs in the user's browser if it is on the kernel's machine.

The browser opens a loopback page of the kernel that redirects to the URL once, because other users
of the machine can read the arguments of the browser's process. On Linux, the page responds only to
the user's own processes. A page in a file isn't an alternative, because browsers of Ubuntu (snap)
and Windows (with WSL) can't open the kernel's files.

https://docs.python.org/3/library/webbrowser.html
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import webbrowser
from http import HTTPStatus
from pathlib import Path

from ipy_awsprofile.sessions.loopback_page import LoopbackPage
from ipy_awsprofile.sessions.loopback_server import Response

#: Environment variables that indicate that the user works on another machine.
_ELSEWHERE = (
    "SSH_CONNECTION",
    "SSH_TTY",
    "JUPYTERHUB_API_URL",
    "KUBERNETES_SERVICE_HOST",
    "CODESPACES",
    "COLAB_RELEASE_TAG",
)

#: Browsers that need a terminal, which the kernel doesn't have.
_OF_TERMINALS = {"elinks", "links", "lynx", "w3m", "www-browser"}

#: Time limit for the browser to open the page, in seconds.
_TIME_TO_OPEN = 30


def local_browser() -> webbrowser.BaseBrowser | None:
    """Return this machine's browser; None if it doesn't have one or the user works elsewhere."""
    if any(os.environ.get(name) for name in _ELSEWHERE):
        return None
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not (has_display or os.environ.get("BROWSER")):
        return None
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return None
    name = Path(str(getattr(browser, "name", ""))).name
    return None if name in _OF_TERMINALS else browser


def open_in(browser: webbrowser.BaseBrowser, url: str) -> bool:
    """Open a secret URL in the browser. Return whether the browser started."""
    path = f"/{secrets.token_urlsafe(32)}"
    opened = threading.Event()
    redirect = (
        ("Location", url),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
    )

    def respond(requested: str) -> Response:
        if requested != path or opened.is_set():
            return Response(HTTPStatus.NOT_FOUND)
        opened.set()
        return Response(HTTPStatus.FOUND, headers=redirect)

    page = LoopbackPage(respond, opened.is_set, seconds=_TIME_TO_OPEN)
    if browser.open(f"{page.url}{path}"):
        return True
    page.close()
    return False
