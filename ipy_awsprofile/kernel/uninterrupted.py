"""Defer Ctrl-C while a change is incomplete."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any


class Uninterrupted(AbstractContextManager["Uninterrupted"]):
    """Defer Ctrl-C while a block of code runs, and handle the interrupt at the end of the block.

    Keep the block short, or call `took_interrupt` regularly. Outside the main thread, the block
    runs normally, because Python handles signals only in the main thread.
    """

    def __init__(self) -> None:
        #: What handled Ctrl-C before.
        self.former: Callable[[int, FrameType | None], object] | None = None
        self._came = False

    def __enter__(self) -> Uninterrupted:
        former = signal.getsignal(signal.SIGINT)
        if callable(former) and threading.current_thread() is threading.main_thread():
            self.former = former
            signal.signal(signal.SIGINT, self._defer)
        return self

    def __exit__(self, *_: object) -> None:
        if self.former:
            signal.signal(signal.SIGINT, self.former)
            if self.took_interrupt():
                self.former(signal.SIGINT, sys._getframe())  # noqa: SLF001  # like Python

    def took_interrupt(self) -> bool:
        """Return whether the user pressed Ctrl-C, and discard the signal."""
        came = self._came
        self._came = False
        return came

    def _defer(self, *_: object) -> None:
        self._came = True


@contextmanager
def interruptible() -> Iterator[None]:
    """Handle Ctrl-C immediately in a part of an uninterrupted block, such as a prompt."""
    deferring = signal.getsignal(signal.SIGINT)
    handler: Any = deferring
    while isinstance(getattr(handler, "__self__", None), Uninterrupted):
        handler = handler.__self__.former
    if handler is deferring or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, deferring)
