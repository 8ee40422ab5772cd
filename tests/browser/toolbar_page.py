"""The button in a notebook's toolbar, as a user works with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.picker_page import PickerPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.jupyter import Notebook


class ToolbarPage(PickerPage):
    """The buttons in the toolbars of a page, and the picker in the popup."""

    def __init__(self, notebook: Notebook) -> None:
        self.page = notebook.page
        self.popup = notebook.page.locator(".ipyap-popup:popover-open")
        super().__init__(self.popup)
        self.buttons = notebook.page.locator(".ipyap-tool:visible")

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
        """Wait until the field has the focus, and the list is open."""
        expect(self.field).to_be_focused()
        expect(self.field).to_have_attribute("aria-expanded", "true")

    def choose(self, name: str) -> None:
        """Open the popup if it's closed, type the whole name, and press Enter."""
        if not self.popup.count():
            self.pop_up()
        super().choose(name)
