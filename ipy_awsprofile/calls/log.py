"""The calls that were recorded: a record each, a DataFrame of them, and totals that stay complete.

The newest 100,000 calls are kept. What they needed is added up by identity, action, resource and
outcome, and stays when a call is dropped, so that a policy made from it has everything.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from ipy_awsprofile.calls.actions import Access, Origin

if TYPE_CHECKING:
    import pandas as pd

#: The largest number of calls that are kept.
MOST_CALLS = 100_000

#: The largest number of different needs that are added up.
_MOST_NEEDS = 10_000

#: How a call ended. "not visible" is for a program that got credentials: its calls can't be seen.
Outcome = Literal["ok", "denied", "failed", "presigned", "not visible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call to AWS, without the values of its parameters.

    ``cell`` is the execution count of the cell that ran, ``role`` the role's name or ``user/NAME``,
    ``client`` the library that made the call. What isn't known is None, or an empty text.
    ``complete`` is False if parts of the resource aren't known.
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
    """What a call needed: an action on a resource, for an identity; and how that is known."""

    profile: str | None
    account: str | None
    role: str | None
    action: str
    resource: str
    outcome: Outcome
    origin: Origin | Literal["denial"]
    complete: bool


class CallLog:
    """The recorded calls, and how often each need came up; any thread can add to it."""

    def __init__(self, most: int = MOST_CALLS) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=most)
        self._needs: Counter[Need] = Counter()
        #: How many calls were dropped, since there were too many.
        self.dropped = 0
        #: How many needs weren't added up, since there were too many different ones.
        self.needs_left_out = 0

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call, needs: Iterable[Need] = ()) -> None:
        """Add a call and what it needed."""
        with self._lock:
            self.dropped += len(self._calls) == self._calls.maxlen
            self._calls.append(call)
            for need in needs:
                if need in self._needs or len(self._needs) < _MOST_NEEDS:
                    self._needs[need] += 1
                else:
                    self.needs_left_out += 1

    def clear(self) -> None:
        """Forget all calls and needs."""
        with self._lock:
            self._calls.clear()
            self._needs.clear()
            self.dropped = self.needs_left_out = 0

    def needs(self) -> Counter[Need]:
        """Return a copy of the needs, with how often each came up."""
        with self._lock:
            return self._needs.copy()

    def frame(self) -> pd.DataFrame:
        """Return the calls as a DataFrame, whose columns are the fields of `Call`."""
        with self._lock:
            calls = list(self._calls)
        return frame_of(calls)


#: The types of the columns that aren't text.
_TYPES = {
    "time": "datetime64[us, UTC]",
    "cell": "Int64",
    "seconds": "Float64",
    "attempts": "Int64",
    "complete": "bool",
}


def frame_of(calls: Iterable[Call]) -> pd.DataFrame:
    """Return calls as a DataFrame, with the same columns and types if there are none."""
    import pandas as pd

    calls = list(calls)
    return pd.DataFrame(
        {
            field.name: pd.Series(
                [getattr(call, field.name) for call in calls],
                dtype=_TYPES.get(field.name, "string"),
            )
            for field in fields(Call)
        }
    )
