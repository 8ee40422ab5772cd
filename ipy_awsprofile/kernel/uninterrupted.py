"""Defer Ctrl-C while a change is incomplete."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


class Uninterrupted(AbstractContextManager["Uninterrupted"]):
    """Defer Ctrl-C while a block of code runs, and handle it at the end of the block.

    Keep the block short, or check `took_interrupt` regularly. Outside the main thread, this does
    nothing, because Python handles signals only there.
    """

    def __init__(self) -> None:
        self._former: Callable[..., Any] | None = None
        self._came = False

    def __enter__(self) -> Uninterrupted:
        former = signal.getsignal(signal.SIGINT)
        if callable(former) and threading.current_thread() is threading.main_thread():
            self._former = former
            signal.signal(signal.SIGINT, self._defer)
        return self

    def __exit__(self, *_: object) -> None:
        if self._former:
            signal.signal(signal.SIGINT, self._former)
            if self.took_interrupt():
                self._former(signal.SIGINT, sys._getframe())  # noqa: SLF001  # like Python

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Handle Ctrl-C at once in a part of the block, such as a prompt."""
        if not self._former:
            yield
            return
        signal.signal(signal.SIGINT, self._former)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, self._defer)

    def took_interrupt(self) -> bool:
        """Return whether the user pressed Ctrl-C, and discard the signal."""
        came = self._came
        self._came = False
        return came

    def _defer(self, *_: object) -> None:
        self._came = True
