"""A clock for the embedded AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        """Return the current time."""
        return self.now

    def advance(self, **how_long: float) -> None:
        """Advance the time by the `minutes`, `seconds` and other arguments of a timedelta."""
        self.now += timedelta(**how_long)
