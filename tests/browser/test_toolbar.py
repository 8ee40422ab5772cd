"""The button in the toolbar of a real JupyterLab and Notebook 7."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.picker_page import BUCKETS, LOAD
from tests.browser.stage import restored
from tests.browser.toolbar_page import ToolbarPage

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.jupyter import Jupyter, Notebook

SWITCH, OFF = "%aws_profile RoleBeta", "%aws_profile --off"
SWITCHED = f"{LOAD}\n{SWITCH}"
PROTECT = "%config AwsProfileMagics.protected = ['*Beta', 'prod-*']"

#: Run until a file exists, and return the identities that sign.
WAIT = """import pathlib, time
print("waiting")
while not pathlib.Path("stop").exists():
    time.sleep(0.1)
print(session.client("sts").get_caller_identity()["Arn"])"""

#: A name that is too long for any toolbar.
LONG = "acme-" + "analytics-" * 8 + "production"

FRONT_ENDS = pytest.mark.parametrize("path", ["", "notebooks"], ids=["lab", "notebook-7"])

_SESSION = "window.jupyterapp.shell.currentWidget.sessionContext"


def opened(jupyter: Jupyter, *cells: str, path: str = "") -> tuple[Notebook, ToolbarPage]:
    """Open a notebook that has switched to RoleBeta, with further cells that haven't run yet."""
    notebook = jupyter.open(jupyter.server.write([SWITCHED, *cells]), path=path)
    tool = ToolbarPage(notebook)
    tool.is_absent()
    notebook.run(0)
    tool.says("RoleBeta", "123456789012")
    return notebook, tool


@pytest.mark.slow
def test_from_loading_to_unloading(jupyter: Jupyter) -> None:
    """The button is there while the extension is loaded, and shows every switch."""
    notebook, tool = opened(
        jupyter,
        "%%aws_profile UserAlpha\ninput()",
        OFF,
        "%reload_ext ipy_awsprofile",
        "%unload_ext ipy_awsprofile",
    )
    notebook.start(1)
    tool.says("UserAlpha")
    notebook.cell(1).locator("input.jp-Stdin-input").press("Enter")
    tool.says("RoleBeta")
    notebook.run(2)
    tool.says("No AWS profile")
    notebook.run(3)
    tool.says("No AWS profile")
    tool.choose("UserAlpha")
    tool.says("UserAlpha")
    expect(tool.popup).to_have_count(0)
    notebook.run(4)
    tool.is_absent()


@pytest.mark.slow
@FRONT_ENDS
def test_the_shortcut(jupyter: Jupyter, path: str) -> None:
    """Keys typed right after `Alt+Shift+P` are a search, even while a cell runs."""
    notebook, tool = opened(jupyter, WAIT, "2", "3", path=path)
    keyboard, stop = notebook.page.keyboard, notebook.file.with_name("stop")
    for mode in ("edit", "command", "busy"):
        if mode == "busy":
            notebook.start(1)
            expect(notebook.outputs(1)).to_contain_text("waiting")
        notebook.cell(2).locator(".cm-content").click()
        if mode != "edit":
            keyboard.press("Escape")
        keyboard.press("Alt+Shift+KeyP")
        keyboard.type("ddalpha")
        expect(tool.field).to_have_value("ddalpha")
        tool.field.fill("alpha")
        expect(tool.options.first).to_contain_text("UserAlpha")
        keyboard.press("Enter")
        if mode == "busy":
            expect(tool.then).to_contain_text("running cell")
            keyboard.press("Escape")
            tool.says("RoleBeta")
            stop.touch()
            expect(notebook.outputs(1)).to_contain_text("assumed-role/RoleBeta/")
            stop.unlink()
        tool.says("UserAlpha")
        expect(tool.popup).to_have_count(0)
        expect(notebook.cell(2).locator(":focus, :scope:focus")).to_have_count(1)
        notebook.run(0)
        tool.says("RoleBeta")
    expect(notebook.page.locator(".jp-Notebook .jp-Cell")).to_have_count(4)


@pytest.mark.slow
@FRONT_ENDS
def test_the_palette_and_the_tab_key(jupyter: Jupyter, path: str) -> None:
    """The palette finds the command by "switch aws profile", and Tab reaches the button."""
    notebook, tool = opened(jupyter, "1", path=path)
    keyboard = notebook.page.keyboard
    palette = notebook.page.locator(".lm-CommandPalette")
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


@pytest.mark.slow
@pytest.mark.fresh_page
def test_reload_restart_and_change(jupyter: Jupyter) -> None:
    """After a page reload, the button is back; it goes with its kernel, in every tab."""
    notebook, tool = opened(jupyter, "import os; os._exit(1)")
    notebook.page.reload()
    notebook.wait_until_ready()
    tool.says("RoleBeta", "123456789012")
    there = ToolbarPage(jupyter.open(notebook.file.name))
    there.choose("UserAlpha")
    ends = (
        notebook.restart,
        lambda: notebook.start(1),  # the kernel dies, and Jupyter restarts it
        lambda: notebook.page.evaluate(f"{_SESSION}.changeKernel({{name: 'python3'}})"),
    )
    for end in ends:
        for page in (tool, there):
            page.says("UserAlpha" if end is ends[0] else "RoleBeta")
        end()
        for page in (tool, there):
            page.is_absent()
        notebook.wait_until_it_answers()
        notebook.run(0)
    notebook.page.evaluate(f"{_SESSION}.shutdown()")
    tool.is_absent()


