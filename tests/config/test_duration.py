"""A duration is seconds, a timedelta or text; durations that AWS doesn't allow are refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from ipy_awsprofile import open_session, using_profile
from ipy_awsprofile.config.duration import ANY_SESSION, ROLE, whole_seconds
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.errors import InvalidOption


@pytest.mark.parametrize(
    "duration",
    [900, 900.0, 900.9, timedelta(minutes=15), "15m", "900", "0h15m", np.int64(900)],
)
def test_durations(aws: EmbeddedAws, duration: Any) -> None:
    """Every way to write 15 minutes leads to the same role setting."""
    request = SessionRequest(profile="RoleBeta", duration=duration)
    assert target_of(request).options == {"duration_seconds": "900"}


REFUSED = [
    *(True, 899, 43201, -1, 0, "899s", "13h", timedelta(days=1), timedelta(0), 10**400),
    *(float("nan"), float("inf"), "", "soon", "1.5h", "15 m", b"900", Decimal(900), "٩٠٠"),
]


@pytest.mark.parametrize("duration", REFUSED, ids=lambda each: repr(each)[:20])
def test_refused_durations(aws: EmbeddedAws, duration: Any) -> None:
    """Any other duration is refused with a one-sentence error, before AWS is called."""
    with pytest.raises(InvalidOption, match=r"^[^.]*(1\.5)?[^.]*duration[^.]*\.$") as caught:
        open_session("RoleBeta", duration=duration)
    assert not caught.value.hint
    with (
        pytest.raises(InvalidOption, match="duration"),
        using_profile("RoleBeta", duration=duration),
    ):
        pytest.fail("entered")
    assert aws.calls == []


def test_limits() -> None:
    """An MFA session for long-term keys can last longer than a role session."""
    assert whole_seconds("36h", ANY_SESSION) == 129600
    assert whole_seconds("12h", ROLE) == 43200
    with pytest.raises(InvalidOption, match="of 37 hours: use 15m to 36h"):
        whole_seconds("37h", ANY_SESSION)
