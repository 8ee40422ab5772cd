"""Compare recorded calls with calls that aren't recorded, without a server's time."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.stage import Stage
from benchmarks.timing import Measured, by_turns, fresh, timed

_SETUP = """
import io
import boto3
from botocore.awsrequest import AWSResponse
from ipy_awsprofile.calls.recorder import CallRecorder

class Body(io.BytesIO):
    def stream(self):
        yield b""

def answer(request, **_):
    return AWSResponse(request.url, 200, {}, Body())

keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
client = boto3.client("s3", "us-east-1", **keys)
client.meta.events.register("before-send.s3", answer)
recorder = CallRecorder(lambda: 1)
"""

_CALL = 'client.head_object(Bucket="b", Key="x/y")'
_CALLS = f"for _ in range(1000):\n    {_CALL}"


def measure(stage: Stage) -> Iterator[Measured]:
    """Time 1,000 calls, with recording on and off."""
    ours, theirs = by_turns(
        lambda: fresh(stage, timed(_CALLS, setup=f"{_SETUP}\nrecorder.start()\n{_CALL}")),
        lambda: fresh(stage, timed(_CALLS, setup=f"{_SETUP}\n{_CALL}")),
        times=3,
    )
    yield Measured("1,000 calls that are recorded", "the same, not recorded", ours, theirs)
