"""A binding that several threads can hold at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any


class SharedBinding:
    """A binding that the first holder enters and the last holder leaves."""

    def __init__(
        self,
        binding: Callable[..., AbstractContextManager[None]],
        lock: threading.RLock | None = None,
    ) -> None:
        self._binding = binding
        self._arguments: tuple[Any, ...] = ()
        self._lock = lock or threading.RLock()
        self._users = 0
        self._stack = ExitStack()

    @contextmanager
    def __call__(self, *arguments: Any) -> Iterator[None]:
        """Hold the binding in a ``with`` block; only the first holder's arguments are used."""
        with self._lock:
            if self._users == 0:
                self._arguments = arguments
                self._enter()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._stack.close()

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Leave the binding in a ``with`` block, and enter it again if it still has holders."""
        with self._lock:
            if self._users == 0:
                yield
                return
            self._stack.close()
            try:
                yield
            finally:
                self._enter()

    def _enter(self) -> None:
        self._stack.enter_context(self._binding(*self._arguments))
