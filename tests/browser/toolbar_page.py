"""The button in a notebook's toolbar, as a user works with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.picker_page import LOAD, PickerPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.jupyter import Jupyter, Notebook


SWITCH = "%aws_profile RoleBeta"


def open_switched(jupyter: Jupyter, *cells: str) -> tuple[Notebook, ToolbarPage]:
    """Open a notebook in JupyterLab, switch to RoleBeta, and wait for the button.

    The ``cells`` follow the cell of the switch, and haven't run yet.
    """
    notebook = jupyter.lab(f"{LOAD}\n{SWITCH}", *cells)
    tool = ToolbarPage(notebook)
    notebook.run(0)
    tool.says("RoleBeta")
    return notebook, tool


class ToolbarPage(PickerPage):
    """The button in a notebook's toolbar, and the picker in its popup."""

    def __init__(self, notebook: Notebook) -> None:
        self.page = notebook.page
        self.popup = notebook.page.locator(".ipyap-popup:popover-open")
        super().__init__(self.popup)
        self.buttons = notebook.page.locator(".ipyap-tool:visible")
        self.notice = notebook.page.locator(".ipyap-notice:visible")

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

    def pop_up(self) -> None:
        """Open the popup, with the list in it."""
        self.toggle.click()
        self.is_ready()

    def is_ready(self) -> None:
        """Wait until the list is open and the field has the focus."""
        expect(self.field).to_be_focused()
        expect(self.field).to_have_attribute("aria-expanded", "true")

    def is_closed(self) -> None:
        """Wait until the popup is closed and the button has the focus."""
        expect(self.popup).to_have_count(0)
        expect(self.toggle).to_be_focused()

    def choose(self, name: str) -> None:
        """Open the popup if it's closed, type the whole name, and press Enter."""
        if not self.popup.count():
            self.pop_up()
        super().choose(name)
