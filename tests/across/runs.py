"""Functions for runs over many profiles, and what AWS saw of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ipy_awsprofile import across_profiles
from ipy_awsprofile.errors import NoProfileAnswered
from tests.aws import EmbeddedAws

ASSUME = "sts:AssumeRole"


def bucket_count(session: Any) -> int:
    """Return the number of a session's buckets."""
    return len(session.client("s3").list_buckets()["Buckets"])


def account_of(session: Any) -> str:
    """Return the account that STS reports for a session."""
    return str(session.client("sts").get_caller_identity()["Account"])


def actions(aws: EmbeddedAws) -> Counter[str]:
    """Return the number of calls that AWS saw, by action."""
    return Counter(call.action for call in aws.calls)


def errors_of(profiles: Any, function: Any, **options: Any) -> list[dict[str, str]]:
    """Call a function that must fail for all profiles, and return the rows of their errors."""
    with pytest.raises(NoProfileAnswered) as raised:
        across_profiles(profiles, function, progress=False, **options)
    errors: list[dict[str, str]] = raised.value.errors
    return errors


class Flaky:
    """A function that fails for some profiles or Regions, and records its calls."""

    def __init__(self, *failing: Any) -> None:
        self.failing = set(failing)
        self.called: list[Any] = []

    def __call__(self, session: Any) -> str:
        """Return the session's Region, or fail."""
        name, region = session.profile_name, session.region_name
        self.called.append((name, region))
        if {name, (name, region)} & self.failing:
            raise ValueError("not yet")
        return str(region)

    def heal(self) -> None:
        """Fail no more, and forget the calls so far."""
        self.failing, self.called = set(), []
