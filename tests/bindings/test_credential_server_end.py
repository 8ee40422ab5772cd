"""The lent session ends with its kernel, however the kernel or its workers end."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bindings.borrowing import KERNEL, KERNEL_GONE, KERNEL_TESTS, kernel, run

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

pytestmark = KERNEL_TESTS


@pytest.mark.slow
@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize(
    "end",
    [
        "sys.exit(0)",
        "1 / 0",
        "os._exit(1)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.killpg(os.getpid(), signal.SIGKILL)",
    ],
)
def test_nothing_stays_of_a_kernel_that_has_ended(aws: EmbeddedAws, end: str) -> None:
    """After a kernel ends, children get an error, and it or the next kernel removes its folder."""
    process, command = kernel(f"input()\n{end}")
    folder = Path(shlex.split(command)[-1]).parent
    assert run(command).returncode == 0
    process.communicate("now\n", timeout=60)
    assert run(command).stderr == KERNEL_GONE
    if end in {"sys.exit(0)", "1 / 0"}:
        assert not folder.exists()
    another, _ = kernel("input()")
    assert not folder.exists()
    another.communicate("now\n", timeout=60)


@pytest.mark.slow
def test_an_orderly_end_waits_for_nobody(aws: EmbeddedAws) -> None:
    """A kernel that ends normally removes the folder before it ends."""
    code = (
        "import atexit, os\n"
        "atexit.register(lambda: print(os.path.exists(folder)))\n"
        f"{KERNEL}\nfolder = address.token_file.parent\n"
    )
    done = run(shlex.join([sys.executable, "-c", code]))
    assert done.stdout.splitlines()[-1] == "False", done.stderr


@pytest.mark.slow
def test_a_shell_that_ends_says_nothing(aws: EmbeddedAws) -> None:
    """The server closes without a new thread, because Python 3.12 can't start threads at exit."""
    lines = "%load_ext ipy_awsprofile\n%aws_profile RoleBeta --read-only"
    done = run(shlex.join([sys.executable, "-m", "IPython", "-c", lines]))
    assert done.returncode == 0
    assert "Exception" not in done.stderr


@pytest.mark.slow
def test_a_worker_that_outlives_the_kernel_keeps_nothing(aws: EmbeddedAws) -> None:
    """A forked worker doesn't hold the folder's lock, and children don't wait for it to answer."""
    process, command = kernel(
        "worker = os.fork()\n"
        "if worker == 0:\n"
        "    signal.pause()\n"
        "print(worker, flush=True)\n"
        "signal.pause()\n"
    )
    assert process.stdout
    worker = int(process.stdout.readline())
    try:
        process.kill()
        process.wait(timeout=60)
        another, _ = kernel("input()")
        assert not Path(shlex.split(command)[-1]).parent.exists()
        another.communicate("now\n", timeout=60)
        os.kill(worker, 0)  # the worker is still running
        assert run(command).stderr == KERNEL_GONE
    finally:
        os.kill(worker, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.nightly(keep=1)
@pytest.mark.parametrize("end", ["server.close(); sys.exit(0)", "sys.exit(0)", "os._exit(0)"])
def test_a_worker_that_ends_takes_nothing_along(aws: EmbeddedAws, end: str) -> None:
    """A forked worker that ends doesn't close the kernel's server."""
    process, command = kernel(
        f"worker = os.fork()\nif worker == 0:\n    {end}\n"
        "os.waitpid(worker, 0)\nprint('done', flush=True)\ninput()\n"
    )
    assert process.stdout
    assert process.stdout.readline() == "done\n"
    assert run(command).returncode == 0
    process.communicate("\n", timeout=60)


@pytest.mark.slow
def test_workers_of_multiprocessing(aws: EmbeddedAws) -> None:
    """The server still works after a pool of forked workers has ended."""
    process, command = kernel(
        "import multiprocessing\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    print(sum(pool.map(abs, range(-5, 0))), flush=True)\n"
        "input()\n"
    )
    assert process.stdout
    assert process.stdout.readline() == "15\n"
    assert run(command).returncode == 0
    process.communicate("\n", timeout=60)
