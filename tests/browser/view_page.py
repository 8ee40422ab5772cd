"""The picker's view in a page without JupyterLab; the test decides when messages travel.

The page loads the script as JupyterLab and the labextension do. A test can change the files between
any two actions of the user, and look at every state in every theme.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.picker.script import view_script
from tests.browser.picker_page import PickerPage

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from ipy_awsprofile.switch.switcher import Switcher

_THEMES = Path(sys.prefix) / "share/jupyter/lab/themes/@jupyterlab"

_PAGE = """<!doctype html><html lang="en"><head><title>A notebook</title><style>
body { margin: 8px; background: var(--jp-layout-color0); color: var(--jp-ui-font-color1); }
#bar { display: flex; justify-content: flex-end; container: ipyap-toolbar / inline-size; }
</style><style id="theme"></style></head><body><main>
<div id="bar"><div id="place"></div><button id="next">next</button></div>
<div id="picker"></div><button id="below">below</button>
<textarea id="cell" aria-label="cell"></textarea>
</main></body></html>"""

_CHANNEL = """
globalThis.sent = [];
globalThis.listeners = {};
globalThis.channel = {send: (message) => sent.push(message), listeners: new Set()};
globalThis.model = {
  send: channel.send,
  on: (event, listener) => (listeners[event] = listener),
  off: (event) => delete listeners[event],
  get: () => undefined,
};
globalThis.deliver = (message, text) => {
  const buffers = text === null ? [] : [new DataView(new TextEncoder().encode(text).buffer)];
  listeners["msg:custom"]?.(message, buffers);
  for (const listener of channel.listeners) listener(message, buffers);
};
"""

_BEGIN = {
    "cell": """() => {
        globalThis.end?.();
        globalThis.end = script.render({model, el: document.querySelector("#picker")});
    }""",
    "toolbar": """() => {
        globalThis.end?.();
        globalThis.button = script.button(document.querySelector("#place"), channel);
        globalThis.end = button.end;
    }""",
}


def theme(name: str) -> str:
    """Return the style sheet of JupyterLab's theme `light`, `dark` or `dark-high-contrast`."""
    return (_THEMES / f"theme-{name}-extension" / "index.css").read_text()


class ViewPage(PickerPage):
    """A picker in a page, whose messages wait until the test delivers them."""

    def __init__(self, page: Page, switcher: Switcher) -> None:
        super().__init__(page.locator("body"))
        self.page = page
        self.switcher = switcher
        self.tool = page.locator(".ipyap-tool")
        self.popup = page.locator(".ipyap-popup")
        self.below = page.locator("#below")
        self.cell = page.locator("#cell")
        self.page_errors: list[str] = []
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.set_content(_PAGE)
        self.theme("light")
        script = view_script().replace("export default {", "globalThis.script = {")
        page.add_script_tag(content=f"{{{_CHANNEL}\n{script}}}")
        self._answers: list[tuple[dict[str, Any], str | None]] = []
        self.conversation: Conversation | None = None

    def begin(self, place: str = "cell") -> None:
        """Show a new picker in a cell, or the button in the toolbar."""
        self.end()
        self.conversation = Conversation(self.switcher, self._hear)
        self.page.evaluate(_BEGIN[place])
        self.settle()

    def open(self) -> None:
        """Click the field to open the list, and deliver the messages."""
        super().open()
        self.settle()

    def choose(self, name: str) -> None:
        """Choose a profile, and deliver the messages."""
        super().choose(name)
        self.settle()

    def end(self) -> None:
        """End the conversation."""
        if self.conversation:
            self.conversation.close()

    def theme(self, name: str) -> None:
        """Change to a theme of JupyterLab."""
        change = "css => (document.querySelector('#theme').textContent = css)"
        self.page.evaluate(change, theme(name))

    def _hear(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        self._answers.append((message, buffers[0].decode() if buffers else None))

    def ask(self) -> bool:
        """Deliver the view's messages to Python, and return whether there were any."""
        sent = self.page.evaluate("sent.splice(0)")
        assert self.conversation
        for message in sent:
            self.conversation.receive(message)
        return bool(sent)

    def answer(self) -> bool:
        """Deliver Python's messages to the view, and return whether there were any."""
        answers, self._answers = self._answers, []
        for message, text in answers:
            self.page.evaluate("([message, text]) => deliver(message, text)", [message, text])
        return bool(answers)

    def answer_once(self) -> None:
        """Deliver only the first of Python's messages."""
        self._answers, later = self._answers[:1], self._answers[1:]
        self.answer()
        self._answers = later

    def tell(self, *, about: dict[str, Any] | None = None, **state: Any) -> None:
        """Send the view a state with these changes, and what changes about the identity."""
        assert self.conversation
        self.conversation.show()
        message, _ = self._answers.pop()
        if about:
            message["identity"] |= about
        self._answers.append((message | state, None))
        self.answer()

    def settle(self) -> None:
        """Deliver messages until none are left."""
        while self.ask() or self.answer():
            pass

    def has_focus(self, selector: str) -> bool:
        """Return whether the focused element matches a CSS selector."""
        script = "selector => document.activeElement.matches(selector)"
        return bool(self.page.evaluate(script, selector))
