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
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

import pytest

from ipy_awsprofile.__main__ import main
from ipy_awsprofile.credentials.person import end_process
from ipy_awsprofile.demo.stages import BUCKETS, ROLE_ACCOUNT
from tests.processes import in_a_terminal, posix
from tests.shells import run_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pexpect

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
        if sys.platform == "win32":
            end_process(process)
        elif process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def left_in(folder: Path) -> list[Path]:
    """Return the temporary files that a command has left."""
    return list((folder / "temporary").iterdir())


def test_demo(started: Any, tmp_path: Path) -> None:
    """The first screen has the role's three buckets. Then its user is denied them.

    No file of the user is read, and none is left.
    """
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile broken\nnot a setting")
    demo = started("demo")
    printed, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, printed
    as_role, as_user = printed.split("In [4]: %aws_profile UserAlpha")
    first_screen = "\n".join(as_role.splitlines()[:20])
    assert f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/" in first_screen
    assert [name for name in BUCKETS if name in first_screen] == list(BUCKETS)
    assert "AccessDenied: `UserAlpha` isn't allowed to call ListBuckets" in as_user
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


def test_interrupted_demo_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C isn't a failure there either, where it is the exit status of a program."""
    monkeypatch.setattr("subprocess.Popen.wait", lambda *_, **_options: 0xC000013A)
    assert main(["demo"]) == 130


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """Run the demo in a terminal, up to the user's first prompt."""
    (tmp_path / "temporary").mkdir()
    with in_a_terminal("ipy_awsprofile", "demo", TMPDIR=f"{tmp_path}/temporary") as demo:
        demo.expect("To leave, type `exit`")
        demo.expect(r"In .*\[.*7")
        yield demo


def test_demo_in_a_terminal(terminal: pexpect.spawn[str], tmp_path: Path) -> None:
    """After the transcript, the user works in its IPython, where Ctrl-C only ends a cell."""
    for typed, expected in (
        ("session.profile_name\r", "'RoleBeta'"),
        ("import time; print('sleep' + 'ing'); time.sleep(600)\r", "sleeping"),
        ("\x03", r"KeyboardInterrupt[\s\S]*In .*\[.*9"),
        ("list_buckets(session).name[0]\r", "'my-first-bucket'"),
        ("%aws_profile Use\t", "Alpha"),
        ("\r", "user/UserAlpha"),
        ("%aws_profile --off\r", "switch is undone"),
        ("exit\r", "run: ipy-awsprofile lab"),
    ):
        terminal.send(typed)
        terminal.expect(expected)
    assert terminal.wait() == 0
    assert left_in(tmp_path) == []


def test_demo_in_a_notebook() -> None:
    """After `!`, which has a terminal without a keyboard, the demo ends with its transcript.

    In a clone, no command is on the PATH, so it names the target of `make` instead.
    """
    demo = f'!"{sys.executable}" -m ipy_awsprofile demo'
    (ran,), _ = run_notebook(demo, environment={"MAKELEVEL": "1"})
    assert "To leave" not in ran.text
    assert ran.text.splitlines()[-1].endswith("run: make lab")
    assert re.search(r"^lab:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_ended_in_a_terminal(terminal: pexpect.spawn[str], tmp_path: Path, name: str) -> None:
    """SIGTERM or a closed terminal ends the demo at its prompt; the terminal works as before."""
    import termios  # Windows doesn't have it

    terminal.kill(signal.Signals[name])
    terminal.expect(r"\Z")
    assert terminal.wait() == 130
    assert termios.tcgetattr(terminal.child_fd)[3] & termios.ECHO
    assert left_in(tmp_path) == []


def answer(port: int, path: str, token: str) -> Any:
    """Return the answer of JupyterLab's API."""
    headers = {"Authorization": f"token {token}"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read())


def test_lab_without_a_folder(started: Any, tmp_path: Path) -> None:
    """If the folder of the notebooks can't be created, one line says what to do."""
    (tmp_path / "ipy-awsprofile-tutorials").touch()
    lab = started("lab", "--no-browser")
    printed, _ = lab.communicate(timeout=120)
    assert lab.returncode == 1
    assert re.search(r"can't be created: .+\. Change to another folder\.\n$", printed)
    assert len(printed.splitlines()) == 1


@posix
def test_lab(started: Any, tmp_path: Path) -> None:
    """JupyterLab opens the first tutorial, only with the token, and keeps the user's notebooks."""
    folder = tmp_path / "ipy-awsprofile-tutorials"
    folder.mkdir()
    edited = folder / "01-from-profile-to-buckets.ipynb"
    edited.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    before = edited.read_text()
    tutorials = list((ROOT / "notebooks").glob("*.ipynb"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    lab = started("lab", "--no-browser", f"--port={port}")
    assert lab.stdout.readline().startswith(f"Your notebooks stay in {folder}. ")
    first = rf"127\.0\.0\.1:{port}/lab/tree/01-from-profile-to-buckets\.ipynb\?token=([\w-]+)"
    token = next(match[1] for line in lab.stdout if (match := re.search(first, line)))
    # The process would block if nothing read the rest of its output.
    threading.Thread(target=lab.stdout.read, daemon=True).start()
    while True:  # JupyterLab prints its address shortly before it listens
        try:
            served = answer(port, "api/contents", token)["content"]
            break
        except URLError:
            assert lab.poll() is None
            threading.Event().wait(0.1)
    assert {entry["name"] for entry in served} == {file.name for file in tutorials}
    with pytest.raises(HTTPError, match="403"):
        answer(port, "api/contents", "wrong")
    news = answer(port, "lab/api/settings/@jupyterlab/apputils-extension:notification", token)
    assert news["settings"] == {"fetchNews": "false"}
    os.killpg(lab.pid, signal.SIGINT)
    assert lab.wait(timeout=60) == 0
    with pytest.raises(URLError):
        answer(port, "api", token)
    assert left_in(tmp_path) == []
    assert [each for each in folder.glob("*.ipynb") if each.read_text() == before] == [edited]


def test_arguments_for_jupyterlab(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other arguments are JupyterLab's, and its exit status is the command's."""
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "--no-browser", "--ServerApp.port=none"]) == 1
    assert "not the str 'none'" in capfd.readouterr().err
