"""A real Jupyter server, and its notebooks as a user sees them.

The tests wait for states of the application (restored, ready, idle), never for a fixed time.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import nbformat
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    BrowserType,
    Locator,
    Page,
    ViewportSize,
)
from playwright.sync_api import TimeoutError as WaitedTooLong

from tests.supervised import supervised

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"

#: Disable news and update checks, and render all cells.
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
_VIEWPORT: ViewportSize = {"width": 1000, "height": 760}
_THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}

_STATE = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  const kernel = panel?.sessionContext?.session?.kernel;
  return {
    document: panel?.context?.isReady ?? false,
    session: panel?.sessionContext?.isReady ?? false,
    kernel: kernel?.status ?? 'none',
    connection: kernel?.connectionStatus ?? 'none',
  };
}"""
_RESTORED = "async () => { await window.jupyterapp?.restored; return Boolean(window.jupyterapp); }"
#: Return whether the kernel answers within a few seconds.
_ANSWERS = """async () => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const answered = kernel.requestKernelInfo().then(Boolean, () => false);
  const waited = new Promise(resolve => setTimeout(resolve, 3000, false));
  return await Promise.race([answered, waited]);
}"""
_RUN = """index => {
  const app = window.jupyterapp;
  app.shell.currentWidget.content.activeCellIndex = index;
  app.commands.execute('notebook:run-cell');
}"""
#: Open another notebook in the application, which is already loaded.
_OPEN = "async path => { await window.jupyterapp.commands.execute('docmanager:open', {path}); }"
#: Close all documents without a prompt, and return whether no dialog or popup is open.
_CLEAR = """() => {
  for (const widget of [...window.jupyterapp.shell.widgets('main')]) {
    const context = widget.context;
    widget.dispose();
    context?.dispose();
  }
  return document.querySelector('.jp-Dialog, :popover-open') === null;
}"""
_RAN = """index => {
  const model = window.jupyterapp.shell.currentWidget.content.widgets[index].model;
  return model.executionCount !== null && model.executionState !== 'running';
}"""


