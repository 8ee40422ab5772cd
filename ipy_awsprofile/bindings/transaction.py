"""Apply the changes of a switch together, so that no thread uses a third identity.

Leaving an identity restores the state before the first switch. Until the next identity is bound, a
thread that uses boto3 would use that state. Therefore, a transaction holds the changes until all
are known. Reads through the transaction already see them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")

#: The value of a place that doesn't exist.
ABSENT: Any = object()


class Transaction:
    """Makes each change immediately, or all changes at the end of a block."""

    def __init__(self) -> None:
        #: Held during `at_once`, because changes of other threads don't belong to the block.
        self.lock = threading.RLock()
        self._held: dict[Hashable, tuple[Any, Callable[[Any], object]]] | None = None
        #: ``os.environ``, including the held changes.
        self.environ: MutableMapping[str, str] = _Environ(self)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Hold all changes until the end of the ``with`` block. An inner block does nothing."""
        with self.lock:
            if self._held is not None:
                yield
                return
            self._held = {}
            try:
                yield
            finally:
                held, self._held = self._held, None
                with ExitStack() as changes:  # an error doesn't stop the other changes
                    for value, change in reversed(held.values()):
                        changes.callback(change, value)

    def read(self, place: Hashable, actual: Callable[[], _T]) -> _T:
        """Return the held value of a place, or else its ``actual`` value."""
        if self._held is None or place not in self._held:
            return actual()
        value: _T = self._held[place][0]
        return value

    def write(self, place: Hashable, value: _T, change: Callable[[_T], object]) -> None:
        """Call ``change`` with the value, now or at the end of the block.

        At the end, only the last change of each place is made, in the order of the calls.
        """
        if self._held is None:
            change(value)
            return
        self._held.pop(place, None)
        self._held[place] = (value, change)

    def held_variables(self) -> dict[str, str | None]:
        """Return the held values of environment variables, or None for variables to remove."""
        held = (self._held or {}).items()
        return {place[1]: value for place, (value, _) in held if isinstance(place, tuple)}


class _Environ(MutableMapping[str, str]):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def _value(self, name: str) -> str | None:
        return self._transaction.read(("variable", name), lambda: os.environ.get(name))

    def __getitem__(self, name: str) -> str:
        value = self._value(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        self._transaction.write(("variable", name), value, lambda new: _set_variable(name, new))

    def __delitem__(self, name: str) -> None:
        if self._value(name) is None:
            raise KeyError(name)
        self._transaction.write(("variable", name), None, lambda new: _set_variable(name, new))

    def __iter__(self) -> Iterator[str]:
        held = self._transaction.held_variables()
        yield from (name for name in os.environ if name not in held)
        yield from (name for name, value in held.items() if value is not None)

    def __len__(self) -> int:
        return len(list(iter(self)))


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


#: For switches and runs, which change the same environment and libraries of the process.
TRANSACTION = Transaction()
