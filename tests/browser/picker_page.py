"""The picker in a page, as a user works with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator

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
        self.busy = shown.locator(".ipyap-busy")

    @property
    def is_open(self) -> bool:
        """Return whether the list is open."""
        return self.field.get_attribute("aria-expanded") == "true"

    def open(self) -> None:
        """Click the field to open the list."""
        self.field.click()
        expect(self.field).to_have_attribute("aria-expanded", "true")

    def search(self, words: str) -> None:
        """Type words into the field of the open list."""
        self.field.press_sequentially(words)

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


def picker_in(notebook: Notebook, cell: int) -> PickerPage:
    """Run the cells up to this one, and return the picker in its output."""
    for index in range(cell):
        notebook.run(index)
    picker = PickerPage(notebook.run(cell))
    expect(picker.field).to_have_attribute("placeholder", re.compile(r"Search [\d,]+ profile"))
    return picker
