"""Collect the errors of a run in which every profile fails."""

from __future__ import annotations

from typing import Any

import pytest

from ipy_awsprofile import across_profiles
from ipy_awsprofile.errors import NoProfileAnswered


def errors_of(profiles: list[str], function: Any, **options: Any) -> list[dict[str, str]]:
    """Call a function that must fail for all profiles, and return the rows of their errors."""
    with pytest.raises(NoProfileAnswered) as raised:
        across_profiles(profiles, function, **options)
    errors: list[dict[str, str]] = raised.value.errors
    return errors
