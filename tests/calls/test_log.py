"""The log keeps the newest calls, and the permissions that all calls needed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ipy_awsprofile.calls.log import Call, CallLog, Need, frame_of

COLUMNS: dict[str, Any] = {
    "cell": 1,
    "profile": "p",
    "account": None,
    "role": None,
    "region": "us-east-1",
    "service": "s3",
    "operation": "GetObject",
    "action": "s3:GetObject",
    "access": "read",
    "resource": "*",
    "outcome": "ok",
    "error": "",
    "seconds": 0.1,
    "attempts": None,
    "request_id": "",
    "client": "boto3",
    "complete": True,
}


def call(second: int) -> Call:
    """Return a call at this second."""
    return Call(time=datetime(2030, 1, 1, 0, 0, second, tzinfo=UTC), **COLUMNS)


def need(resource: str) -> Need:
    """Return a need for a resource."""
    return Need("p", None, None, "s3:GetObject", resource, "ok", "same name", complete=True)


def test_the_oldest_are_dropped_and_their_needs_stay() -> None:
    """Dropping an old call doesn't drop the permissions that it needed."""
    log = CallLog(most=3)
    for second in range(5):
        log.add(call(second), [need(f"arn:{second}"), need("*")])
    assert list(log.frame()["time"].dt.second) == [2, 3, 4]
    assert log.dropped == 2
    assert log.needs()[need("arn:0")] == 1
    assert log.needs()[need("*")] == 5
    log.clear()
    assert (len(log), log.dropped, len(log.needs())) == (0, 0, 0)


def test_types() -> None:
    """The columns have the same types with rows and without."""
    assert list(frame_of([]).dtypes) == list(frame_of([call(1)]).dtypes)
    assert list(frame_of([]).columns) == list(Call.__slots__)
    assert str(frame_of([])["time"].dtype) == "datetime64[us, UTC]"


def test_needs_are_limited() -> None:
    """The log stops adding needs at its limit, and counts the needs that it leaves out."""
    log = CallLog()
    for number in range(10_050):
        log.add(call(0), [need(f"arn:{number}")])
    assert len(log.needs()) == 10_000
    assert log.needs_left_out == 50
