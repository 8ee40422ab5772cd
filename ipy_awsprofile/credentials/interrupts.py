"""Ctrl-C: changes that it can't leave half-way, and our code, whose stack isn't shown."""

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


def forget_stack(error: BaseException | None, outer: BaseException | None) -> None:
    """Remove the stacks of an error and its causes, up to the error that was there before."""
    while error is not None and error is not outer:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


class interrupts_unshown(ContextDecorator):  # noqa: N801  # it reads as what it does
    """Raise an interrupt of a ``with`` block, or of a function, without the block's stack."""

    def __init__(self) -> None:
        self._outer: BaseException | None = None

    def _recreate_cm(self) -> interrupts_unshown:
        return interrupts_unshown()  # for each call of a function

    def __enter__(self) -> None:
        self._outer = sys.exception()  # an error that the caller is handling keeps its stack

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

#: Seconds after which a repeated signal is handled immediately.
_PATIENCE = 2.0


class Uninterrupted:
    """Defer signals while a block of code runs, and call their handlers at its end.

    A block must be short, or check `took_interrupt` regularly. If it hangs, a second Ctrl-C ends
    it. This does nothing outside the main thread, because Python calls no handlers there.
    ``signals`` are the numbers of the signals to defer, by default all.
    """

    def __init__(self, *signals: int) -> None:
        self._signals = signals or signal.valid_signals()
        #: Whether signals are only noted; otherwise our handlers do what those before them do.
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
            self._ours[number].handler(number, sys._getframe())  # noqa: SLF001  # as Python does

    def _restore(self) -> None:
        try:
            for number, ours in self._ours.items():
                if signal.getsignal(number) is ours:  # the block hasn't set another one
                    signal.signal(number, ours.handler)
        finally:
            self.is_active = False

    def took_interrupt(self) -> bool:
        """Return whether Ctrl-C has come; it is then forgotten."""
        return self._came.pop(signal.SIGINT, None) is not None

    def holds_back(self, number: int) -> bool:
        """Note a signal, and return whether it has to wait."""
        if not self.is_active:
            return False
        first = self._came.setdefault(number, time.monotonic())
        return time.monotonic() - first < _PATIENCE


@dataclass(frozen=True, slots=True, eq=False)
class Deferring:
    """The handler of a signal, in place of another one: it notes the signal while a block runs."""

    block: Uninterrupted
    handler: Handler

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        """Note that the signal has come, or do what the other handler does."""
        if not self.block.holds_back(number):
            return self.handler(number, frame)
        return None


def _handlers(signals: Iterable[int]) -> Iterator[tuple[int, Handler]]:
    """Yield the signals that have a handler in Python."""
    for number in signals:
        handler = signal.getsignal(number)
        while isinstance(handler, Deferring) and not handler.block.is_active:
            handler = handler.handler  # an interrupt has left it behind
        if callable(handler):
            yield number, handler