#: Open a notebook beside the current one, with the same kernel or a new one.
_OPEN_BESIDE = """async ([path, share]) => {
  const {id} = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const kernel = share ? {id} : {name: 'python3'};
  const what = {path, factory: 'Notebook', kernel, options: {mode: 'split-right'}};
  await window.jupyterapp.commands.execute('docmanager:open', what);
}"""


@pytest.mark.slow
def test_notebooks_side_by_side(jupyter: Jupyter) -> None:
    """All views and notebooks of a kernel show its identity; another kernel's shows another."""
    notebook, tool = opened(jupyter)
    notebook.page.set_viewport_size({"width": 4000, "height": 760})
    notebook.page.evaluate("window.jupyterapp.shell.mode = 'multiple-document'")
    notebook.page.evaluate("window.jupyterapp.commands.execute('docmanager:clone')")
    notebook.page.evaluate(_OPEN_BESIDE, [jupyter.server.write(["1"]), True])
    expect(tool.buttons).to_have_count(3)
    tool.buttons.nth(2).click()
    tool.is_ready()
    tool.choose("UserAlpha")
    for place in (0, 1, 2):
        expect(tool.buttons.nth(place)).to_contain_text("UserAlpha")
    notebook.page.evaluate(_OPEN_BESIDE, [jupyter.server.write([LOAD]), False])
    notebook.wait_until_idle()
    notebook.run(0)
    expect(tool.buttons.nth(3)).to_contain_text("No AWS profile")
    expect(tool.buttons.nth(0)).to_contain_text("UserAlpha")


#: Whether no item of the toolbar overlaps another, because JupyterLab moves items to a menu late.
_NO_OVERLAP = """() => {
  const items = document.querySelectorAll(".jp-NotebookPanel-toolbar > .jp-Toolbar-item");
  const visible = [...items].filter(item => item.checkVisibility());
  const boxes = visible.map(item => item.getBoundingClientRect());
  boxes.sort((one, other) => one.left - other.left);
  return boxes.every(({right}, i) => right <= (boxes[i + 1]?.left ?? innerWidth) + 1);
}"""


@pytest.mark.slow
@FRONT_ENDS
def test_widths(jupyter: Jupyter, embedded: EmbeddedAws, path: str) -> None:
    """At any width, the button is whole and readable, and no other item overlaps it."""
    with restored(embedded.config_file):
        role = "arn:aws:iam::123456789012:role/RoleBeta"
        embedded.write_profile(LONG, source_profile="UserAlpha", role_arn=role, region="us-west-2")
        notebook, tool = opened(
            jupyter, f"%aws_profile {LONG}", PROTECT, f"{SWITCH} --yes", path=path
        )
        notebook.run(1)
    for name in (LONG, "RoleBeta"):
        for width in (1400, 800, 400):
            notebook.page.set_viewport_size({"width": width, "height": 600})
            expect(tool.toggle).to_have_attribute("title", re.compile(name))
            expect(tool.toggle).to_be_in_viewport(ratio=1)
            notebook.page.wait_for_function(_NO_OVERLAP)
            assert tool.toggle.locator(".ipyap-tool-name").evaluate("name => name.clientWidth") > 30
            account = tool.toggle.locator(".ipyap-tool-account")
            assert account.evaluate("part => part.scrollWidth <= part.clientWidth")
            notebook.screenshot(f"toolbar-{path or 'lab'}-{width}-{len(name)}")
        notebook.run(2)
        notebook.run(3)


@pytest.mark.slow
def test_looks(jupyter: Jupyter, company: None) -> None:
    """The button and its popup follow the theme; README's picture uses the light theme."""
    notebook, tool = opened(jupyter, BUCKETS)
    notebook.page.set_viewport_size({"width": 1200, "height": 760})
    notebook.run(1)
    tool.pop_up()
    colours = set()
    for theme in ("dark", "light"):
        notebook.theme(theme)
        notebook.screenshot(f"toolbar-{theme}")
        colours.add(tool.toggle.evaluate("button => getComputedStyle(button).backgroundColor"))
    assert len(colours) == 2
    notebook.picture("toolbar")


@pytest.mark.slow
@pytest.mark.fresh_page
def test_another_version(jupyter: Jupyter) -> None:
    """If Jupyter and the kernel have different versions, the toolbar says what to update."""
    notebook, tool = opened(jupyter)

    def older(route: Route) -> None:
        script = re.sub(r"PROTOCOL = \d+", "PROTOCOL = 0", route.fetch().text())
        route.fulfill(body=script, content_type="text/javascript")

    notebook.page.route("**/ipy-awsprofile/static/extension.js", older)
    notebook.page.reload()
    notebook.wait_until_ready()
    notice = notebook.page.get_by_text("AWS: update ipy-awsprofile")
    expect(notice).to_have_attribute("title", re.compile("pip install --upgrade ipy-awsprofile"))
    tool.is_absent()
