"""The toolbar's button in a real JupyterLab and Notebook 7, which shows the identity or nothing."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.picker_page import BUCKETS, LOAD
from tests.browser.test_picker_identity import LOOP
from tests.browser.test_picker_looks import PROTECT as PROTECT_PROD
from tests.browser.test_prompts import allow_on_page, analyst
from tests.browser.toolbar_page import SWITCH, ToolbarPage, open_switched
from tests.mfa_role import add_mfa_role

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route, WebSocket

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.jupyter import Jupyter, Notebook

OFF = "%aws_profile --off"
RELOAD, UNLOAD = "%reload_ext ipy_awsprofile", "%unload_ext ipy_awsprofile"
REFRESH = "%aws_profile --refresh"
PROTECT = "%config AwsProfileMagics.protected = ['*Beta']"

#: Make Python behave as if the package weren't installed.
ABSENT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "ipy_awsprofile":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
"""

#: The parts of a card that depend on the time, and on whether the role is cached.
UNLIKE = r"[\w ]+ left\b(, cached)?( \(as of [\d:]+ UTC\))?"

#: The name of the button's comm.
TARGET = b"ipy_awsprofile.toolbar"

#: Open a second view of the notebook.
CLONE = "window.jupyterapp.commands.execute('docmanager:clone')"
_SESSION = "window.jupyterapp.shell.currentWidget.sessionContext"


def settings(notebook: Notebook, **values: str) -> None:
    """Change the user's settings, as the settings editor does."""
    notebook.page.evaluate(
        """async values => {
          const registry = window.jupyterapp.serviceManager.settings;
          await registry.save('ipy-awsprofile:plugin', JSON.stringify(values));
        }""",
        values,
    )


def frames_sent(page: Page) -> list[bytes]:
    """Return a list that collects the frames that the page sends over its next connections."""
    sent: list[bytes] = []

    def opened(socket: WebSocket) -> None:
        socket.on(
            "framesent", lambda frame: sent.append(frame if isinstance(frame, bytes) else b"")
        )

    page.on("websocket", opened)
    return sent


def changing(pattern: str, new: str) -> Callable[[Route], None]:
    """Return a route handler that changes a file on its way from the server to the page."""

    def changed(route: Route) -> None:
        text = re.sub(pattern, new, route.fetch().text())
        route.fulfill(body=text, content_type="text/javascript")

    return changed


