"""The browser of the person, if it is on the kernel's machine.

What it opens is a page of the kernel on loopback that leads on, once: a browser is a process, whose
arguments other users of the machine can read.

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

from ipy_awsprofile.sessions.loopback_page import LoopbackPage, Response

#: A variable of each of them says that the person sits somewhere else.
_ELSEWHERE = (
    "SSH_CONNECTION",
    "SSH_TTY",
    "JUPYTERHUB_API_URL",
    "KUBERNETES_SERVICE_HOST",
    "CODESPACES",
    "COLAB_RELEASE_TAG",
)

#: Browsers that run in a terminal, which a kernel doesn't have.
_OF_TERMINALS = {"elinks", "links", "lynx", "w3m", "www-browser"}

#: Seconds for the browser to open the page.
_TIME_TO_OPEN = 30


def local_browser() -> webbrowser.BaseBrowser | None:
    """Return the browser of this machine; None if the person is at another, or has none here."""
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
    """Open an address that no one else may see. Return whether the browser was started."""
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
