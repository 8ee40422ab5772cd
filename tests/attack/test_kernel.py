"""Interrupts of a real kernel at random times, after which one identity is active everywhere."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import contextmanager
from queue import Empty
from typing import TYPE_CHECKING, Any

import pytest

from tests.attack.rounds import Rounds
from tests.attack.test_interrupts import ACTIONS, ERRORS
from tests.test_readme import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws

START = f"""
%load_ext ipy_awsprofile
import s3fs
from ipy_awsprofile import across_profiles, using_profile
from tests.attack.test_interrupts import active
{ERRORS}
"""


class Kernel:
    """A kernel of ipykernel, and its process, which tests interrupt."""

    def __init__(self, manager: Any) -> None:
        self._client = manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        self.process: int = manager.provisioner.process.pid

    def run(self, cell: str, *, interrupted_after: float | None = None) -> dict[str, Any]:
        """Run a cell, and return the content of its reply.

        An interrupt can stop the kernel while it sends the reply.
        """
        number = self._client.execute(cell, user_expressions={"active": "active()"})
        if interrupted_after is not None:
            time.sleep(interrupted_after)
            os.kill(self.process, signal.SIGINT)
        try:
            while True:
                reply = self._client.get_shell_msg(timeout=60 if interrupted_after is None else 3)
                if reply["parent_header"].get("msg_id") == number:
                    content: dict[str, Any] = reply["content"]
                    return content
        except (Empty, ValueError):  # no reply, or an incomplete one, whose signature is wrong
            assert interrupted_after is not None
            return {}

    def active(self) -> str:
        """Return the active identity, which must be the same everywhere."""
        content = self.run("")
        value = content["user_expressions"]["active"]
        assert value["status"] == "ok", json.dumps(value, indent=1)
        return str(value["data"]["text/plain"].strip("'"))


@pytest.fixture
def kernel(aws: EmbeddedAws, tmp_path: Path) -> Iterator[Kernel]:
    """Yield a kernel with the extension."""
    with started(aws, tmp_path) as kernel:
        yield kernel


@contextmanager
def started(aws: EmbeddedAws, folder: Path) -> Iterator[Kernel]:
    """Start a kernel, and shut it down at the end of the block."""
    from jupyter_client.manager import KernelManager

    manager = KernelManager(transport="ipc", ip=f"{folder}/kernel")
    manager.start_kernel(env=os.environ | aws.environment() | {"PYTHONPATH": str(ROOT)})
    try:
        kernel = Kernel(manager)
        assert kernel.run(START)["status"] == "ok"
        yield kernel
    finally:
        manager.shutdown_kernel(now=True)


@pytest.mark.slow
def test_interrupts(rounds: Rounds, kernel: Kernel) -> None:
    """After an interrupt, the previous or the new identity is active, and `--off` works."""
    lasts = {}
    for action in ACTIONS:
        begun = time.monotonic()
        assert kernel.run(action)["status"] == "ok"
        lasts[action] = time.monotonic() - begun
    for random in rounds(5):
        starts, action = random.choice(["RoleBeta", "UserAlpha"]), random.choice(list(ACTIONS))
        assert kernel.run(f"%load_ext ipy_awsprofile\n%aws_profile {starts}")["status"] == "ok"
        assert kernel.active() == starts
        kernel.run(action, interrupted_after=random.uniform(0, lasts[action]))
        kernel.run("%load_ext ipy_awsprofile")
        assert kernel.active() in (starts, ACTIONS[action] or starts), action
        assert kernel.run("%aws_profile --off")["status"] == "ok"
        assert kernel.active() == "nobody"
