"""Pictures for README and the documentation, which UPDATE_SCREENSHOTS=1 writes again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.picker_page import BUCKETS, LOAD, PICK, picker_in
from tests.browser.toolbar_page import ToolbarPage

if TYPE_CHECKING:
    from tests.browser.jupyter import Jupyter


@pytest.mark.slow
def test_first_switch(jupyter: Jupyter) -> None:
    """A narrow window shows the button, the card and the DataFrame of the first switch together."""
    notebook = jupyter.lab(LOAD, "%aws_profile RoleBeta", BUCKETS)
    tool = ToolbarPage(notebook)
    notebook.page.set_viewport_size({"width": 800, "height": 560})
    notebook.run(0)
    card = notebook.run(1).locator(".ipy-awsprofile-card")
    table = notebook.run(2).locator("tbody tr")
    tool.says("RoleBeta")
    for part in (tool.toggle, card, table.nth(2)):
        expect(part).to_be_in_viewport(ratio=0.9)
    expect(table).to_have_count(3)
    panel = notebook.page.locator(".jp-NotebookPanel:visible")
    for theme, suffix in (("dark", "-dark"), ("light", "")):
        notebook.theme(theme)
        notebook.picture(f"first-switch{suffix}", panel)


@pytest.mark.slow
def test_picker(jupyter: Jupyter, company: None) -> None:
    """The list is open below a cell, with a profile highlighted."""
    protect = "%config AwsProfileMagics.protected = ['*prod*']"
    notebook = jupyter.lab(LOAD, protect, PICK)
    picker = picker_in(notebook, 2)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    picker.open()
    picker.field.press("ArrowDown")
    expect(picker.root.locator(".ipyap-active")).to_be_visible()
    notebook.picture("picker", notebook.cell(2))
