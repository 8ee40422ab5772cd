"""The button in a narrow toolbar, where the identity stays visible."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.picker_page import LOAD
from tests.browser.stage import restored
from tests.browser.test_toolbar import CLONE, PROTECT
from tests.browser.toolbar_page import SWITCH, ToolbarPage

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.jupyter import Jupyter

#: A name that is too long for any toolbar.
LONG = "acme-" + "analytics-" * 8 + "production"

#: The kernel's name in a toolbar, unless the toolbar hides it.
KERNEL = ".jp-NotebookPanel-toolbar > [data-jp-item-name='kernelName']"


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "notebooks"])
def test_a_narrow_window(jupyter: Jupyter, path: str) -> None:
    """A narrow toolbar shrinks the button but keeps its lock, and hides other items first."""
    cells = LOAD, PROTECT, f"{SWITCH} --yes"
    notebook = jupyter.notebook_7(*cells) if path else jupyter.lab(*cells)
    tool = ToolbarPage(notebook)
    for cell in range(3):
        notebook.run(cell)
    place = notebook.page.locator(".jp-NotebookPanel-toolbar > .ipyap-place .ipyap-tool")
    for width in (1400, 800, 480):
        notebook.page.set_viewport_size({"width": width, "height": 600})
        expect(place.locator(".ipyap-tool-account")).to_be_visible(visible=width > 480)
        if width == 480:  # the toolbar hides items after a delay
            expect(notebook.page.locator(KERNEL)).to_have_count(0)
        expect(place).to_be_in_viewport(ratio=1)
        expect(place.locator(".ipyap-tool-lock")).to_be_in_viewport(ratio=1)
        expect(place).to_contain_text("RoleBeta")
        expect(place).to_have_accessible_name(
            re.compile("AWS profile RoleBeta, account 123456789012, protected, .* left")
        )
        for theme in ("dark", "light"):
            notebook.theme(theme)
            notebook.screenshot(f"toolbar-{path or 'lab'}-{width}-{theme}")
    tool.pop_up()


@pytest.mark.slow
def test_side_by_side(jupyter: Jupyter) -> None:
    """Each of two notebooks side by side shows the button in its toolbar."""
    notebook = jupyter.lab(LOAD, PROTECT, f"{SWITCH} --yes")
    notebook.page.set_viewport_size({"width": 1400, "height": 600})
    notebook.page.evaluate("window.jupyterapp.shell.mode = 'multiple-document'")
    notebook.page.evaluate(CLONE)
    for cell in range(3):
        notebook.run(cell)
    places = notebook.page.locator(".jp-NotebookPanel-toolbar > .ipyap-place .ipyap-tool")
    expect(notebook.page.locator(KERNEL)).to_have_count(0)  # the toolbars hide it
    expect(places).to_have_count(2)
    for number in (0, 1):
        expect(places.nth(number)).to_be_in_viewport(ratio=1)
    notebook.screenshot("toolbar-side-by-side")


@pytest.mark.slow
def test_a_long_name(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """A name of 95 characters leaves room for the account, and the button keeps its position."""
    with restored(embedded.config_file):
        role = "arn:aws:iam::123456789012:role/RoleBeta"
        embedded.write_profile(LONG, source_profile="UserAlpha", role_arn=role, region="us-west-2")
        notebook = jupyter.lab(LOAD, f"%aws_profile {LONG}")
        notebook.page.set_viewport_size({"width": 1400, "height": 600})
        notebook.run(0)
        notebook.run(1)
    tool = ToolbarPage(notebook)
    tool.says(LONG, "123456789012")
    account = tool.toggle.locator(".ipyap-tool-account")
    assert account.evaluate("part => part.scrollWidth <= part.clientWidth")
    notebook.screenshot("toolbar-long-name")
    boxes = [
        notebook.page.locator(f".jp-NotebookPanel-toolbar {item}").bounding_box()
        for item in (".jp-Notebook-toolbarCellTypeDropdown", ".ipyap-place", ".jp-KernelName")
    ]
    lefts = [box["x"] for box in boxes if box]
    assert len(lefts) == 3
    assert lefts == sorted(lefts)
