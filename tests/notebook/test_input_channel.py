"""Prompts of a cell and of threads, which share one channel to the front end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest

from tests.aws import EmbeddedAws
from tests.kernels import Kernel
from tests.processes import posix

CELL = """
import threading, time
asking = threading.Event()
arn = ""

def call():
    global arn
    {pause}
    threading.Timer(0.5, asking.set).start()
    arn = session.client("sts").get_caller_identity()["Arn"]

thread = threading.Thread(target=call)
thread.start()
{wait}
name = input("name? ")
thread.join()
print(name, arn)
"""


@pytest.fixture
def kernel(aws: EmbeddedAws) -> Iterator[Kernel]:
    """Yield a kernel whose user takes a while to answer."""
    with Kernel.started(aws, {}) as kernel:
        kernel.thinks = 1.5
        yield kernel


@pytest.mark.parametrize(
    ("pause", "wait"), [("time.sleep(0.5)", ""), ("", "asking.wait()")], ids=["input", "code"]
)
def test_one_box(kernel: Kernel, aws: EmbeddedAws, auditor: str, pause: str, wait: str) -> None:
    """A code that a thread needs and `input()` of the cell wait for each other, in either order."""
    kernel.answer = lambda prompt: "Ann" if "name" in prompt else aws.iam.mfa_code(auditor)
    kernel.good("%aws_profile Auditor")
    kernel.wait(hours=2)
    seen = kernel.good(CELL.format(pause=pause, wait=wait))
    assert "Ann arn:aws:sts::" in seen.text
    assert seen.boxes == 1
    assert len(seen.prompts) == 2
    (first, _) = seen.prompts
    assert first.startswith("name" if pause else "MFA")


#: A thread asks for a code. Then a forked child gets SIGINT, as a worker that is ended does.
INTERRUPTED_CHILD = """
import os, signal, threading, time
from pathlib import Path
arn = ""

def call():
    global arn
    arn = session.client("sts").get_caller_identity()["Arn"]

child = os.fork()
if child == 0:
    try:
        time.sleep(60)
    finally:
        os._exit(0)
thread = threading.Thread(target=call)
thread.start()
while not Path({asked!r}).exists():
    time.sleep(0.01)
os.kill(child, signal.SIGINT)
os.waitpid(child, 0)
Path({interrupted!r}).touch()
thread.join()
print(arn)
"""


@posix
def test_ctrl_c_in_a_child(kernel: Kernel, aws: EmbeddedAws, auditor: str, tmp_path: Path) -> None:
    """Ctrl-C in a forked child doesn't end the kernel's question."""
    asked, interrupted = tmp_path / "asked", tmp_path / "interrupted"
    kernel.thinks = 0
    kernel.answer = lambda _prompt: aws.iam.mfa_code(auditor)
    kernel.good("%aws_profile Auditor")
    kernel.wait(hours=2)

    def answer(_prompt: str) -> str:
        asked.touch()
        while not interrupted.exists():
            sleep(0.01)
        return aws.iam.mfa_code(auditor)

    kernel.answer = answer
    seen = kernel.good(INTERRUPTED_CHILD.format(asked=str(asked), interrupted=str(interrupted)))
    assert ":assumed-role/Auditor/" in seen.text
    assert len(seen.prompts) == 1
