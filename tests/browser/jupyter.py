"""A real Jupyter server, and its notebooks as a user sees them.

The tests wait for states of the application (restored, ready, idle), never for a fixed time.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from io import BytesIO
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
    expect,
)

ROOT = Path(__file__).parents[2]

#: With ipykernel 6, a kernel hears nothing from a front end while a cell runs.
HAS_SUBSHELLS = int(version("ipykernel").partition(".")[0]) >= 7

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
#: Return whether the kernel answers within a second.
_ANSWERS = """async () => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const answered = kernel.requestKernelInfo().then(Boolean, () => false);
  const waited = new Promise(resolve => setTimeout(resolve, 1000, false));
  return await Promise.race([answered, waited]);
}"""
_RUN = """index => {
  const app = window.jupyterapp;
  app.shell.currentWidget.content.activeCellIndex = index;
  app.commands.execute('notebook:run-cell');
}"""
#: Add a code cell at the end of the notebook, and return its index.
_ADD = """source => {
  const {model} = window.jupyterapp.shell.currentWidget.content;
  model.sharedModel.addCell({cell_type: 'code', source});
  return model.cells.length - 1;
}"""
_RAN = """index => {
  const model = window.jupyterapp.shell.currentWidget.content.widgets[index].model;
  return model.executionCount !== null && model.executionState !== 'running';
}"""


#: Lets Linux end a program with the tests, even if they are killed: PR_SET_PDEATHSIG is 1.
_END_WITH_PARENT = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGTERM);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass
class Server:
    """A running `jupyter lab`, which also serves Notebook 7."""

    url: str
    root: Path
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

    @property
    def kernels(self) -> set[str]:
        """Return the IDs of all running kernels."""
        with urlopen(f"{self.url}/api/kernels", timeout=30) as answer:
            return {kernel["id"] for kernel in json.load(answer)}

    def shut_down(self, kernel: str) -> None:
        """Shut down a kernel."""
        address = f"{self.url}/api/kernels/{kernel}"
        urlopen(Request(address, method="DELETE"), timeout=30).close()


@contextmanager
def serving(folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run a `jupyter lab` on a loopback port, with all its files in this folder."""
    root = folder / "notebooks"
    root.mkdir()
    for name, settings in _SETTINGS.items():
        file = folder / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    # Otherwise the server starts Node.js for each page, to look for extensions to build.
    page_config = folder / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    page_config.write_text(json.dumps({"buildCheck": False, "buildAvailable": False}))
    # The checkout's labextension, not the installed one.
    labextension = folder / "labextensions" / "ipy-awsprofile"
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
        "--KernelRestarter.time_to_dead=0.2",  # notice early that a kernel has died
    ]
    log = folder / "jupyter.log"
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_PATH", "IPYTHONDIR")
    environment = {**environment, **dict.fromkeys(names, str(folder))}
    # The path of a kernel's socket has at most 107 characters.
    with log.open("w") as output, tempfile.TemporaryDirectory() as sockets:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", _END_WITH_PARENT, *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment | {"JUPYTER_RUNTIME_DIR": sockets},
            start_new_session=True,  # Ctrl-C doesn't reach it
        )
        try:
            _wait_until_up(f"http://127.0.0.1:{port}/api/status", process, log)
            yield Server(f"http://127.0.0.1:{port}", root)
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:  # JupyterLab can hang in `threading._shutdown`
                process.kill()
                process.wait()


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


#: Code that removes the row for a server that isn't AWS, because the pages are about AWS.
_AS_ON_AWS = """() => {
  const rows = [...document.querySelectorAll(".ipy-awsprofile-card tr")];
  rows.filter((row) => row.cells[0].textContent === "server").forEach((row) => row.remove());
}"""