@pytest.mark.slow
@pytest.mark.fresh_page
def test_from_loading_to_unloading(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """The button is visible while the extension is loaded, and shows each identity change."""
    notebook = jupyter.lab(
        LOAD, SWITCH, PROTECT, "%%aws_profile UserAlpha\ninput()", OFF, RELOAD, UNLOAD, REFRESH
    )
    tool = ToolbarPage(notebook)
    tool.is_absent()
    notebook.run(0)
    tool.says("No AWS profile")
    notebook.run(1)
    notebook.run(7)  # the cached credentials may be minutes old
    tool.says("RoleBeta", "123456789012")
    title = re.compile("^RoleBeta ← UserAlpha, account 123456789012\nClick to search")
    expect(tool.toggle).to_have_attribute("title", title)
    expect(tool.toggle).to_have_accessible_name(
        re.compile(r"AWS profile RoleBeta, account 1\d+, (1 h|\d\d min) left")
    )
    notebook.page.evaluate("globalThis.realNow = Date.now")
    left = tool.toggle.locator(".ipyap-tool-left")
    for minutes, tone, text in (
        (46, "calm", r"^1\d min$"),
        (61, "calm", r"^renews$"),
        (0, "calm", r"^(\d\d min|1 h)$"),
    ):
        notebook.page.evaluate(f"Date.now = () => realNow() + {minutes * 60_000}")
        expect(left).to_have_attribute("data-tone", tone)
        expect(left).to_have_text(re.compile(text))
    notebook.run(2)
    expect(tool.toggle).to_have_attribute("data-kind", "protected")
    notebook.start(3)
    tool.says("UserAlpha")  # while the cell runs
    expect(tool.toggle).to_have_attribute("data-kind", "on")
    notebook.cell(3).locator("input.jp-Stdin-input").press("Enter")
    tool.says("RoleBeta")
    notebook.run(4)
    tool.says("No AWS profile")
    notebook.run(5)
    tool.says("No AWS profile")
    tool.choose("UserAlpha")
    tool.says("UserAlpha")
    tool.is_closed()
    notebook.run(6)
    tool.is_absent()
    expect(tool.popup).to_have_count(0)


@pytest.mark.slow
def test_looks(jupyter: Jupyter, company: None) -> None:
    """The button and its popup follow the theme; README's picture uses the light theme."""
    notebook = jupyter.lab(LOAD, SWITCH, BUCKETS, PROTECT_PROD, "%aws_profile prod-admin --yes")
    tool = ToolbarPage(notebook)
    notebook.page.set_viewport_size({"width": 1200, "height": 760})
    for cell in (0, 1, 2):
        notebook.run(cell)
    tool.says("RoleBeta")
    tool.pop_up()
    tool.button("Refresh").click()  # a switch with cached credentials would show another card
    tool.is_closed()
    tool.pop_up()
    tool.field.press("ArrowDown")
    for theme in ("dark", "light"):
        notebook.theme(theme)
        assert notebook.screenshot(f"toolbar-{theme}").stat().st_size > 0
    if os.environ.get("UPDATE_SCREENSHOTS"):
        picture = Path(__file__).parents[2] / "docs" / "toolbar.png"
        shown = Image.open(notebook.screenshot("toolbar"))
        shown.quantize(128).save(picture, optimize=True)
    tool.page.keyboard.press("Escape")
    tool.is_closed()
    notebook.run(3)
    notebook.run(4)
    expect(tool.toggle).to_have_attribute("data-kind", "protected")
    colours = set()
    for theme in ("dark", "light"):
        notebook.theme(theme)
        notebook.screenshot(f"toolbar-protected-{theme}")
        colours.add(tool.toggle.evaluate("button => getComputedStyle(button).backgroundColor"))
    assert len(colours) == 2


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "notebooks"])
@pytest.mark.fresh_page
def test_the_saved_file(jupyter: Jupyter, embedded: EmbeddedAws, path: str) -> None:
    """The labextension doesn't change the saved notebook by a single byte."""
    assert embedded
    root, name = jupyter.server.root, jupyter.server.write([LOAD, SWITCH, BUCKETS])
    files = []
    for number, has_button in enumerate((True, False)):
        copy = f"{path or 'lab'}-{number}.ipynb"
        shutil.copy(root / name, root / copy)
        notebook = jupyter.open(copy, path=path)
        tool = ToolbarPage(notebook)
        if not has_button:
            notebook.page.route("**/ipy-awsprofile/static/**", lambda route: route.abort())
            notebook.page.reload()
            notebook.wait_until_ready()
        for cell in range(3):
            notebook.run(cell)
        if has_button:
            tool.says("RoleBeta")
            tool.pop_up()
        else:
            tool.is_absent()
        files.append(re.sub(UNLIKE, "", notebook.save()))
    assert files[0] == files[1]
    assert "assumed-role/RoleBeta" in files[0]


@pytest.mark.slow
def test_a_read_only_session(jupyter: Jupyter) -> None:
    """The button shows that the session is read-only, and its label says so to screen readers."""
    notebook = jupyter.lab(LOAD, f"{SWITCH} --read-only", SWITCH)
    notebook.run(0)
    notebook.run(1)
    toolbar = ToolbarPage(notebook)
    toolbar.says("RoleBeta", "read-only")
    expect(toolbar.toggle).to_have_attribute("aria-label", re.compile(r", read-only, .* left$"))
    notebook.run(2)
    expect(toolbar.toggle.get_by_text("read-only")).to_be_hidden()


