"""The picker and the toolbar's button in a page, as a user works with them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.picker.toolbar import view_script
from ipy_awsprofile.switch.switcher import Switcher
from tests.browser.jupyter import Notebook

LOAD = "%load_ext ipy_awsprofile"
PICK = "%aws_profile --pick"
BUCKETS = "from ipy_awsprofile import list_buckets\nlist_buckets(session)"


class PickerPage:
    """A picker, whose parts are found by the roles and labels that assistive technology uses."""

    def __init__(self, shown: Locator) -> None:
        self.root = shown.locator(".ipyap")
        self.field = shown.get_by_role("combobox", name="AWS profile")
        self.region = shown.get_by_role("combobox", name="AWS Region")
        self.options = shown.get_by_role("listbox", name="AWS profiles").get_by_role("option")
        self.identity = shown.get_by_role("group", name="Active identity")
        self.countdown = shown.get_by_role("timer")
        self.then = shown.locator(".ipyap-then")
        self.error = shown.get_by_role("alert")
        self.code = shown.get_by_label("MFA code from")
        self.wrong = shown.locator(".ipyap-wrong")
        self.busy = shown.locator(".ipyap-busy")

    @property
    def is_open(self) -> bool:
        """Return whether the list is open."""
        return self.field.get_attribute("aria-expanded") == "true"

    def open(self) -> None:
        """Click the field to open the list."""
        self.field.click()
        expect(self.field).to_have_attribute("aria-expanded", "true")

    def choose(self, name: str) -> None:
        """Open the list, type the whole name, and press Enter."""
        self.open()
        self.field.fill(name)
        expect(self.options.first).to_contain_text(name)
        self.field.press("Enter")

    def button(self, name: str) -> Locator:
        """Return the button with this name."""
        return self.root.get_by_role("button", name=name)

    def shows(self, name: str) -> None:
        """Wait until no command is running and the picker shows this profile's identity."""
        expect(self.busy).to_have_count(0)
        expect(self.identity).to_contain_text(name)
        expect(self.field).to_have_value(name)


class ToolbarPage(PickerPage):
    """The buttons in the toolbars of a page, and the picker in the popup."""

    def __init__(self, notebook: Notebook) -> None:
        self.page = notebook.page
        self.popup = notebook.page.locator(".ipyap-popup:popover-open")
        super().__init__(self.popup)
        self.buttons = notebook.page.locator(".ipyap-tool:visible")
        self.first = notebook.page.locator(".ipyap-first:visible")

    @property
    def toggle(self) -> Locator:
        """Return the button."""
        return self.buttons.first

    def says(self, *texts: str) -> None:
        """Wait until there is exactly one button, and it contains these texts."""
        expect(self.buttons).to_have_count(1)
        for text in texts:
            expect(self.toggle).to_contain_text(text)

    def is_absent(self) -> None:
        """Wait until there is no button."""
        expect(self.buttons).to_have_count(0)
        expect(self.first).to_have_count(0)

    def is_unloaded(self, says: str = "No AWS profile") -> None:
        """Wait until there is only the button of a kernel without the extension."""
        expect(self.first).to_have_count(1)
        expect(self.first.get_by_role("button").first).to_have_text(says)
        expect(self.buttons).to_have_count(0)

    def pop_up(self) -> None:
        """Open the popup, with the list in it."""
        self.toggle.click()
        self.is_ready()

    def is_ready(self) -> None:
        """Wait until the field has the focus, and the list is open."""
        expect(self.field).to_be_focused()
        expect(self.field).to_have_attribute("aria-expanded", "true")

    def choose(self, name: str) -> None:
        """Open the popup if it's closed, type the whole name, and press Enter."""
        if not self.popup.count():
            self.pop_up()
        super().choose(name)


# A page without JupyterLab ---

_THEMES = Path(sys.prefix) / "share/jupyter/lab/themes/@jupyterlab"

_PAGE = """<!doctype html><html lang="en"><head><title>A notebook</title><style>
body {
  margin: 8px;
  background: var(--vscode-editor-background, var(--jp-layout-color0));
  color: var(--vscode-foreground, var(--jp-ui-font-color1));
}
#bar { display: flex; justify-content: flex-end; container: ipyap-toolbar / inline-size; }
</style><style id="theme"></style></head><body><main>
<div id="bar"><div id="place"></div><button id="next">next</button></div>
<div class="cell-output-ipywidget-background"><div id="picker"></div></div>
<textarea id="cell" aria-label="cell"></textarea>
</main></body></html>"""

_CHANNEL = """
globalThis.sent = [];
globalThis.listeners = {};
globalThis.channel = {
  kernel: {id: "k"},
  insert: () => {},
  remember: () => {},
  send: (message) => sent.push(message),
  listeners: new Set(),
};
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


#: Colors of VS Code's themes: text, page, input, its border, panel border, focus and hovered row.
_VSCODE = {
    "vscode-light": "#3b3b3b #ffffff #ffffff #cecece #e5e5e5 #005fb8 #f2f2f2",
    "vscode-dark": "#cccccc #1f1f1f #313131 #3c3c3c #2b2b2b #0078d4 #2a2d2e",
    "vscode-high-contrast": "#ffffff #000000 #000000 #6fc3df #6fc3df #f38518 #ffffff1a",
}
_OF_VSCODE = (
    *("foreground", "editor-background", "input-background", "input-border", "panel-border"),
    *("focusBorder", "list-hoverBackground"),
)

#: JupyterLab's themes and VS Code's.
THEMES = ("light", "dark", "dark-high-contrast", *_VSCODE)


def theme(name: str) -> str:
    """Return the style sheet of a theme of JupyterLab or VS Code.

    VS Code also defines JupyterLab's variables, but always as in the light theme and without the
    background of fields, and its area for widgets is white.
    """
    if name in _VSCODE:
        colors = zip(_OF_VSCODE, _VSCODE[name].split(), strict=True)
        variables = "".join(f"--vscode-{variable}: {color};" for variable, color in colors)
        area = ".cell-output-ipywidget-background { background: white !important; }"
        variables += "--jp-input-background: initial;"
        return f"{theme('light')} :root {{ {variables} }} {area}"
    return (_THEMES / f"theme-{name}-extension" / "index.css").read_text()


class ViewPage(PickerPage):
    """A picker in a page, whose messages wait until the test delivers them."""

    def __init__(self, page: Page, switcher: Switcher) -> None:
        super().__init__(page.locator("body"))
        self.page = page
        self.switcher = switcher
        self.tool = page.locator(".ipyap-tool")
        self.popup = page.locator(".ipyap-popup")
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

    def start_clock(self, place: str = "cell") -> None:
        """Show a new picker, or button, whose timers fire when the test moves the page's clock."""
        self.page.clock.install()
        self.begin(place)

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

    def _hear(self, message: Mapping[str, Any], buffers: list[bytes]) -> None:
        self._answers.append((dict(message), buffers[0].decode() if buffers else None))

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
