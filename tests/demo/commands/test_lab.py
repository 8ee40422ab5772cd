"""The command `lab`, which serves the tutorials to its user only, and cleans up after itself."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import tomllib
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

import pytest

import ipy_awsprofile
from ipy_awsprofile.__main__ import main
from ipy_awsprofile.demo.commands import lab as lab_command
from ipy_awsprofile.demo.commands.lab import FIRST, INSTALLED, notebooks_folder
from tests.demo.commands.processes import started

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status"), [(["--version"], 0), (["--ServerApp.port=none"], 1)]
)
def test_arguments_for_jupyterlab(
    capfd: pytest.CaptureFixture[str], arguments: list[str], status: int
) -> None:
    """`lab` passes other arguments to JupyterLab, and returns its exit status."""
    before = signal.getsignal(signal.SIGTERM)
    assert main(["lab", "--no-browser", *arguments]) == status
    if status == 0:
        assert re.search(r"^\d+\.\d+\.\d+", capfd.readouterr().out)
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_tutorials_are_found() -> None:
    """The checkout contains the tutorials, and so does the folder where the wheel installs them."""
    checkout = Path(ipy_awsprofile.__file__).parents[1]
    assert notebooks_folder() == checkout / "notebooks"
    targets = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    in_wheel = targets["targets"]["wheel"]["force-include"]
    tutorials = (checkout / "notebooks").glob("*.ipynb")
    assert {checkout / path for path in in_wheel.values()} == {
        INSTALLED / tutorial.name for tutorial in tutorials
    }


@dataclass(slots=True)
class Lab:
    """A running `lab`, with its process and the port and token that it has printed."""

    process: subprocess.Popen[str]
    port: int
    token: str

    def get(self, path: str, *, token: str | None = None) -> Any:
        """Return the API's answer for a path, with the server's token or another one."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            headers={"Authorization": f"token {self.token if token is None else token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read())

    def has_no_news(self) -> bool:
        """Return whether JupyterLab's news are disabled."""
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.port}/lab?token={self.token}")
        text = page.read().decode().replace("&#34;", '"')
        return bool(re.search(r'"news": *{"disabled": *true}', text))

    @property
    def gone(self) -> bool:
        """Return whether the server no longer answers."""
        try:
            self.get("api")
        except URLError:
            return True
        return False


def free_port() -> int:
    """Return a port on which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def lab(*arguments: str, cwd: Path, **environment: str) -> Iterator[Lab]:
    """Start `lab`, wait until its URL answers, and stop it at the end of the block."""
    if not any(argument.startswith("--port") for argument in arguments):
        # Other tests' servers use the default port, too.
        arguments = (f"--port={free_port()}", *arguments)
    # JupyterLab requires the option if the tests run as root.
    process = started("lab", "--allow-root", *arguments, cwd=cwd, environment=environment)
    printed = []
    try:
        assert process.stdout
        for line in process.stdout:
            printed.append(line)
            found = re.search(rf"http://127\.0\.0\.1:(\d+)/lab/tree/{FIRST}\?token=([\w-]+)", line)
            if found:
                break
        else:
            pytest.fail("".join(printed))
        # The process would block if nothing read its remaining output.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        running = Lab(process, int(found[1]), found[2])
        while running.gone:  # JupyterLab prints its URL shortly before it listens
            assert process.poll() is None
            threading.Event().wait(0.1)
        yield running
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def command_lines(group: int) -> list[str]:
    """Return the command lines of a process group, which every user can read."""
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == group:
                lines.append((folder / "cmdline").read_text())
        except (ProcessLookupError, FileNotFoundError):
            continue
    return lines


@pytest.mark.slow
def test_lab(tmp_path: Path) -> None:
    """JupyterLab serves the tutorials only with the token, which isn't in any command line."""
    with lab("--no-browser", cwd=tmp_path) as running:
        served = {item["name"] for item in running.get("api/contents")["content"]}
        assert served == {file.name for file in notebooks_folder().glob("*.ipynb")}
        with pytest.raises(HTTPError, match="403"):
            running.get("api/contents", token="wrong")
        lines = command_lines(running.process.pid)
        assert [line for line in lines if "jupyterlab" in line]
        assert not [line for line in lines if running.token in line]
        assert running.has_no_news()
        news = running.get("lab/api/settings/@jupyterlab/apputils-extension:notification")
        assert news["settings"] == {"fetchNews": "false"}  # by default, JupyterLab asks the user
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=60) == 0
        assert running.gone
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.slow
def test_options_of_the_user(tmp_path: Path) -> None:
    """The user's options override ours, and the printed URL has the port that JupyterLab uses."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.txt").touch()
    port = free_port()
    options = [f"--port={port}", "--ip=127.0.0.1", f"--ServerApp.root_dir={tmp_path / 'mine'}"]
    # JUPYTER_TOKEN can come from another Jupyter server. JupyterLab wouldn't print such a token.
    with lab("--no-browser", *options, cwd=tmp_path, JUPYTER_TOKEN="another") as running:
        assert running.port == port
        assert [item["name"] for item in running.get("api/contents")["content"]] == ["mine.txt"]


@pytest.mark.slow
def test_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """JupyterLab doesn't check for updates, and reads the user's configuration folders, too."""
    (tmp_path / "jupyter_server_config.json").write_text('{"ServerApp": {"port_retries": 7}}')
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
    assert main(["lab", "--no-browser", "--show-config-json"]) == 0
    configuration = json.loads(capfd.readouterr().out)
    lab_app, server_app = configuration["LabApp"], configuration["ServerApp"]
    assert lab_app["check_for_updates_class"] == "jupyterlab.NeverCheckForUpdate"
    assert server_app["port_retries"] == 7
    assert server_app["ip"] == "127.0.0.1"


@pytest.mark.slow
def test_lab_in_a_browser(tmp_path: Path) -> None:
    """The browser opens a page that redirects to JupyterLab; its command line contains no token."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\ncp "${{1#file://}}" {opened}.html\necho "$@" > {opened}.txt\n')
    browser.chmod(0o700)
    with lab(cwd=tmp_path, BROWSER=f"{browser} %s") as running:
        while not opened.with_suffix(".txt").exists():
            assert running.process.poll() is None
            threading.Event().wait(0.1)
        page = opened.with_suffix(".html").read_text()
        first = f"http://127.0.0.1:{running.port}/lab/tree/{FIRST}?token={running.token}"
        assert first in page
        assert (notebooks_folder() / FIRST).is_file()
        assert running.token not in opened.with_suffix(".txt").read_text()
        os.killpg(running.process.pid, signal.SIGINT)  # as Ctrl-C does
        assert running.process.wait(timeout=60) == 0
        assert running.gone
    assert list((tmp_path / "temporary").iterdir()) == []


#: A JupyterLab that stops the command with a signal, but doesn't stop itself.
HANGING = """
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(os.environ["PYTHONPATH"], "pid").write_text(str(os.getpid()))
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(600)
"""


def test_a_jupyterlab_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C, the command kills a JupyterLab that doesn't stop."""
    (tmp_path / "jupyterlab.py").write_text(HANGING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(lab_command, "_GRACE", 0.1)
    assert main(["lab", "--no-browser"]) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
