"""The popup of the toolbar's button, where two keystrokes switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.picker_page import LOAD, PICK, picker_in
from tests.browser.toolbar_page import SWITCH, ToolbarPage, open_switched

if TYPE_CHECKING:
    from tests.browser.jupyter import Jupyter


def test_two_keystrokes(jupyter: Jupyter, company: None) -> None:
    """Enter on the button opens the list; the next Enter switches, and closes it.

    If the user holds down Enter or presses it twice, the session stays. After an error, the popup
    stays open.
    """
    notebook = jupyter.lab(LOAD, SWITCH, "first = session", "session is first")
    tool = ToolbarPage(notebook)
    for cell in (0, 1, 2):
        notebook.run(cell)
    tool.says("RoleBeta")
    keyboard = notebook.page.keyboard
    tool.toggle.focus()
    for _ in range(5):
        keyboard.down("Enter")
    tool.is_ready()
    for _ in range(5):
        keyboard.down("Enter")
    keyboard.up("Enter")
    tool.is_ready()
    expect(tool.popup.locator(".ipyap-rows .ipyap-active")).to_contain_text("RoleBeta")
    for theme in ("dark", "light"):
        notebook.theme(theme)
        notebook.screenshot(f"toolbar-opened-{theme}")
    keyboard.press("Enter")
    tool.is_closed()
    expect(notebook.run(3)).to_contain_text("True")

    tool.toggle.focus()
    keyboard.press("Enter")
    tool.is_ready()
    keyboard.type("staging")
    expect(tool.field).to_have_value("staging")
    keyboard.press("Enter")
    tool.says("staging")
    tool.is_closed()

    tool.choose("analytics-dev")
    expect(tool.error).to_contain_text("AWS doesn't let")
    tool.says("staging")
    keyboard.press("Escape")
    tool.is_closed()
    tool.pop_up()
    expect(tool.error).to_be_empty()


@pytest.mark.slow
@pytest.mark.fresh_page
def test_a_restart_leaves_the_focus_in_the_notebook(jupyter: Jupyter) -> None:
    """If the kernel restarts while the popup is open, the focus moves to the notebook."""
    notebook, tool = open_switched(jupyter)
    tool.pop_up()
    notebook.restart()
    tool.is_absent()
    expect(notebook.page.locator(".jp-NotebookPanel :focus")).to_have_count(1)


#: Close the button's comm, as any script in the page can.
CLOSE_COMM = """() => {
  const {kernel} = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const comms = [...kernel._comms.values()];
  comms.find(({targetName}) => targetName === "ipy_awsprofile.toolbar").close();
}"""


@pytest.mark.slow
@pytest.mark.fresh_page
def test_a_comm_that_the_page_has_closed(jupyter: Jupyter) -> None:
    """If a script in the page closes the comm, the button returns, even after a page reload."""
    notebook, tool = open_switched(jupyter)
    notebook.page.evaluate(CLOSE_COMM)
    tool.says("RoleBeta")
    tool.choose("UserAlpha")
    tool.says("UserAlpha")
    notebook.page.evaluate(CLOSE_COMM)
    notebook.page.reload()
    notebook.wait_until_ready()
    tool.choose("RoleBeta")
    tool.says("RoleBeta")


@pytest.mark.slow
def test_no_console_in_the_toolbar(jupyter: Jupyter) -> None:
    """The popup has no *Console* button, even if a picker in a cell has one."""
    notebook = jupyter.lab(LOAD, PICK)
    picker = picker_in(notebook, 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    expect(picker.button("Console")).to_be_visible()
    tool = ToolbarPage(notebook)
    tool.pop_up()
    expect(tool.button("Refresh")).to_be_visible()
    expect(tool.button("Console")).to_have_count(0)
