"""How often, and for how long, a call to AWS is tried.

A switch fails soon if an endpoint doesn't answer, because a person waits for it. Calls for many
profiles are often throttled, and have more time. In both cases a throttled call is tried again.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore.config import Config

from ipy_awsprofile.config.user_environment import user_environment

#: The error codes of AWS's services for throttled calls.
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

#: Seconds before each additional attempt of a throttled call of a switch.
THROTTLING_DELAYS = (1.0, 2.0, 4.0)

#: Attempts of a call of a switch that isn't throttled.
_ATTEMPTS = 2

#: Attempts of a throttled call for many profiles; the delays double, up to 20 seconds.
_ATTEMPTS_FOR_MANY_PROFILES = 6

#: Settings and variables with which users configure the retries of their clients.
_RETRY_SETTINGS = {"retry_mode", "max_attempts", "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"}


def give_up_soon(timeout: float) -> Config:
    """Return the config of a client that makes two attempts of ``timeout`` seconds each."""
    return Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )


def retry_throttled(client: Any) -> Any:
    """Return the client, which now makes more attempts if its calls are throttled."""
    client.meta.events.register("needs-retry", _delay_if_throttled)
    return client


def for_many_profiles(settings: Mapping[str, Any]) -> Config | None:
    """Return the config of a client that makes more attempts if its calls are throttled.

    None if the user has configured retries, in the profile's ``settings`` or the environment.
    """
    if _RETRY_SETTINGS & {*settings, *user_environment()}:
        return None
    return Config(retries={"mode": "standard", "total_max_attempts": _ATTEMPTS_FOR_MANY_PROFILES})


def shared_by_threads(timeout: float, connections: int) -> Config:
    """Return the config of one client that makes the calls of many threads.

    It makes all of the calls, so it can adapt to the rate that AWS allows. ``timeout`` is in
    seconds.
    """
    return Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        max_pool_connections=connections,
        retries={"mode": "adaptive", "total_max_attempts": _ATTEMPTS_FOR_MANY_PROFILES},
    )


def in_parallel(timeout: float, connections: int) -> Config:
    """Return the config of a client that makes a few hundred calls in many threads.

    A throttled call waits longer each time, but the others go on: a client that adapts to the rate
    would make all of them wait.
    """
    return Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS_FOR_MANY_PROFILES},
    )


def _delay_if_throttled(response: Any, attempts: int, **_: Any) -> float | None:
    """Return after how many seconds botocore retries a call; None lets botocore decide."""
    if response is None:
        return None
    http, parsed = response
    if http.status_code == HTTPStatus.TOO_MANY_REQUESTS or _error_code(parsed) in THROTTLED:
        return dict(enumerate(THROTTLING_DELAYS, start=_ATTEMPTS)).get(attempts)
    return None


def _error_code(response: Any) -> str:
    return str((response.get("Error") or {}).get("Code", ""))
