"""The recorded calls, as records and as a DataFrame, and totals that stay complete.

The log keeps the newest 100,000 calls. It counts the needs of all calls by identity, action,
resource and outcome. Counts stay when a call is dropped, so that a draft policy includes it.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ipy_awsprofile.calls.actions import Access, Origin
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    import pandas as pd

#: The maximum number of calls to keep.
MOST_CALLS = 100_000

#: The maximum number of different needs to count.
_MOST_NEEDS = 10_000

#: A call's outcome.
Outcome = Literal["ok", "denied", "failed", "presigned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call to AWS, without the values of its parameters.

    ``cell`` is the execution count of the running cell, ``role`` is the role's name or
    ``user/NAME``, and ``client`` is the library that made the call. Unknown values are None or
    empty. ``complete`` is False if parts of the resource aren't known.
    """

    time: datetime
    cell: int | None
    profile: str | None
    account: str | None
    role: str | None
    region: str | None
    service: str = ""
    operation: str
    action: str = ""
    access: Access | Literal[""] = ""
    resource: str = ""
    outcome: Outcome
    error: str = ""
    seconds: float | None = None
    attempts: int | None = None
    request_id: str = ""
    client: str
    complete: bool = False


class Need(NamedTuple):
    """An action on a resource that an identity needed for a call, and how the action is known."""

    profile: str | None
    account: str | None
    role: str | None
    action: str
    resource: str
    outcome: Outcome
    origin: Origin | Literal["denial"]
    complete: bool


class CallLog:
    """The recorded calls, and the count of each need. Any thread can add calls."""

    def __init__(self, most: int = MOST_CALLS) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=most)
        self._needs: Counter[Need] = Counter()
        #: The number of calls that were dropped because there were too many.
        self.dropped = 0
        #: The number of needs that weren't counted because there were too many different ones.
        self.needs_left_out = 0

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call, needs: Iterable[Need] = ()) -> None:
        """Add a call and its needs."""
        with self._lock:
            self.dropped += len(self._calls) == self._calls.maxlen
            self._calls.append(call)
            for need in needs:
                if need in self._needs or len(self._needs) < _MOST_NEEDS:
                    self._needs[need] += 1
                else:
                    self.needs_left_out += 1

    def clear(self) -> None:
        """Remove all calls and needs."""
        with self._lock:
            self._calls.clear()
            self._needs.clear()
            self.dropped = self.needs_left_out = 0

    def needs(self) -> Counter[Need]:
        """Return a copy of the needs with their counts."""
        with self._lock:
            return self._needs.copy()

    def frame(self) -> pd.DataFrame:
        """Return the calls as a DataFrame, with the fields of `Call` as columns."""
        with self._lock:
            calls = list(self._calls)
        return frame_of(calls)


#: The types of columns that aren't text.
_TYPES = {
    "time": "datetime64[us, UTC]",
    "cell": "Int64",
    "seconds": "Float64",
    "attempts": "Int64",
    "complete": "bool",
}


def _shown(value: Any) -> Any:
    """Return a value for pandas, which prints texts as they are."""
    return one_line(value) if isinstance(value, str) else value


def frame_of(calls: Iterable[Call]) -> pd.DataFrame:
    """Return calls as a DataFrame. Without calls, it has the same columns and types."""
    import pandas as pd

    calls = list(calls)
    return pd.DataFrame(
        {
            field.name: pd.Series(
                [_shown(getattr(call, field.name)) for call in calls],
                dtype=_TYPES.get(field.name, "string"),
            )
            for field in fields(Call)
        }
    )
