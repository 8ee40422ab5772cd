"""Ctrl-C in the middle of our code, whose stack isn't shown.

In the frames of a moment there can be keys, and all of the environment's variables: in ours, in
Python's own and in those of libraries. IPython's ``%xmode Verbose`` prints them.
"""

from __future__ import annotations

import sys
from contextlib import ContextDecorator
from types import TracebackType


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
