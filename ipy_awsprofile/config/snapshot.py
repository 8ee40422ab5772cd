"""One state of the shared files for all that an operation reads: others may rewrite them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, TypeVar
from weakref import ref

Read = TypeVar("Read")


class read_once(ContextDecorator):  # noqa: N801  # it reads as what it does
    """Let what is read in a ``with`` block or function be as it was read first.

    An inner block uses what the outer one has read.
    """

    def __init__(self) -> None:
        #: What was read in the block.
        self.known: dict[Hashable, Any] = {}
        self._token: Token[ref[read_once] | None] | None = None

    def _recreate_cm(self) -> read_once:
        return read_once()  # for each call of a function

    def __enter__(self) -> None:
        if _block() is None:
            self._token = _current.set(ref(self))

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _stack: TracebackType | None,
    ) -> None:
        if self._token:
            _current.reset(self._token)


#: The block of this thread or task. A weak reference: one that Ctrl-C has kept from ending is gone.
_current: ContextVar[ref[read_once] | None] = ContextVar("what was read", default=None)


def _block() -> read_once | None:
    current = _current.get()
    return current() if current else None


def instead(key: Hashable, value: object) -> None:
    """Let `once` return this value until the end of the block."""
    block = _block()
    if block is None:
        raise RuntimeError("this is for a block of `read_once`")
    block.known[key] = value


def once(key: Hashable, read: Callable[[], Read]) -> Read:
    """Return what ``read`` returns, or what it has returned before in the same block."""
    block = _block()
    if block is None:
        return read()
    if key not in block.known:
        block.known[key] = read()
    value: Read = block.known[key]
    return value
