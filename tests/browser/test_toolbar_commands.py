"""The toolbar's commands, from the palette and the keyboard, in JupyterLab and Notebook 7."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.picker_page import LOAD
from tests.browser.toolbar_page import SWITCH, ToolbarPage

if TYPE_CHECKING:
    from tests.browser.jupyter import Jupyter, Notebook

#: Record what the page copies to the clipboard, because a headless browser doesn't share it.
_RECORD_COPIES = """() => {
  globalThis.copied = [];
  document.addEventListener("copy", event => copied.push(event.clipboardData.getData("text")));
}"""


def run_command(notebook: Notebook, label: str) -> None:
    """Run a command from the palette."""
    notebook.page.keyboard.press("Control+Shift+KeyC")
    palette = notebook.page.locator(".lm-CommandPalette")
    expect(palette.locator("input")).to_be_focused()
    notebook.page.keyboard.type(label)
    item = palette.locator(".lm-CommandPalette-item.lm-mod-active")
    expect(item).to_contain_text(label)
    notebook.page.keyboard.press("Enter")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "notebooks"])
def test_commands(jupyter: Jupyter, company: None, path: str) -> None:
    """The commands switch, copy the ARN and undo the switch, and return the focus to the cell."""
    notebook = jupyter.open(jupyter.server.write([LOAD, SWITCH, "1"]), path=path)
    tool = ToolbarPage(notebook)
    is_enabled = """name => window.jupyterapp.commands.isEnabled(`ipy-awsprofile:${name}`)"""
    assert not notebook.page.evaluate(is_enabled, "switch")
    notebook.run(0)
    tool.says("No AWS profile")
    assert notebook.page.evaluate(is_enabled, "switch")
    assert not notebook.page.evaluate(is_enabled, "copy-arn")
    assert not notebook.page.evaluate(is_enabled, "off")
    notebook.run(1)
    tool.says("RoleBeta")

    editor = notebook.cell(2).locator(".cm-content")
    editor.click()
    notebook.page.keyboard.press("Alt+Shift+KeyP")
    tool.is_ready()
    notebook.page.keyboard.type("staging")
    notebook.page.keyboard.press("Enter")
    tool.says("staging")
    expect(tool.popup).to_have_count(0)
    expect(editor).to_be_focused()

    notebook.page.evaluate(_RECORD_COPIES)
    run_command(notebook, "Copy ARN of the AWS Identity")
    notebook.page.wait_for_function("() => copied.length")
    (arn,) = notebook.page.evaluate("copied")
    assert arn.startswith("arn:aws:sts::123456789012:assumed-role/staging/")

    run_command(notebook, "Switch AWS Profile Off")
    tool.says("No AWS profile")
    expect(tool.popup).to_have_count(0)
    assert notebook.file.read_text().count("staging") == 0


@pytest.mark.slow
def test_off_while_a_cell_runs(jupyter: Jupyter) -> None:
    """The popup opens, and says that the switch will be undone after the running cell."""
    notebook = jupyter.lab(LOAD, SWITCH, "input()")
    tool = ToolbarPage(notebook)
    notebook.run(0)
    notebook.run(1)
    tool.says("RoleBeta")
    notebook.start(2)
    answer = notebook.cell(2).locator("input.jp-Stdin-input")
    expect(answer).to_be_visible()
    notebook.page.evaluate("window.jupyterapp.commands.execute('ipy-awsprofile:off')")
    expect(tool.then).to_contain_text("when the running cell ends")
    tool.says("RoleBeta")
    notebook.page.keyboard.press("Escape")
    answer.press("Enter")
    tool.says("No AWS profile")
