"""Retry limits and timeouts for calls to AWS.

A switch fails quickly if an endpoint doesn't respond, because the user is waiting. Calls for many
profiles are often throttled, and can take longer. In both cases, throttled calls are retried.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore.config import Config

from ipy_awsprofile.config.user_environment import user_environment

#: The error codes that AWS services return for throttled calls.
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

#: Seconds before each retry of a throttled call during a switch.
THROTTLING_DELAYS = (1.0, 2.0, 4.0)

#: Attempts for a call during a switch, unless it is throttled.
_ATTEMPTS = 2

#: Attempts for a call for many profiles. The delays double, up to 20 seconds.
_ATTEMPTS_FOR_MANY_PROFILES = 6

#: Settings and environment variables that configure the retries of the user's clients.
_RETRY_SETTINGS = {"retry_mode", "max_attempts", "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"}


def give_up_soon(timeout: float) -> Config:
    """Return a client config for two attempts of ``timeout`` seconds each."""
    return Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )


def retry_throttled(client: Any) -> Any:
    """Add attempts for throttled calls to a client, and return the client."""
    client.meta.events.register("needs-retry", _delay_if_throttled)
    return client


def for_many_profiles(settings: Mapping[str, Any]) -> Config | None:
    """Return a client config with more attempts, because calls for many profiles get throttled.

    Return None if the profile's ``settings`` or the environment configure retries.
    """
    if _RETRY_SETTINGS & {*settings, *user_environment()}:
        return None
    return Config(retries={"mode": "standard", "total_max_attempts": _ATTEMPTS_FOR_MANY_PROFILES})


def _delay_if_throttled(response: Any, attempts: int, **_: Any) -> float | None:
    """Return the seconds before botocore retries a call; None to let botocore decide."""
    if response is None:
        return None
    if is_throttled(*response):
        return dict(enumerate(THROTTLING_DELAYS, start=_ATTEMPTS)).get(attempts)
    return None


def is_throttled(http: Any, parsed: Any) -> bool:
    """Return whether AWS throttled a call. ``parsed`` is the content of the response."""
    code = (parsed.get("Error") or {}).get("Code", "")
    return http.status_code == HTTPStatus.TOO_MANY_REQUESTS or str(code) in THROTTLED
