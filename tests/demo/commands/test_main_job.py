"""The command `demo`, which prints the main job in any folder, and cleans up after itself."""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import TYPE_CHECKING

import boto3
import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_awsprofile.__main__ import main
from ipy_awsprofile.demo.stages.scenario import BUCKETS, ROLE_ACCOUNT
from tests.demo.commands.processes import started
from tests.shells import Shell, without_colours

if TYPE_CHECKING:
    from pathlib import Path


ROLE = f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/"


def test_demo(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In the demo, the user isn't allowed to list buckets, and the role lists three."""
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
    assert printed.splitlines()[-1].endswith("ipy-awsprofile lab")
    as_user, as_role = printed.split("In [6]")
    assert [name for name in BUCKETS if name in as_role] == list(BUCKETS)
    assert not [name for name in BUCKETS if name in as_user]
    assert dict(os.environ) == before
    assert sys.modules["__main__"] is main_module
    assert boto3.DEFAULT_SESSION is None
    assert not InteractiveShell.initialized()


@pytest.mark.slow
def test_demo_inside_a_shell(bare_shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo keeps a running shell and its names."""
    bare_shell.good("session = 'mine'")
    assert main(["demo"]) == 0
    assert InteractiveShell.instance() is bare_shell.ip
    assert bare_shell.good("session").result == "mine"
    capsys.readouterr()


@pytest.mark.slow
def test_demo_from_anywhere(tmp_path: Path) -> None:
    """The demo works in any folder, ignores the user's files, and leaves no files there."""
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


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("cell", [1, 3, 4])
def test_an_interrupted_demo(tmp_path: Path, cell: int, number: signal.Signals) -> None:
    """Ctrl-C in a cell ends the demo with status 130, and leaves no traceback and no files."""
    with started("demo", cwd=tmp_path, environment={"PYTHONUNBUFFERED": "1"}) as demo:
        assert demo.stdout
        for line in demo.stdout:
            if line.startswith(f"In [{cell}]"):
                break
        demo.send_signal(number)
        printed = demo.stdout.read()
        assert demo.wait(timeout=120) == 130, printed
    assert "Traceback" not in printed
    assert "KeyboardInterrupt" not in printed
    assert "ipy-awsprofile lab" not in printed
    assert list((tmp_path / "temporary").iterdir()) == []
