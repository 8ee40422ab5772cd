"""Prompts of a cell and of threads, which share one channel to the front end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws import EmbeddedAws
from tests.kernels import Kernel

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
