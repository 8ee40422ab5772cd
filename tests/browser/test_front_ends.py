"""The toolbar and the picker in JupyterLab and Notebook 7, each with one notebook for all tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version
from playwright.sync_api import Browser, expect

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT
from tests.aws import EmbeddedAws
from tests.browser.jupyter import HAS_SUBSHELLS, Jupyter, Notebook, Server
from tests.browser.pages import BUCKETS, LOAD, PICK, PickerPage, ToolbarPage
from tests.browser.stage import restored

START = f"{LOAD}\n%config AwsProfileMagics.protected = []\n%aws_profile RoleBeta"
USER = f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha"

#: A cell that calls AWS repeatedly until a file exists, and returns the identities.
LOOP = """import boto3, pathlib, time
seen = set()
print("looping")
while not pathlib.Path({stop!r}).exists():
    seen.add(boto3.client("sts").get_caller_identity()["Arn"])
    time.sleep(0.1)
seen"""

#: Before JupyterLab 4.6.5, a toolbar keeps the first width of each item.
MEASURES_AGAIN = Version(version("jupyterlab")) >= Version("4.6.5")

#: A name that is too long for any toolbar.
LONG = "acme-" + "analytics-" * 8 + "production"


@pytest.fixture(scope="module", params=["", "notebooks"], ids=["lab", "notebook-7"])
def front_end(
    server: Server, chromium: Browser, request: pytest.FixtureRequest
) -> Iterator[Notebook]:
    """Open a notebook in a front end."""
    jupyter = Jupyter(server, chromium)
    yield jupyter.open("1", path=request.param)
    jupyter.close()


@pytest.fixture
def notebook(front_end: Notebook) -> Notebook:
    """Return the front end's notebook, after a switch to RoleBeta."""
    front_end.page.set_viewport_size({"width": 1000, "height": 760})
    front_end.enter(START)
    ToolbarPage(front_end).says("RoleBeta", "123456789012")
    return front_end


def test_the_shortcut(notebook: Notebook, tmp_path: Path) -> None:
    """Keys typed right after `Alt+Shift+P` are a search, even while a cell runs.

    The switch waits for the running cell, and the focus returns to the user's cell.
    """
    tool, keyboard, stop = ToolbarPage(notebook), notebook.page.keyboard, tmp_path / "stop"
    cell, running = notebook.cell(notebook.add("2")), None
    cells = notebook.page.locator(".jp-Notebook .jp-Cell")
    for mode in ("edit", "command", "busy"):
        if mode == "busy":
            running = notebook.begin(LOOP.format(stop=str(stop)), "looping")
        count = cells.count()
        cell.locator(".cm-content").click()
        if mode != "edit":
            keyboard.press("Escape")
        keyboard.press("Alt+Shift+KeyP")
        keyboard.type("ddalpha")  # in a notebook, "dd" would delete a cell
        expect(tool.field).to_have_value("ddalpha")
        tool.field.fill("alpha")
        expect(tool.options.first).to_contain_text("UserAlpha")
        keyboard.press("Enter")
        if running:
            expect(tool.then).to_contain_text("running cell")
            tool.says("RoleBeta")
            stop.touch()
            expect(running).to_contain_text("assumed-role/RoleBeta/")
            expect(running).not_to_contain_text("UserAlpha")
        tool.says("UserAlpha")
        expect(tool.popup).to_have_count(0)
        expect(cell.locator(":focus, :scope:focus")).to_have_count(1)
        assert cells.count() == count
        notebook.enter("%aws_profile RoleBeta")
        tool.says("RoleBeta")


def test_the_palette_and_the_tab_key(notebook: Notebook) -> None:
    """The palette finds the command by "switch aws profile", and Tab reaches the button."""
    tool, keyboard = ToolbarPage(notebook), notebook.page.keyboard
    palette = notebook.page.locator(".lm-CommandPalette")
    notebook.cell(0).locator(".jp-InputPrompt").click()  # JupyterLab 4.4 opens it in command mode
    keyboard.press("Control+Shift+KeyC")
    expect(palette.locator("input")).to_be_focused()
    keyboard.type("switch aws profile")
    first = palette.locator(".lm-CommandPalette-item.lm-mod-active")
    expect(first).to_contain_text("Switch AWS Profile…")
    keyboard.press("Enter")
    tool.is_ready()
    keyboard.press("Escape")
    notebook.cell(0).locator(".cm-content").click()
    keyboard.press("Escape")
    for _ in range(4):
        keyboard.press("Shift+Tab")
        if tool.toggle.evaluate("button => button === document.activeElement"):
            break
    expect(tool.toggle).to_be_focused()
    keyboard.press("Enter")
    tool.is_ready()
    keyboard.press("Escape")


