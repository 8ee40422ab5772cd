"""The commands `demo` and `lab`: what they show, and that they leave nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import tomllib
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

import pytest

from ipy_awsprofile.__main__ import main
from ipy_awsprofile.demo.commands import notebooks_folder
from ipy_awsprofile.demo.stages import BUCKETS, ROLE_ACCOUNT
from tests.processes import posix

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    """Return a function that starts a command in its own process group, like a terminal."""
    (tmp_path / "temporary").mkdir()
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "ipy_awsprofile", *arguments],
            cwd=tmp_path,
            env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def left_in(folder: Path) -> list[Path]:
    """Return the temporary files that a command has left."""
    return list((folder / "temporary").iterdir())


def test_demo(started: Any, tmp_path: Path) -> None:
    """The user isn't allowed to list buckets, the role lists three, and no file is read or left."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile broken\nnot a setting")
    demo = started("demo")
    printed, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, printed
    as_user, as_role = printed.split("In [6]: %aws_profile RoleBeta")
    assert "AccessDenied: `UserAlpha` isn't allowed to call ListBuckets" in as_user
    assert f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/" in as_role
    assert [name for name in BUCKETS if name in as_role] == list(BUCKETS)
    assert printed.splitlines()[-1].endswith("ipy-awsprofile lab")
    assert left_in(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [".aws", "temporary"]


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_demo(started: Any, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C ends the demo with status 130, without a traceback and without files."""
    demo = started("demo")
    next(line for line in demo.stdout if line.startswith("In [2]"))
    # A terminal's Ctrl-C reaches all of its processes, SIGTERM only one.
    (os.killpg if number == signal.SIGINT else os.kill)(demo.pid, number)
    printed, _ = demo.communicate(timeout=120)
    assert demo.returncode == 130, printed
    assert "Traceback" not in printed
    assert left_in(tmp_path) == []


def answer(port: int, path: str, token: str) -> Any:
    """Return the answer of JupyterLab's API."""
    headers = {"Authorization": f"token {token}"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read())


@posix
def test_lab(started: Any, tmp_path: Path) -> None:
    """JupyterLab opens the first of the tutorials, only with the token, and asks for no news."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    lab = started("lab", "--no-browser", "--allow-root", f"--port={port}")
    first = rf"127\.0\.0\.1:{port}/lab/tree/01-from-profile-to-buckets\.ipynb\?token=([\w-]+)"
    token = next(found[1] for line in lab.stdout if (found := re.search(first, line)))
    # The process would block if nothing read the rest of its output.
    threading.Thread(target=lab.stdout.read, daemon=True).start()
    while True:  # JupyterLab prints its address shortly before it listens
        try:
            served = answer(port, "api/contents", token)["content"]
            break
        except URLError:
            assert lab.poll() is None
            threading.Event().wait(0.1)
    assert {one["name"] for one in served} == {one.name for one in tutorials()}
    with pytest.raises(HTTPError, match="403"):
        answer(port, "api/contents", "wrong")
    news = answer(port, "lab/api/settings/@jupyterlab/apputils-extension:notification", token)
    assert news["settings"] == {"fetchNews": "false"}
    os.killpg(lab.pid, signal.SIGINT)
    assert lab.wait(timeout=60) == 0
    with pytest.raises(URLError):
        answer(port, "api", token)
    assert left_in(tmp_path) == []


def test_arguments_for_jupyterlab(capfd: pytest.CaptureFixture[str]) -> None:
    """Other arguments are JupyterLab's, and its exit status is the command's."""
    assert main(["lab", "--version"]) == 0
    assert re.match(r"\d+\.\d+\.\d+", capfd.readouterr().out)
    assert main(["lab", "--no-browser", "--ServerApp.port=none"]) == 1


def tutorials() -> list[Path]:
    """Return the tutorials of the checkout."""
    return list((ROOT / "notebooks").glob("*.ipynb"))


def test_tutorials_in_the_wheel() -> None:
    """The wheel has all tutorials, in the folder where the command looks for them first."""
    assert notebooks_folder() == ROOT / "notebooks"
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    in_wheel = build["targets"]["wheel"]["force-include"]
    expected = {f"ipy_awsprofile/demo/notebooks/{one.name}" for one in tutorials()}
    assert set(in_wheel.values()) == expected
