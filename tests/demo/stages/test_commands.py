"""The commands do the main job and serve the tutorials, anywhere, and leave nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

import boto3
import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_awsprofile.__main__ import main
from ipy_awsprofile.demo.stages.commands import notebooks_folder
from ipy_awsprofile.demo.stages.scenario import BUCKETS, ROLE_ACCOUNT
from tests.shells import Shell, without_colours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROLE = f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/"


def started(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None, **more: Any
) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, with another folder for temporary files."""
    temporary = cwd / "temporary"
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "ipy_awsprofile", *arguments],
        cwd=cwd,
        env=os.environ | {"TMPDIR": str(temporary), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **more,
    )


def test_demo(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo prints the main job: the user is refused, the role sees its three buckets."""
    monkeypatch.setenv("AWS_PROFILE", "mine")
    before, main_module = dict(os.environ), sys.modules["__main__"]
    assert main(["demo"]) == 0
    printed = without_colours(capsys.readouterr().out)
    assert re.findall(r"In \[(\d)\]: (%aws_profile \w+)", printed) == [
        ("4", "%aws_profile UserAlpha"),
        ("6", "%aws_profile RoleBeta"),
    ]
    assert ROLE in printed
    assert "AccessDenied" in printed
    refused, listed = printed.split("In [6]")
    assert [name for name in BUCKETS if name in listed] == list(BUCKETS)
    assert not [name for name in BUCKETS if name in refused]
    assert dict(os.environ) == before
    assert sys.modules["__main__"] is main_module
    assert boto3.DEFAULT_SESSION is None
    assert not InteractiveShell.initialized()


def test_demo_inside_a_shell(bare_shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """A shell that is running already is the running one afterwards, with its names."""
    bare_shell.good("session = 'mine'")
    assert main(["demo"]) == 0
    assert InteractiveShell.instance() is bare_shell.ip
    assert bare_shell.good("session").result == "mine"
    capsys.readouterr()


def test_demo_from_anywhere(tmp_path: Path) -> None:
    """It works in any folder, doesn't read the user's own files, and leaves nothing behind."""
    aws_folder = tmp_path / ".aws"
    aws_folder.mkdir()
    (aws_folder / "config").write_text("[profile broken\nnot a setting")
    (aws_folder / "credentials").write_bytes(b"\xff\xfe[")
    files = sorted(tmp_path.rglob("*"))
    with started("demo", cwd=tmp_path) as demo:
        printed, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, printed
    assert ROLE in printed
    assert sorted(tmp_path.rglob("*")) == sorted([*files, tmp_path / "temporary"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: command"),
        (["dance"], "invalid choice: 'dance'"),
        (["demo", "--no-browser"], "unrecognized arguments: --no-browser"),
        (["demo", "RoleBeta"], "unrecognized arguments: RoleBeta"),
    ],
)
def test_bad_arguments(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """What isn't a command or an option of it is refused with the usage, and status 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage: ipy-awsprofile" in printed.err
    assert message in printed.err


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"], ["lab", "--help"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Help is there, for each command."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "usage: ipy-awsprofile" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["demo", "lab"])
def test_without_the_extra(tmp_path: Path, command: str) -> None:
    """Without moto, a command says in two lines what to install, and its status is 1."""
    code = (
        "import sys; sys.modules['moto'] = None\n"
        "from ipy_awsprofile.__main__ import main\n"
        f"sys.exit(main(['{command}']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert "moto" in first
    assert second == 'Run: pip install "ipy-awsprofile[demo]"'


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--version"], 0), (["--ServerApp.port=none"], 1)]
)
def test_more_arguments_are_jupyterlabs(
    capfd: pytest.CaptureFixture[str], arguments: list[str], status: int
) -> None:
    """Other arguments of `lab` go to JupyterLab, whose exit status is returned."""
    before = signal.getsignal(signal.SIGTERM)
    assert main(["lab", "--no-browser", *arguments]) == status
    if status == 0:
        assert re.search(r"^\d+\.\d+\.\d+", capfd.readouterr().out)
    assert signal.getsignal(signal.SIGTERM) is before


def test_every_tutorial_is_found() -> None:
    """The folder of the tutorials has them."""
    assert sorted(notebooks_folder().glob("*.ipynb"))


@dataclass(slots=True)
class Lab:
    """A running `lab`: its process, and the address and token that it has printed."""

    process: subprocess.Popen[str]
    port: int
    token: str

    def get(self, path: str, *, token: str | None = None) -> Any:
        """Ask its API for something, with its token or another one."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            headers={"Authorization": f"token {self.token if token is None else token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    @property
    def gone(self) -> bool:
        """Whether nobody answers any more."""
        try:
            self.get("api")
        except URLError:
            return True
        return False


@contextmanager
def lab(*arguments: str, cwd: Path, **environment: str) -> Iterator[Lab]:
    """Start `lab`, and wait until it has printed its address."""
    # Where the tests run as root, JupyterLab wants to be told.
    process = started("lab", "--allow-root", *arguments, cwd=cwd, environment=environment)
    printed = []
    try:
        assert process.stdout
        for line in process.stdout:
            printed.append(line)
            found = re.search(r"http://127\.0\.0\.1:(\d+)/lab\?token=([\w-]+)", line)
            if found:
                break
        else:
            pytest.fail("".join(printed))
        # Somebody has to read the rest, or it would wait for that.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield Lab(process, int(found[1]), found[2])
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def command_lines(group: int) -> list[str]:
    """Read the arguments of every process in a process group, as any user of a machine can."""
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == group:
                lines.append((folder / "cmdline").read_text())
        except (ProcessLookupError, FileNotFoundError):
            continue
    return lines


def test_lab(tmp_path: Path) -> None:
    """JupyterLab serves copies of the tutorials to who has the token, which is in no arguments."""
    with lab("--no-browser", cwd=tmp_path) as running:
        served = {item["name"] for item in running.get("api/contents")["content"]}
        assert served == {file.name for file in notebooks_folder().glob("*.ipynb")}
        with pytest.raises(HTTPError, match="403"):
            running.get("api/contents", token="wrong")
        lines = command_lines(running.process.pid)
        assert [line for line in lines if "jupyterlab" in line]
        assert not [line for line in lines if running.token in line]
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=60) == 0
        assert running.gone
    assert list((tmp_path / "temporary").iterdir()) == []


def test_lab_in_a_browser(tmp_path: Path) -> None:
    """The browser gets a page of the user's own that leads there; its arguments have no token."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\ncp "${{1#file://}}" {opened}.html\necho "$@" > {opened}.txt\n')
    browser.chmod(0o700)
    with lab(cwd=tmp_path, BROWSER=f"{browser} %s") as running:
        while not opened.with_suffix(".txt").exists():
            assert running.process.poll() is None
            threading.Event().wait(0.1)
        page = opened.with_suffix(".html").read_text()
        assert f"http://127.0.0.1:{running.port}/lab?token={running.token}" in page
        assert running.token not in opened.with_suffix(".txt").read_text()
        os.killpg(running.process.pid, signal.SIGINT)  # as Ctrl-C does
        assert running.process.wait(timeout=60) == 0
        assert running.gone
    assert list((tmp_path / "temporary").iterdir()) == []
