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


def _delay_if_throttled(response: Any, attempts: int, **_: Any) -> float | None:
    """Return after how many seconds botocore retries a call; None lets botocore decide."""
    if response is None:
        return None
    if is_throttled(*response):
        return dict(enumerate(THROTTLING_DELAYS, start=_ATTEMPTS)).get(attempts)
    return None


def is_throttled(http: Any, parsed: Any) -> bool:
    """Return whether a response says that there are too many calls; ``parsed`` is its content."""
    code = (parsed.get("Error") or {}).get("Code", "")
    return http.status_code == HTTPStatus.TOO_MANY_REQUESTS or str(code) in THROTTLED
