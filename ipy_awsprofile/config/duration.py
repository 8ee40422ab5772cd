"""Parse the duration of a session: seconds, a timedelta, or a text such as ``15m``.

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

#: The durations that AWS allows for a role's session and for any other session, in seconds.
ROLE = range(900, 43200 + 1)
ANY_SESSION = range(900, 129600 + 1)

#: AWS's default duration of a role's session, in seconds.
_DEFAULT = 3600

#: How long before such a session expires botocore renews it and ignores its cache, in seconds.
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
    """Return how long before its expiry a role's session is renewed, in seconds.

    From then on, it isn't taken from a cache either. ``duration`` is the session's duration in
    seconds. If it is shorter than AWS's default, the result is shorter, too: botocore's 15 minutes
    would be all of a 15-minute session.
    """
    lasts = _DEFAULT if duration is None else min(duration, _DEFAULT)
    return _RENEWED * lasts // _DEFAULT


def parsed_seconds(text: str) -> int | None:
    """Return the seconds in ``3600``, ``90m``, ``1h`` or ``1h30m``, or None for any other text."""
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
