"""A binding that several threads can hold at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any


class SharedBinding:
    """A binding that the first holder enters and the last holder leaves."""

    def __init__(self, binding: Callable[..., AbstractContextManager[None]]) -> None:
        self._binding = binding
        self._lock = threading.Lock()
        self._users = 0
        self._stack = ExitStack()

    @property
    def is_entered(self) -> bool:
        """Whether the binding has any holders."""
        return self._users > 0

    @contextmanager
    def __call__(self, *arguments: Any) -> Iterator[None]:
        """Hold the binding in a ``with`` block; only the first holder's arguments are used."""
        with self._lock:
            if self._users == 0:
                self._stack.enter_context(self._binding(*arguments))
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._stack.close()
