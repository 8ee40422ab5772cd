"""One state of the shared files for all that an operation reads: others may rewrite them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Read = TypeVar("Read")

_known: ContextVar[dict[Hashable, Any] | None] = ContextVar("what was read", default=None)


@contextmanager
def read_once() -> Iterator[None]:
    """Let what is read in a ``with`` block or function be as it was read first."""
    known = _known.get()
    token = _known.set({} if known is None else known)
    try:
        yield
    finally:
        _known.reset(token)


def instead(key: Hashable, value: object) -> None:
    """Let `once` return this value until the end of the block."""
    known = _known.get()
    if known is None:
        raise RuntimeError("this is for a block of `read_once`")
    known[key] = value


def once(key: Hashable, read: Callable[[], Read]) -> Read:
    """Return what ``read`` returns, or what it has returned before in the same block."""
    known = _known.get()
    if known is None:
        return read()
    if key not in known:
        known[key] = read()
    value: Read = known[key]
    return value
