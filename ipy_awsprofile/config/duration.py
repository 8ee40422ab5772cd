"""How long a session lasts, as a request says it: seconds, a timedelta, or a text such as ``15m``.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import re
from datetime import timedelta
from math import isfinite
from numbers import Real

from ipy_awsprofile.config.request import Duration
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import number_of, shortened, visible

#: The seconds that AWS allows for a role, and for any other session.
ROLE = range(900, 43200 + 1)
ANY_SESSION = range(900, 129600 + 1)

#: The seconds that a role's session lasts if nothing else is said.
_DEFAULT = 3600

#: Seconds before the end of such a session when botocore renews it, and doesn't find it in a cache.
_RENEWED = 15 * 60


def whole_seconds(duration: Duration, allowed: range) -> int:
    """Return a duration in whole seconds. Raises InvalidOption if AWS doesn't allow it."""
    seconds = parsed_seconds(duration) if isinstance(duration, str) else _seconds(duration)
    if seconds is None:
        shown = repr(duration) if not isinstance(duration, str) else duration
        raise InvalidOption(
            f"`{shortened(visible(shown), 40)}` isn't a duration; use 3600, 90m, 1h or a timedelta."
        )
    if int(seconds) not in allowed:
        raise InvalidOption(
            f"AWS doesn't allow a duration of {_in_words(int(seconds))}: "
            f"use {allowed[0] // 60}m to {allowed[-1] // 3600}h."
        )
    return int(seconds)


def seconds_unused(duration: int | None) -> int:
    """Return how many seconds before its end a role's session is renewed, and no cache has it.

    ``duration`` is how long the session lasts, in seconds. A shorter session than AWS's default has
    a shorter time: botocore's would be all of a session of 15 minutes.
    """
    lasts = _DEFAULT if duration is None else min(duration, _DEFAULT)
    return _RENEWED * lasts // _DEFAULT


def parsed_seconds(text: str) -> int | None:
    """Return the seconds in ``3600``, ``90m``, ``1h`` or ``1h30m``; None for another text."""
    found = re.fullmatch(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", text, re.ASCII)
    if not text or not found:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _in_words(seconds: int) -> str:
    """Return a duration in hours, minutes and seconds, such as ``1 hour 30 minutes``."""
    if seconds <= 0:
        return number_of(seconds, "second")
    minutes, seconds = divmod(seconds, 60)
    parts = zip((*divmod(minutes, 60), seconds), ("hour", "minute", "second"), strict=True)
    return " ".join(number_of(number, unit) for number, unit in parts if number)


def _seconds(duration: object) -> float | None:
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, Real) and not isinstance(duration, bool):
        try:
            number = float(duration)
        except OverflowError:
            return None
        return number if isfinite(number) else None
    return None
