"""The signals that end a command: Ctrl-C, SIGTERM, and SIGHUP from a closed terminal."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def signals_as_interrupts() -> Iterator[list[int]]:
    """Raise KeyboardInterrupt for each of these signals, so that all of them clean up.

    The context's value is the list of signals so far. It tells about a signal even if other code
    has handled the KeyboardInterrupt. Signals that the parent process ignores stay ignored.
    """
    received: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # which gets all signals
        yield received
        return
    numbers = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    before = {number: signal.getsignal(number) for number in numbers if number}
    changed = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in changed:
        signal.signal(number, interrupt)
    try:
        yield received
    finally:
        for number, handler in changed.items():
            signal.signal(number, handler)
