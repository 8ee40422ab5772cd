"""Values that are stored for objects, by identity, for as long as the objects exist."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Generic, TypeVar
from weakref import ref

_Value = TypeVar("_Value")

#: The number of entries up to which it is quick to look through all of them.
_FEW = 100


class WeakNotes(Generic[_Value]):
    """Values by object. The first value that is added for an object stays.

    Unlike in a weak dictionary, the weak references have no callbacks, because Python ignores
    Ctrl-C in a callback. Instead, adding an object removes the entries of deleted objects. If there
    are many entries, this happens only after their number has grown by a quarter, so adding many
    objects takes linear time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[int, tuple[ref[Any], _Value]] = {}
        self._limit = 0

    def add(self, noted: Any, value: _Value) -> None:
        """Add a value for an object, unless the object has one."""
        with self._lock:
            entry = self._entries.get(id(noted))
            if entry is None or entry[0]() is not noted:  # a new object can reuse an ID
                self._entries[id(noted)] = (ref(noted), value)
            if len(self._entries) > self._limit:
                used = {key: one for key, one in self._entries.items() if one[0]() is not None}
                self._entries, self._limit = used, len(used) * 5 // 4 if len(used) > _FEW else 0

    def __contains__(self, noted: object) -> bool:
        entry = self._entries.get(id(noted))
        return entry is not None and entry[0]() is noted

    def get(self, noted: Any) -> _Value | None:
        """Return the value for an object, or None without one."""
        entry = self._entries.get(id(noted))
        return entry[1] if entry and entry[0]() is noted else None

    def items(self) -> Iterator[tuple[Any, _Value]]:
        """Yield the objects that still exist, with their values."""
        with self._lock:
            entries = tuple(self._entries.values())
        for noted, value in entries:
            if (exists := noted()) is not None:
                yield exists, value
