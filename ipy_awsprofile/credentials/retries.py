"""How often, and for how long, a call to AWS is tried.

There are two needs. A call that somebody waits for (a switch) gives up soon where nothing
answers. Calls for many profiles at once are likely to be throttled, and have time to wait. In both,
a service that throttles is there, so it is asked again.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore.config import Config

from ipy_awsprofile.config.environment import user_environment

#: How AWS's services say that they are called too often.
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

#: Seconds before each further attempt of a throttled call that somebody waits for.
THROTTLING_DELAYS = (1.0, 2.0, 4.0)

_ATTEMPTS = 2

#: Attempts of a throttled call for many profiles; the delays double, up to 20 seconds.
_ATTEMPTS_FOR_MANY = 6

#: Settings and variables with which users choose how their clients retry.
_RETRY_SETTINGS = {"retry_mode", "max_attempts", "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"}


def give_up_soon(timeout: float) -> Config:
    """Return the config of a client that makes two attempts of ``timeout`` seconds each."""
    return Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )


def retry_throttled(client: Any) -> Any:
    """Let a client that gives up soon make more attempts where AWS throttles it; return it."""
    client.meta.events.register("needs-retry", _delay_if_throttled)
    return client


def for_many_profiles(settings: Mapping[str, Any]) -> Config | None:
    """Return the config of a client that waits until it isn't throttled any more.

    It is None if the user has chosen how clients retry, in the profile's ``settings`` or the
    environment.
    """
    if _RETRY_SETTINGS & {*settings, *user_environment()}:
        return None
    return Config(retries={"mode": "standard", "total_max_attempts": _ATTEMPTS_FOR_MANY})


def shared_by_threads(timeout: float, connections: int) -> Config:
    """Return the config of one client that makes the calls of many threads.

    Since it sees all of the calls, it can find out how many AWS lets through. ``timeout`` is in
    seconds.
    """
    return Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        max_pool_connections=connections,
        retries={"mode": "adaptive", "total_max_attempts": _ATTEMPTS_FOR_MANY},
    )


def _delay_if_throttled(response: Any, attempts: int, **_: Any) -> float | None:
    """Tell botocore how many seconds to wait before it retries; None leaves that to botocore."""
    if response is None:
        return None
    http, parsed = response
    if http.status_code == HTTPStatus.TOO_MANY_REQUESTS or _error_code(parsed) in THROTTLED:
        return dict(enumerate(THROTTLING_DELAYS, start=_ATTEMPTS)).get(attempts)
    return None


def _error_code(answer: Any) -> str:
    return str((answer.get("Error") or {}).get("Code", ""))
