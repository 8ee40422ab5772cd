"""Ctrl-C during a block takes effect at its end."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from ipy_awsprofile.kernel.uninterrupted import Uninterrupted


def press_ctrl_c() -> None:
    """Interrupt this process."""
    os.kill(os.getpid(), signal.SIGINT)


def test_at_the_end() -> None:
    """The rest of the block runs, even in nested blocks, and then Ctrl-C takes effect once."""
    done = []

    def change() -> None:
        with Uninterrupted():
            with Uninterrupted():
                press_ctrl_c()
                done.append("inner")
            done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        change()
    assert done == ["inner", "outer"]
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_discarded() -> None:
    """A block can ask whether the user has pressed Ctrl-C, and handle it itself."""
    with Uninterrupted() as block:
        assert not block.took_interrupt()
        press_ctrl_c()
        assert block.took_interrupt()
        assert not block.took_interrupt()


def test_in_another_thread() -> None:
    """Other threads defer nothing, because Python handles signals only in the main thread."""
    with ThreadPoolExecutor() as pool, Uninterrupted() as block:
        pool.submit(Uninterrupted().__enter__).result()
        press_ctrl_c()
        assert block.took_interrupt()