@pytest.mark.slow
def test_the_popup_is_the_picker(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """An MFA code, a running cell and *Off* work in the popup, and don't change the file."""
    serial = add_mfa_role(embedded, "Guarded")
    notebook = jupyter.lab(LOAD, LOOP.format(wait="time.sleep(0.1)"))
    notebook.run(0)
    saved = notebook.save()
    tool = ToolbarPage(notebook)
    tool.pop_up()
    tool.choose("Guarded")
    expect(tool.code).to_be_focused()
    tool.page.keyboard.press("Escape")  # cancels the question but keeps the popup open
    expect(tool.code).to_be_hidden()
    tool.choose("Guarded")
    tool.page.locator(".jp-Notebook").click(position={"x": 5, "y": 400})
    expect(tool.popup).to_have_count(0)
    tool.toggle.click()
    expect(tool.code).to_be_focused()  # the picker still asks for the code
    code = embedded.mfa_code(serial)
    tool.code.fill(code)
    tool.code.press("Enter")
    tool.says("Guarded")
    tool.is_closed()
    assert notebook.save() == saved
    stop = notebook.file.with_name("stop")
    notebook.start(1)
    expect(notebook.outputs(1)).to_contain_text("looping")
    tool.choose("UserAlpha")
    expect(tool.then).to_have_text("Switches to UserAlpha when the running cell ends.")
    tool.says("Guarded")
    stop.touch()
    tool.says("UserAlpha")
    stop.unlink()
    tool.button("Off").click()
    tool.says("No AWS profile")
    tool.is_closed()


@pytest.mark.slow
@pytest.mark.fresh_page
def test_reload_restart_and_change(jupyter: Jupyter) -> None:
    """The button returns at once after a page reload, and disappears with the kernel."""
    notebook, tool = open_switched(jupyter, "import os; os._exit(1)", "1")
    sent = frames_sent(notebook.page)
    notebook.page.reload()
    notebook.wait_until_ready()
    tool.says("RoleBeta", "123456789012")

    other = jupyter.open(notebook.file.name)  # a second browser on the same kernel
    there = ToolbarPage(other)
    there.says("RoleBeta")
    there.pop_up()
    there.choose("UserAlpha")
    there.says("UserAlpha")
    tool.says("UserAlpha")

    notebook.restart()
    tool.is_absent()
    there.is_absent()
    notebook.run(0)
    tool.says("RoleBeta")
    there.says("RoleBeta")
    sent.clear()
    notebook.start(1)  # the kernel dies, and Jupyter restarts it
    tool.is_absent()
    there.is_absent()
    notebook.wait_until_it_answers()
    # A request before JupyterLab's own kernel_info_request can leave ipykernel unresponsive.
    first = next(i for i, frame in enumerate(sent) if b"kernel_info_request" in frame)
    assert not [frame for frame in sent[:first] if TARGET in frame]
    notebook.run(0)
    tool.says("RoleBeta")
    notebook.page.evaluate(f"{_SESSION}.changeKernel({{name: 'python3'}})")
    notebook.wait_until_idle()
    notebook.run(2)
    tool.is_absent()
    notebook.run(0)
    tool.says("RoleBeta")
    notebook.page.evaluate(f"{_SESSION}.shutdown()")
    tool.is_absent()


@pytest.mark.slow
def test_views_and_notebooks_of_one_kernel(jupyter: Jupyter) -> None:
    """All views of a notebook, and all notebooks of its kernel, show the same button."""
    notebook = jupyter.lab(f"{LOAD}\n{SWITCH}", OFF)
    tool = ToolbarPage(notebook)
    notebook.page.set_viewport_size({"width": 4000, "height": 760})
    notebook.page.evaluate("window.jupyterapp.shell.mode = 'multiple-document'")
    notebook.page.evaluate(CLONE)
    notebook.run(0)
    expect(tool.buttons).to_have_count(2)
    for place in (0, 1):
        expect(tool.buttons.nth(place)).to_contain_text("RoleBeta")
    second = jupyter.server.write(["1"])
    notebook.page.evaluate(
        f"""async name => {{
          const {{id}} = {_SESSION}.session.kernel;
          const options = {{mode: 'split-right'}};
          const what = {{path: name, factory: 'Notebook', kernel: {{id}}, options}};
          await window.jupyterapp.commands.execute('docmanager:open', what);
        }}""",
        second,
    )
    expect(tool.buttons).to_have_count(3)
    tool.buttons.nth(2).click()
    tool.button("Off").click()
    for place in (0, 1, 2):
        expect(tool.buttons.nth(place)).to_contain_text("No AWS profile")
    notebook.page.evaluate("window.jupyterapp.shell.currentWidget.dispose()")
    expect(tool.buttons).to_have_count(2)


@pytest.mark.slow
def test_notebook_7(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """Notebook 7 has the button and the popup, and the user can sign in there."""
    with analyst(embedded):
        notebook = jupyter.notebook_7(LOAD, "session.profile_name", "%unload_ext ipy_awsprofile")
        tool = ToolbarPage(notebook)
        notebook.run(0)
        tool.says("No AWS profile")
        tool.pop_up()
        tool.choose("Analyst")
        allow_on_page(notebook.page, tool.root.get_by_role("link", name="Open the sign-in page"))
        tool.says("Analyst", "123456789012")
        notebook.screenshot("toolbar-notebook-7")
        tool.page.keyboard.press("Escape")
        expect(notebook.run(1)).to_contain_text("Analyst")
        notebook.run(2)
        tool.is_absent()


@pytest.mark.slow
@pytest.mark.fresh_page
def test_settings(jupyter: Jupyter) -> None:
    """The settings place the button, hide it, or always show it; a click loads the extension."""
    notebook = jupyter.lab(ABSENT, "del sys.meta_path[0]", "1")
    tool = ToolbarPage(notebook)
    notebook.run(0)
    expect(tool.notice).to_have_count(0)
    try:
        settings(notebook, show="always", place="left")
        notebook.page.reload()
        notebook.wait_until_ready()
        tool.notice.click()
        expect(tool.notice).to_have_text("AWS: not installed")
        notebook.run(1)
        tool.notice.click()
        tool.says("No AWS profile")
        expect(tool.notice).to_have_count(0)
        box = tool.toggle.bounding_box()
        kernel = notebook.page.locator(".jp-KernelName").bounding_box()
        assert box is not None
        assert kernel is not None
        assert box["x"] < kernel["x"] / 2
        settings(notebook, show="never")
        notebook.page.reload()
        notebook.wait_until_ready()
        notebook.run(2)
        tool.is_absent()
    finally:
        settings(notebook)


@pytest.mark.slow
@pytest.mark.fresh_page
def test_what_does_not_fit(jupyter: Jupyter) -> None:
    """A notice names the outdated side or a blocked script; an unknown JupyterLab shows nothing."""
    notebook, tool = open_switched(jupyter, "6 * 7")
    saved = notebook.save()
    for file, pattern, new, shown in (
        ("link.js", r"PROTOCOL = \d+", "PROTOCOL = 0", "environment of Jupyter"),
        ("link.js", r"PROTOCOL = \d+", "PROTOCOL = 99", "of this notebook's kernel"),
        ("button.js", r"import\(url\)", "import('blob:nothing')", "Content Security Policy"),
        ("extension.js", "@lumino/widgets", "@lumino/other", None),
    ):
        notebook.page.unroute_all()
        notebook.page.route(f"**/ipy-awsprofile/static/{file}", changing(pattern, new))
        notebook.page.reload()
        notebook.wait_until_ready()
        if shown:
            says = "blocked" if file == "button.js" else "update ipy-awsprofile"
            expect(tool.notice).to_have_text(f"AWS: {says}")
            expect(tool.notice).to_have_attribute("title", re.compile(shown))
        tool.is_absent()
    assert notebook.save() == saved
    expect(notebook.run(1)).to_contain_text("42")
    expect(tool.notice).to_have_count(0)
