"""Tools that are missing on a machine, and their installation."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.test_readme import ROOT
from tests.tools import left_out, missing

if TYPE_CHECKING:
    from pathlib import Path


def reason(tool: str, package: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the reason for which pytest skips a test without the tool."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception) as skipped:
        raise missing(tool, package)
    return f"('tests/browser/conftest.py', 51, 'Skipped: {skipped.value}')"


def test_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary counts the skipped tests for each tool, and has one apt command for all."""
    chromium = reason("Chromium", "chromium", monkeypatch)
    aws = reason("version 2 of the AWS CLI", "awscli", monkeypatch)
    assert left_out([chromium, aws, "Skipped: only root can become another user", chromium]) == [
        "2 tests without Chromium",
        "1 test without version 2 of the AWS CLI",
        "On Debian, this brings what is missing: apt install chromium awscli",
    ]
    assert left_out(["Skipped: looks into /proc"]) == []


def test_nothing_is_left_out_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI, a test fails if its tool is missing."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt install chromium"):
        raise missing("Chromium", "chromium")


INSTALL = "apt-get install -y -q --no-install-recommends"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the only folder in PATH, with a few programs in it."""
    for name in ("bash", "env", "grep", "id"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    for name in ("make", "npm"):
        program(tmp_path, name, "exit 0")
    program(tmp_path, "python3", "exit 0")
    program(tmp_path, "fc-list", "echo DejaVu")
    program(tmp_path, "apt-get", 'echo "apt-get $*"')
    return tmp_path


def program(machine: Path, name: str, script: str) -> None:
    """Create or replace a program that runs this script."""
    (machine / name).unlink(missing_ok=True)
    (machine / name).write_text(f"#!/bin/sh\n{script}\n")
    (machine / name).chmod(0o755)


def packages(machine: Path) -> subprocess.CompletedProcess[str]:
    """Install the packages that are missing on the machine."""
    return subprocess.run(
        ["bash", str(ROOT / ".ci" / "packages")],
        env={"PATH": str(machine)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_packages_as_root(machine: Path) -> None:
    """Root installs the missing packages; version 1 of the AWS CLI doesn't count."""
    program(machine, "id", "echo 0")
    program(machine, "aws", "echo aws-cli/1.45")
    assert packages(machine).stdout.splitlines() == [
        "apt-get update -q",
        f"{INSTALL} chromium awscli",
    ]


def test_packages_with_sudo(machine: Path) -> None:
    """Other users install packages with sudo, and Chrome counts as Chromium."""
    program(machine, "id", "echo 1000")
    program(machine, "sudo", 'printf "sudo "; exec "$@"')
    program(machine, "google-chrome", "exit 0")
    assert packages(machine).stdout.splitlines() == [
        "sudo apt-get update -q",
        f"sudo {INSTALL} awscli",
    ]
    program(machine, "aws", "echo aws-cli/2.23")
    assert packages(machine).stdout == ""


def test_packages_without_sudo(machine: Path) -> None:
    """Without sudo, an error names the missing packages."""
    program(machine, "id", "echo 1000")
    done = packages(machine)
    assert done.returncode == 1
    assert "missing: chromium awscli. Install them as root" in done.stderr
