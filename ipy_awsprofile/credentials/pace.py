"""The rate of many calls in many threads, which follows what a service allows.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from ipy_awsprofile.config.stays_in_process import StaysInProcess
from ipy_awsprofile.credentials.retries import is_throttled

#: Seconds between calls once AWS has throttled the first call.
_FIRST_INTERVAL = 0.025

#: What the interval is multiplied by after a throttled call, and after any other one.
_SLOWER, _FASTER = 1.3, 0.985

#: The longest interval, and the longest Retry-After that is waited for, in seconds.
_LONGEST = 5.0
_LONGEST_RETRY_AFTER = 30.0

#: Seconds in which several throttled calls count as one: they were sent at the same rate.
_ONE_BURST = 0.25

#: Seconds after which calls fail if all of them were throttled.
_PATIENCE = 60.0


class Pace:
    """Clients that `keep` a pace call as fast as their services allow.

    Until a call is throttled, nothing waits. From then on, all threads share one rate, which falls
    with each throttled call and rises with the others, and a throttled call is tried again for as
    long as other calls succeed. botocore's adaptive mode does the same, but gives each call a
    number of attempts, so that one of hundreds fails, and doesn't read Retry-After.
    """

    def __init__(self) -> None:
        self._rates: dict[str, _Rate] = {}

    @property
    def is_slowed(self) -> bool:
        """Whether a call has been throttled."""
        return any(rate.interval for rate in tuple(self._rates.values()))

    def keep(self, client: Any) -> Any:
        """Return the client, whose calls now keep the pace of its service."""
        service = client.meta.service_model.service_id.hyphenize()
        rate = self._rates.setdefault(service, _Rate())
        client.meta.events.register(f"before-send.{service}", rate.wait)
        client.meta.events.register_first(f"needs-retry.{service}", rate.delay)
        return client


class _Rate(StaysInProcess):
    """The rate of the calls to one service; ``interval`` is in seconds, and 0 without a limit."""

    def __init__(self) -> None:
        self.interval = 0.0
        self._lock = threading.Lock()
        self._next = 0.0
        self._slowed_at = 0.0
        self._throttled_since: float | None = None

    def wait(self, **_: Any) -> None:
        """Wait for the time of the next call."""
        with self._lock:
            now = time.monotonic()
            slot = max(self._next, now)
            self._next = slot + self.interval
        time.sleep(slot - now)

    def delay(self, response: Any, **_: Any) -> float | None:
        """Return 0 to repeat a throttled call, which then waits; None leaves it to botocore."""
        if response is None:
            return None
        http, parsed = response
        with self._lock:
            if is_throttled(http, parsed):
                return self._slow_down(_retry_after(http))
            self._throttled_since = None
            self.interval *= _FASTER
            return None

    def _slow_down(self, retry_after: float) -> float | None:
        now = time.monotonic()
        if now - self._slowed_at > _ONE_BURST:
            slower = self.interval * _SLOWER if self.interval else _FIRST_INTERVAL
            self.interval, self._slowed_at = min(slower, _LONGEST), now
        self._next = max(self._next, now + retry_after)
        self._throttled_since = self._throttled_since or now
        return 0.0 if now - self._throttled_since < _PATIENCE else None


def _retry_after(http: Any) -> float:
    """Return the seconds that the header Retry-After asks for; 0 without it, or for a date."""
    with suppress(ValueError):
        return min(max(float(http.headers.get("Retry-After") or 0), 0.0), _LONGEST_RETRY_AFTER)
    return 0.0
