"""The picture of the first switch, for README and the documentation's home page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.picker_page import BUCKETS, LOAD
from tests.browser.toolbar_page import ToolbarPage

if TYPE_CHECKING:
    from tests.browser.jupyter import Jupyter

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_first_switch(jupyter: Jupyter) -> None:
    """A narrow window shows the button, the card and the DataFrame of the first switch together.

    With UPDATE_SCREENSHOTS, this test also updates the picture, in both themes.
    """
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
        shown = notebook.screenshot(f"first-switch{suffix}", panel)
        assert shown.stat().st_size > 0
        if os.environ.get("UPDATE_SCREENSHOTS"):
            picture = DOCS / f"first-switch{suffix}.png"
            Image.open(shown).quantize(128).save(picture, optimize=True)