class Notebook:
    """An open notebook, whose cells the tests run, read and take screenshots of."""

    def __init__(self, page: Page, file: Path, url: str) -> None:
        self.page = page
        self.file = file
        self._url = url

    def load(self, *, is_idle: bool = True) -> None:
        """Load or reload the application with this notebook, and wait for its kernel."""
        self.page.goto(self._url)
        self.page.wait_for_function(_RESTORED)
        self._wait_for({"document": True})
        if is_idle:
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
        holds = f"state => Object.entries(state).every(([key, is]) => ({_STATE})()[key] === is)"
        self.page.wait_for_function(holds, arg=state)

    def start(self, index: int) -> None:
        """Start running a cell, counted from 0."""
        self.page.evaluate(_RUN, index)

    def run(self, index: int) -> Locator:
        """Run a cell to its end, and return its outputs."""
        self.start(index)
        self.page.wait_for_function(_RAN, arg=index)
        self.wait_until_idle()
        return self.outputs(index)

    def add(self, source: str) -> int:
        """Add a cell with this source at the end of the notebook, and return its index."""
        index: int = self.page.evaluate(_ADD, source)
        return index

    def enter(self, source: str) -> Locator:
        """Run this source in a new cell, and return the cell's outputs."""
        return self.run(self.add(source))

    def begin(self, source: str, shown: str = "") -> Locator:
        """Start running a new cell, wait until it has shown this text, and return its outputs."""
        index = self.add(source)
        self.start(index)
        expect(self.outputs(index)).to_contain_text(shown)
        return self.outputs(index)

    def cell(self, index: int) -> Locator:
        """Return a cell, counted from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def outputs(self, index: int) -> Locator:
        """Return the outputs of a cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def theme(self, name: str) -> None:
        """Change to the theme `light` or `dark`, and wait until it is applied."""
        change = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
        self.page.evaluate(change, _THEMES[name])
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

    def picture(self, name: str, shown: Locator | None = None) -> None:
        """With UPDATE_SCREENSHOTS, update a picture of the docs with the page or a part of it."""
        if os.environ.get("UPDATE_SCREENSHOTS"):
            self.page.evaluate(_AS_ON_AWS)
            image = Image.open(BytesIO((shown or self.page).screenshot(animations="disabled")))
            image.quantize(128).save(ROOT / "docs" / f"{name}.png", optimize=True)


class Jupyter:
    """Opens notebooks of one server, each in a separate page."""

    def __init__(self, server: Server, browser: Browser) -> None:
        self.server = server
        self._browser = browser
        self._pages: list[Page] = []
        self._kernels = server.kernels

    def open(self, *cells: str, name: str = "", path: str = "") -> Notebook:
        """Open a new notebook with these cells, or a file by its name, and wait for its kernel.

        The application is JupyterLab, or another one whose address has this path.
        """
        name = name or self.server.write(cells)
        address = path or f"doc/workspaces/{Path(name).stem}/tree"
        page = _context(self._browser).new_page()
        self._pages.append(page)
        notebook = Notebook(page, self.server.root / name, f"{self.server.url}/{address}/{name}")
        notebook.load()
        return notebook

    def close(self) -> None:
        """Close the pages, and shut down their kernels."""
        while self._pages:
            self._pages.pop().close()
        for kernel in self.server.kernels - self._kernels:
            self.server.shut_down(kernel)


@cache
def _context(browser: Browser) -> BrowserContext:
    """Return one context for all pages, because its cache makes the application load faster.

    It answers requests for nbconvert's formats, which each page sends and which would keep the
    server busy for a second.
    """
    scale = 2 if os.environ.get("UPDATE_SCREENSHOTS") else 1
    context = browser.new_context(viewport=_VIEWPORT, device_scale_factor=scale)
    context.set_default_timeout(60_000)
    context.route("**/api/nbconvert*", lambda route: route.fulfill(json={}))
    return context


def launched(chromium: BrowserType, executable: str) -> Browser:
    """Launch Chromium so that it connects only to the pages that the tests open."""
    quiet = ("background-networking", "component-update", "sync", "quic", "gpu")
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{what}" for what in quiet)]
    return chromium.launch(executable_path=executable, args=arguments)