@dataclass
class Server:
    """A running `jupyter lab`, which also serves Notebook 7."""

    url: str
    root: Path
    #: A page with JupyterLab that no test uses. Loading a new page takes seconds.
    spare: Page | None = None
    _names: Iterator[int] = field(default_factory=count)

    def write(self, cells: Sequence[str]) -> str:
        """Write a notebook with these code cells, and return its file name."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "python3"}},
        )
        name = f"notebook-{next(self._names)}.ipynb"
        nbformat.write(notebook, self.root / name)
        return name

    def shut_kernels_down(self) -> None:
        """Shut down all running kernels, of which several notebooks can share one."""
        with urlopen(f"{self.url}/api/kernels", timeout=30) as answer:
            for kernel in json.load(answer):
                address = f"{self.url}/api/kernels/{kernel['id']}"
                urlopen(Request(address, method="DELETE"), timeout=30).close()


@contextmanager
def serving(folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run a `jupyter lab` on a loopback port, with all its files in this folder."""
    root = folder / "notebooks"
    root.mkdir()
    for name, settings in _SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    # Otherwise the server starts Node.js for each page, to look for extensions to build.
    page_config = folder / "config" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    page_config.write_text(json.dumps({"buildCheck": False, "buildAvailable": False}))
    # The checkout's labextension, not the installed one.
    labextension = folder / "path" / "labextensions" / "ipy-awsprofile"
    labextension.parent.mkdir(parents=True)
    labextension.symlink_to(ROOT / "labextension")
    port = _free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--ServerApp.root_dir={root}", "--IdentityProvider.token="),
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        *("--LabApp.news_url=None", "--ServerApp.disable_check_xsrf=True"),
        "--KernelManager.transport=ipc",  # another process can take a TCP port
    ]
    log = folder / "jupyter.log"
    environment = {**environment, **_jupyter_folders(folder)}
    with (
        log.open("w") as output,
        supervised(command, env=environment, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        _wait_until_up(f"http://127.0.0.1:{port}/api/status", process, log)
        yield Server(f"http://127.0.0.1:{port}", root)


def _jupyter_folders(folder: Path) -> dict[str, str]:
    return {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_PATH": str(folder / "path"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "XDG_STATE_HOME": str(folder / "state"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120  # a busy machine is slow
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            urlopen(url, timeout=5).close()
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"jupyter lab didn't come up:\n{log.read_text()}")


class Notebook:
    """An open notebook, whose cells the tests run, read and take screenshots of."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.file = file

    def wait_until_ready(self) -> None:
        """Wait for the application, the document and the kernel."""
        self.page.wait_for_function(_RESTORED)
        self._wait_for({"document": True})
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait until the kernel is idle."""
        self._wait_for({"session": True, "kernel": "idle", "connection": "connected"})

    def wait_until_it_answers(self) -> None:
        """Wait until a restarted kernel answers, because it can lose messages while it starts."""
        self.wait_until_idle()
        self.page.wait_for_function(_ANSWERS)
        self.wait_until_idle()

    def _wait_for(self, state: Mapping[str, object]) -> None:
        """Wait for a state of the notebook by polling, because a hanging promise has no timeout."""
        holds = (
            f"state => Object.entries(state).every(([key, value]) => ({_STATE})()[key] === value)"
        )
        try:
            self.page.wait_for_function(holds, arg=state)
        except WaitedTooLong as error:
            error.add_note(f"The notebook is {self.page.evaluate(_STATE)}, not {state}.")
            raise

    def start(self, index: int) -> None:
        """Start running a cell, counted from 0."""
        self.page.evaluate(_RUN, index)

    def run(self, index: int) -> Locator:
        """Run a cell to its end, and return its outputs."""
        self.start(index)
        self.page.wait_for_function(_RAN, arg=index)
        self.wait_until_idle()
        return self.outputs(index)

    def cell(self, index: int) -> Locator:
        """Return a cell, counted from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def outputs(self, index: int) -> Locator:
        """Return the outputs of a cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def theme(self, name: str) -> None:
        """Change to the theme `light` or `dark`, and wait until it is applied."""
        self.page.evaluate(
            """async theme => {
              const app = window.jupyterapp;
              await app.commands.execute('apputils:change-theme', {theme});
            }""",
            _THEMES[name],
        )
        self.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light",
            arg=str(name == "light").lower(),
        )

    def restart(self) -> None:
        """Restart the kernel, and wait until the new one is ready."""
        self.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        self.wait_until_idle()

    def keep_widgets(self) -> None:
        """Save the widgets' state with the notebook."""
        command = "'@jupyter-widgets/jupyterlab-manager:saveWidgetState'"
        self.page.evaluate(f"window.jupyterapp.commands.execute({command})")

    def save(self) -> str:
        """Save the notebook, and return the text of its file."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self.page.wait_for_function(
            "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
        )
        return self.file.read_text()

    def screenshot(self, name: str, shown: Locator | None = None) -> Path:
        """Write a screenshot of the page, or of a part of it, to `build/screenshots`."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        (shown or self.page).screenshot(path=path, animations="disabled")
        return path

    def picture(self, name: str, shown: Locator | None = None) -> None:
        """Write a screenshot; with UPDATE_SCREENSHOTS, also update the documentation's picture."""
        save_picture(name, Image.open(self.screenshot(name, shown)))


def save_picture(name: str, image: Image.Image) -> None:
    """With UPDATE_SCREENSHOTS, update a picture of the documentation."""
    if os.environ.get("UPDATE_SCREENSHOTS"):
        image.quantize(128).save(ROOT / "docs" / f"{name}.png", optimize=True)


class Jupyter:
    """Opens notebooks of one server, each in a separate page.

    JupyterLab can reuse the page of an earlier test, unless ``fresh`` is true.
    """

    def __init__(self, server: Server, browser: Browser, *, fresh: bool = False) -> None:
        self.server = server
        self._browser = browser
        self._fresh = fresh
        self._pages: list[Page] = []

    def lab(self, *cells: str) -> Notebook:
        """Open a notebook with these cells in JupyterLab, and wait until its kernel is ready."""
        return self.open(self.server.write(cells))

    def notebook_7(self, *cells: str) -> Notebook:
        """Open a notebook with these cells in Notebook 7, and wait until its kernel is ready."""
        return self.open(self.server.write(cells), path="notebooks")

    def open(self, name: str, *, path: str = "") -> Notebook:
        """Open a notebook by its name in the server's folder."""
        page = None if path or self._fresh else self._take_spare()
        if page is not None:
            page.evaluate(_OPEN, name)
        else:
            page = self._new_page()
            workspace = Path(name).stem
            page.goto(f"{self.server.url}/{path or f'doc/workspaces/{workspace}/tree'}/{name}")
        notebook = Notebook(page, self.server.root / name)
        notebook.wait_until_ready()
        return notebook

    def close(self, *, keep: bool = False) -> None:
        """Close the pages and shut down the kernels; optionally keep a page for the next test."""
        while self._pages:
            page = self._pages.pop()
            if keep and not self._fresh and self.server.spare is None and _is_cleared(page):
                self.server.spare = page
            else:
                page.close()
        self.server.shut_kernels_down()

    def _take_spare(self) -> Page | None:
        page, self.server.spare = self.server.spare, None
        if page is not None:
            self._pages.append(page)
        return page

    def _new_page(self) -> Page:
        page = _context(self._browser).new_page()
        self._pages.append(page)
        return page


def _is_cleared(page: Page) -> bool:
    """Close all documents in JupyterLab, and return whether another test can use the page."""
    if "/doc/" not in page.url:
        return False  # Notebook 7
    page.set_viewport_size(_VIEWPORT)
    return bool(page.evaluate(_CLEAR))


@cache
def _context(browser: Browser) -> BrowserContext:
    """Return one context for all pages, because its cache makes the application load faster.

    It answers requests for nbconvert's formats, which each page sends and which would keep the
    server busy for a second.
    """
    context = browser.new_context(viewport=_VIEWPORT, device_scale_factor=2)
    context.set_default_timeout(60_000)
    context.route("**/api/nbconvert*", lambda route: route.fulfill(json={}))
    return context


def launched(chromium: BrowserType, executable: str) -> Browser:
    """Launch Chromium so that it connects only to the pages that the tests open."""
    quiet = ("background-networking", "component-update", "sync", "quic", "gpu")
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{what}" for what in quiet)]
    return chromium.launch(executable_path=executable, args=arguments)