#: Whether no item of the toolbar overlaps another, because JupyterLab moves items to a menu late.
_NO_OVERLAP = """() => {
  const items = document.querySelectorAll(".jp-NotebookPanel-toolbar > .jp-Toolbar-item");
  const visible = [...items].filter(item => item.checkVisibility());
  // A spacer without room is where the next item is.
  const boxes = visible.map(item => item.getBoundingClientRect()).filter(({width}) => width);
  boxes.sort((one, other) => one.left - other.left);
  return boxes.every(({right}, i) => right <= (boxes[i + 1]?.left ?? innerWidth) + 1);
}"""


def test_widths(notebook: Notebook, embedded: EmbeddedAws) -> None:
    """At any width, the button is whole and readable, and no other item overlaps it.

    If the toolbar keeps the button's first width, the account can be cut. The title has all of it.
    """
    tool = ToolbarPage(notebook)
    with restored(embedded.config_file):
        role = "arn:aws:iam::123456789012:role/RoleBeta"
        embedded.write_profile(LONG, source_profile="UserAlpha", role_arn=role, region="us-west-2")
        notebook.enter(f"%aws_profile {LONG}")
    protect = "%config AwsProfileMagics.protected = ['RoleBeta']"
    for name in (LONG, "RoleBeta"):
        for width in (1400, 800, 400):
            notebook.page.set_viewport_size({"width": width, "height": 600})
            expect(tool.toggle).to_have_attribute("title", re.compile(name))
            expect(tool.toggle).to_have_attribute("title", re.compile(ROLE_ACCOUNT))
            expect(tool.toggle).to_be_in_viewport(ratio=1)
            notebook.page.wait_for_function(_NO_OVERLAP)
            assert tool.toggle.locator(".ipyap-tool-name").evaluate("name => name.clientWidth") > 30
            if MEASURES_AGAIN:
                account = tool.toggle.locator(".ipyap-tool-account").element_handle()
                fits = "part => part.scrollWidth <= part.clientWidth"
                notebook.page.wait_for_function(fits, arg=account)
        notebook.enter(f"{protect}\n%aws_profile RoleBeta --yes")


def test_the_picker(notebook: Notebook, tmp_path: Path) -> None:
    """A choice switches for the next cell; all pickers and the magic show the same identity.

    A choice says that it waits for a running cell, which keeps its identity to its end. The button
    and Escape cancel it, unless the kernel hears of the choice only after the cell.
    """
    picker, stop = PickerPage(notebook.enter(PICK)), tmp_path / "stop"
    picker.choose("UserAlpha")
    picker.shows("UserAlpha")
    other = PickerPage(notebook.enter(PICK))
    other.shows("UserAlpha")
    cells = notebook.page.locator(".jp-Notebook .jp-Cell")
    count = cells.count()
    other.button("Refresh").focus()
    for key in "ddb":  # they would delete the cell, and add another one
        notebook.page.keyboard.press(key)
    assert cells.count() == count
    running = notebook.begin(LOOP.format(stop=str(stop)), "looping")
    for key in ("Enter", "Escape") if HAS_SUBSHELLS else ():
        for choice in ("RoleBeta", "UserAlpha"):  # the list stays usable
            picker.choose(choice)
            expect(picker.then).to_contain_text(f"running cell: switching to {choice}.")
        pressed = picker.button("Cancel") if key == "Enter" else picker.field
        pressed.press(key)
        expect(picker.then).to_be_hidden()
    picker.choose("RoleBeta")
    says = "switching to RoleBeta." if HAS_SUBSHELLS else "you can't cancel it now."
    expect(picker.then).to_contain_text(says)
    expect(picker.identity).to_contain_text("user/UserAlpha")
    stop.touch()
    picker.shows("RoleBeta")
    expect(picker.then).to_be_hidden()
    expect(running).to_contain_text(f"{{'{USER}'}}")
    expect(notebook.enter(BUCKETS).locator("tbody tr")).to_have_count(3)
    notebook.enter("%aws_profile --off")
    for page in (picker, other):
        expect(page.identity).to_contain_text("No profile is active")
