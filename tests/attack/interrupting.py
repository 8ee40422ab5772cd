"""Ctrl-C after the nth line of our code that runs.

The signal comes as from the operating system. Python calls the handler at the next instruction at
which it checks for signals. If a trace function raised an exception, it could come in a place where
no real Ctrl-C can.
"""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import signal
import sys
from typing import TYPE_CHECKING, Any

import ipy_awsprofile
from ipy_awsprofile.kernel.uninterrupted import Uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

OURS = ipy_awsprofile.__path__[0]


def is_ours(frame: FrameType) -> bool:
    """Return whether Ctrl-C can come here, in our package or in its context managers."""
    if frame.f_code.co_filename == contextlib.__file__ and frame.f_back:
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(OURS)


class Ignored:
    """An argument of a C function, which isn't looked at: it can be an object of a run."""

    from_param = staticmethod(id)  # Python code would check for signals


#: A trace function that records a signal. It is written in C because Python checks for signals
#: while it runs Python code. CPython's function takes no arguments, and ignores a trace function's.
#: https://docs.python.org/3/c-api/exceptions.html#c.PyErr_SetInterrupt
note_signal = ctypes.pythonapi.PyErr_SetInterrupt
note_signal.argtypes = [Ignored] * 3  # type: ignore[list-item]  # `from_param` is enough
note_signal.restype = None


class Moment:
    """The number of lines that have begun in our code, and the place of the signal."""

    def __init__(self, at: int | None, is_within: Callable[[FrameType], bool]) -> None:
        self.at = at
        self.is_within = is_within
        self.lines = 0
        self.where = ""
        self.hook = sys.unraisablehook
        self._frame: FrameType | None = None

    def trace(self, frame: FrameType, event: str, _argument: Any) -> Any:
        """Count the lines of our code, and interrupt after one of them."""
        if self._frame:
            if (
                frame.f_code is Uninterrupted._defer.__code__
            ):  # the signal has come, and is deferred
                self.stop()
            return None
        if not self.is_within(frame):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                self._frame = frame
                return note_signal  # for the next event of this frame
        return self.trace

    def stop(self) -> None:
        """Stop sending signals."""
        sys.settrace(None)
        if self._frame:
            self._frame.f_trace = None

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, as Python does by default."""
        self.stop()
        raise KeyboardInterrupt

    def ignore(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Discard an interrupt that Python ignores because a generator was being closed.

        There, Python checks for signals only in the trace function.
        """
        is_ours = unraisable.exc_type is KeyboardInterrupt
        if is_ours and inspect.isgenerator(unraisable.object):
            self.where = ""
        else:
            self.hook(unraisable)


@contextlib.contextmanager
def interrupted(
    at: int | None = None, is_within: Callable[[FrameType], bool] = is_ours
) -> Iterator[Moment]:
    """Send SIGINT after the line of our code with this number; without one, only count lines.

    ``is_within`` selects the frames of other code instead of ours.
    """
    moment = Moment(at, is_within)
    handler, tracer = signal.getsignal(signal.SIGINT), sys.gettrace()
    sys.unraisablehook = moment.ignore
    signal.signal(signal.SIGINT, moment.handle)
    sys.settrace(moment.trace)
    try:
        yield moment
    finally:
        moment.stop()
        sys.settrace(tracer)
        sys.unraisablehook = moment.hook
        if signal.getsignal(signal.SIGINT) == moment.handle:
            signal.signal(signal.SIGINT, handler)
