"""Defer Ctrl-C while a change is incomplete, and hide our stack frames after Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ContextDecorator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any


def causes(error: BaseException | None, outer: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, up to the ``outer`` error."""
    while error is not None and error is not outer:
        yield error
        error = error.__cause__ or error.__context__


def forget_stack(error: BaseException | None, outer: BaseException | None) -> None:
    """Remove the tracebacks of an error and its causes, up to the ``outer`` error."""
    for each in causes(error, outer):
        each.__traceback__ = None


class interrupts_unshown(ContextDecorator):  # noqa: N801  # used like a function
    """Remove the traceback of a ``with`` block or function from a KeyboardInterrupt."""

    def __init__(self) -> None:
        self._outer: BaseException | None = None

    def _recreate_cm(self) -> interrupts_unshown:
        return interrupts_unshown()  # each call of a function needs a new instance

    def __enter__(self) -> None:
        self._outer = sys.exception()  # keep the traceback of an error that the caller is handling

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _stack: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            forget_stack(error, self._outer)
            raise error


Handler = Callable[[int, FrameType | None], Any]

#: Python creates this set again for each call of `signal.valid_signals`.
_ALL = frozenset(signal.valid_signals())

#: Seconds after the first signal before a repeated signal is handled immediately.
_PATIENCE = 2.0


class Uninterrupted:
    """Defer signals while a block of code runs, and call their handlers at the end.

    Keep the block short, or check `took_interrupt` regularly. If it hangs, a second Ctrl-C ends it.
    Outside the main thread, this does nothing, because Python doesn't call signal handlers there.
    ``signals`` are the numbers of the signals to defer; the default is all signals.
    """

    def __init__(self, *signals: int) -> None:
        self._signals = signals or _ALL
        #: Whether to only record signals. Otherwise, our handlers call the previous handlers.
        self.is_active = False
        self._ours: dict[int, Deferring] = {}
        self._came: dict[int, float] = {}

    def __enter__(self) -> Uninterrupted:
        if threading.current_thread() is threading.main_thread():
            self._ours = {n: Deferring(self, handler) for n, handler in _handlers(self._signals)}
            try:
                for number, ours in self._ours.items():
                    signal.signal(number, ours)
                self.is_active = True
            except BaseException:
                self._restore()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()
        for number in self._came:
            self._ours[number].handler(number, sys._getframe())  # noqa: SLF001  # like Python

    def _restore(self) -> None:
        try:
            for number, ours in self._ours.items():
                if signal.getsignal(number) is ours:  # the block hasn't changed the handler
                    signal.signal(number, ours.handler)
        finally:
            self.is_active = False

    def took_interrupt(self) -> bool:
        """Return whether the user pressed Ctrl-C, and discard the signal."""
        return self._came.pop(signal.SIGINT, None) is not None

    def holds_back(self, number: int) -> bool:
        """Record a signal, and return whether to defer it."""
        if not self.is_active:
            return False
        first = self._came.setdefault(number, time.monotonic())
        return time.monotonic() - first < _PATIENCE


@dataclass(frozen=True, slots=True, eq=False)
class Deferring:
    """A signal handler that replaces another one, and records the signal while a block runs."""

    block: Uninterrupted
    handler: Handler

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        """Record the signal, or call the replaced handler."""
        if not self.block.holds_back(number):
            return self.handler(number, frame)
        return None


def _handlers(signals: Iterable[int]) -> Iterator[tuple[int, Handler]]:
    """Yield the signals that have a Python handler, with the handler."""
    for number in signals:
        handler = signal.getsignal(number)
        while isinstance(handler, Deferring) and not handler.block.is_active:
            handler = handler.handler  # an interrupt prevented its removal
        if callable(handler):
            yield number, handler
