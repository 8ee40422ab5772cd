"""The picker's view in a page without JupyterLab; the test decides when messages travel.

The page loads the view as JupyterLab does. A test can change the files between any two actions of
the user, and look at every state in every theme.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.picker.widget import ProfilePicker
from tests.browser.picker_page import PickerPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from ipy_awsprofile.switch.switcher import Switcher

_THEMES = Path(sys.prefix) / "share/jupyter/lab/themes/@jupyterlab"

_PAGE = """<!doctype html><html lang="en"><head><title>A notebook</title><style>
body {{ margin: 8px; background: var(--jp-layout-color0); color: var(--jp-ui-font-color1); }}
{}</style><style id="theme"></style></head>
<body><main><div id="picker"></div><button id="below">below</button></main></body></html>"""

_MODEL = """
globalThis.sent = [];
globalThis.listeners = {};
globalThis.model = {
  send: (message) => sent.push(message),
  on: (event, listener) => (listeners[event] = listener),
  off: (event) => delete listeners[event],
  get: () => undefined,
};
globalThis.deliver = (message, text) => {
  const buffers = text === null ? [] : [new DataView(new TextEncoder().encode(text).buffer)];
  listeners["msg:custom"]?.(message, buffers);
};
"""


_BEGIN = """() => {
  globalThis.end?.();
  const el = document.querySelector("#picker");
  el.textContent = "";
  globalThis.end = picker.render({model, el});
}"""


def theme(name: str) -> str:
    """Return the style sheet of JupyterLab's theme `light` or `dark`."""
    return (_THEMES / f"theme-{name}-extension" / "index.css").read_text()


class ViewPage(PickerPage):
    """A picker in a page, whose messages wait until the test delivers them."""

    def __init__(self, page: Page, switcher: Switcher) -> None:
        super().__init__(page.locator("main"))
        self.page = page
        self.below = page.locator("#below")
        self.page_errors: list[str] = []
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.set_content(_PAGE.format(ProfilePicker._css))
        self.theme("light")
        script = ProfilePicker._esm.replace("export default {", "globalThis.picker = {")
        page.add_script_tag(content=f"{{{_MODEL}\n{script}}}")
        self.switcher = switcher
        self._answers: list[tuple[dict[str, Any], str | None]] = []
        self.begin()

    def begin(self) -> None:
        """Replace the picker with a new one."""
        self.picker = ProfilePicker(switcher=self.switcher)
        self.picker.send = self._hear
        self.page.evaluate(_BEGIN)
        self.settle()

    def theme(self, name: str) -> None:
        """Change to the theme `light` or `dark`."""
        change = "css => (document.querySelector('#theme').textContent = css)"
        self.page.evaluate(change, theme(name))

    def _hear(self, message: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self._answers.append((message, buffers[0].decode() if buffers else None))

    def ask(self) -> bool:
        """Deliver the view's messages to Python, and return whether there were any."""
        sent = self.page.evaluate("sent.splice(0)")
        for message in sent:
            self.picker._handle_custom_msg(message, [])
        return bool(sent)

    def answer(self) -> bool:
        """Deliver Python's messages to the view, and return whether there were any."""
        answers, self._answers = self._answers, []
        for message, text in answers:
            self.page.evaluate("([message, text]) => deliver(message, text)", [message, text])
        return bool(answers)

    def settle(self) -> None:
        """Deliver messages until none are left."""
        while self.ask() or self.answer():
            pass

    def settle_until(self, shown: Locator) -> None:
        """Deliver messages until an element is visible, because some come from another thread."""
        for _ in range(200):
            self.settle()
            if shown.is_visible():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"It isn't shown: {shown}; this is: {self.root.inner_text()}")

    @property
    def id(self) -> str:
        """Return the view's ID in its messages."""
        name: str = self.field.get_attribute("aria-controls") or ""
        return name.removesuffix("-list")

    def tell(self, **message: Any) -> None:
        """Send a message to the view, as Python would."""
        self.page.evaluate("message => deliver(message, null)", message)
