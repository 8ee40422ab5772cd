"""The command line: its arguments, its help, and its error without the extra `demo`."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile import __version__
from ipy_awsprofile.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dance"], "invalid choice: 'dance'"),
        (["demo", "--no-browser"], "unrecognized arguments: --no-browser"),
    ],
)
def test_bad_arguments(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """An unknown command or option prints the usage, and exits with status 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage: ipy-awsprofile" in printed.err
    assert message in printed.err


@pytest.mark.parametrize("arguments", ["--help", "demo --help", "lab --help", "--version"])
def test_help(capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    """`--help` prints the usage of each command, and `--version` the package's version."""
    with pytest.raises(SystemExit) as caught:
        main(arguments.split())
    assert caught.value.code == 0
    said = f"ipy-awsprofile {__version__}" if arguments == "--version" else "usage: ipy-awsprofile"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("command", ["demo", "lab"])
def test_without_the_extra(tmp_path: Path, command: str) -> None:
    """Without moto, a command prints what to install, and exits with status 1."""
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
    assert second == f'Run: pip install "ipy-awsprofile[{command}]"'
