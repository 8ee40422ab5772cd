"""One state of the shared files for all that an operation reads: others may rewrite them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: What the function that runs in this thread or task has read.
_known: ContextVar[dict[Hashable, Any] | None] = ContextVar("what was read", default=None)


def read_once(function: Callable[P, T]) -> Callable[P, T]:
    """Let what a function reads stay as it was read first; functions that it calls see the same.

    It isn't a context manager: Ctrl-C could come when that is about to end, and the files would
    never be read again.
    """

    @wraps(function)
    def reading(*args: P.args, **options: P.kwargs) -> T:
        if _known.get() is not None:
            return function(*args, **options)
        try:
            _known.set({})
            return function(*args, **options)
        finally:
            _known.set(None)

    return reading


def instead(key: Hashable, value: object) -> None:
    """Let `once` return this value until the end of the function."""
    known = _known.get()
    if known is None:
        raise RuntimeError("this is for a function that uses `read_once`")
    known[key] = value


def once(key: Hashable, read: Callable[[], T]) -> T:
    """Return what ``read`` returns, or what it has returned before in the same function."""
    known = _known.get()
    if known is None:
        return read()
    if key not in known:
        known[key] = read()
    value: T = known[key]
    return value
