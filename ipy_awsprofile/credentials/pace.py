"""Adapt the rate of calls in many threads to the limit of a service.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.credentials.retries import is_throttled

#: Seconds between calls after AWS throttles the first call.
_FIRST_INTERVAL = 0.025

#: Factors for the interval after a throttled call, and after any other call.
_SLOWER, _FASTER = 1.3, 0.985

#: The maximum interval, and the maximum wait for a Retry-After header, in seconds.
_LONGEST = 5.0
_LONGEST_RETRY_AFTER = 30.0

#: Seconds during which several throttled calls, sent at the same rate, count as one.
_ONE_BURST = 0.25

#: Seconds until calls fail if AWS throttles all of them.
_PATIENCE = 60.0


class Pace:
    """Lets clients make calls as fast as their services allow.

    Calls don't wait until AWS throttles one. From then on, all threads share one rate, which
    decreases with each throttled call and increases with every other call. A throttled call is
    retried as long as other calls succeed. botocore's adaptive mode is similar, but it limits the
    attempts for each call, so that one of hundreds fails, and it ignores Retry-After.
    """

    def __init__(self) -> None:
        self._rates: dict[str, _Rate] = {}

    @property
    def is_slowed(self) -> bool:
        """Whether a call has been throttled."""
        return any(rate.interval for rate in tuple(self._rates.values()))

    def keep(self, client: Any) -> Any:
        """Limit the client's calls to the rate of its service, and return the client."""
        service = client.meta.service_model.service_id.hyphenize()
        rate = self._rates.setdefault(service, _Rate())
        client.meta.events.register(f"before-send.{service}", rate.wait)
        client.meta.events.register_first(f"needs-retry.{service}", rate.delay)
        return client


class _Rate(StaysInProcess):
    """The rate of calls to a service. ``interval`` is in seconds; 0 means no limit."""

    def __init__(self) -> None:
        self.interval = 0.0
        self._lock = threading.Lock()
        self._next = 0.0
        self._slowed_at = 0.0
        self._throttled_since: float | None = None

    def wait(self, **_: Any) -> None:
        """Wait until the next call can be sent."""
        with self._lock:
            now = time.monotonic()
            slot = max(self._next, now)
            self._next = slot + self.interval
        time.sleep(slot - now)

    def delay(self, response: Any, **_: Any) -> float | None:
        """Return 0 to retry a throttled call, which then waits; None to let botocore decide."""
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
    """Return the seconds in the Retry-After header; 0 if it is missing or a date."""
    with suppress(ValueError):
        return min(max(float(http.headers.get("Retry-After") or 0), 0.0), _LONGEST_RETRY_AFTER)
    return 0.0
