"""A user with a browser on the kernel's machine."""

from __future__ import annotations

import threading
import urllib.request
import webbrowser
from urllib.parse import urlencode


class Browser(webbrowser.BaseBrowser):
    """A browser that opens a URL in the background, and records the URL and the page."""

    def __init__(self) -> None:
        super().__init__("test")
        self.opened: list[str] = []
        self.page = ""
        #: The user's answer on a sign-in page; None leaves the page unanswered.
        self.answer: str | None = "allow"

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        """Open a URL in a thread."""
        self.opened.append(url)
        self._thread = threading.Thread(target=self._show, args=(url,))
        self._thread.start()
        return True

    def _show(self, url: str) -> None:
        with urllib.request.urlopen(url) as response:
            address, self.page = response.geturl(), response.read().decode()
        if self.answer and "/authorize?" in address:
            answer = urlencode({"answer": self.answer}).encode()
            with urllib.request.urlopen(address, answer) as response:
                self.page = response.read().decode()

    def wait(self) -> None:
        """Wait until the page is loaded."""
        self._thread.join()
