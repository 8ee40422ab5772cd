"""Supervised processes, which never outlive the tests that started them."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.supervised import supervised

#: A server that ignores SIGTERM, as JupyterLab can when it hangs.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""


def written(file: Path) -> psutil.Process:
    """Wait until a process has written its ID to a file, and return the process."""
    while not (file.exists() and file.read_text()):
        time.sleep(0.01)
    return psutil.Process(int(file.read_text()))


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process ends within a minute."""
    try:
        process.wait(timeout=60)
    except psutil.TimeoutExpired:
        return False
    return True


def test_a_process_that_hangs(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is killed at the end of the block, even after an error."""
    file = tmp_path / "pid"
    command = [sys.executable, "-c", STUBBORN, str(file)]
    with suppress(ZeroDivisionError), supervised(command, grace=0.1):
        process = written(file)
        raise ZeroDivisionError
    assert has_ended(process)


def test_killed_tests(tmp_path: Path) -> None:
    """If the tests' own process is killed, its supervised process ends, too."""
    file = tmp_path / "pid"
    tests = f"""
import sys, time
from tests.supervised import supervised
with supervised([sys.executable, "-c", {STUBBORN!r}, {str(file)!r}], grace=0.1):
    time.sleep(600)
"""
    killed = subprocess.Popen([sys.executable, "-c", tests], cwd=Path(__file__).parents[1])
    process = written(file)
    killed.kill()
    killed.wait()
    assert has_ended(process)
