"""Measure the memory of sessions with an S3 client each."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.stage import Stage
from benchmarks.timing import Measured, by_turns, fresh

#: The number of sessions. 50 sessions of plain boto3 with 20,000 profiles take gigabytes.
_MANY, _FEW = 50, 5

_PROGRAM = """
import gc
import boto3
from ipy_awsprofile import open_session

def resident():
    gc.collect()
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

boto3.Session().client("s3", "us-east-1")  # don't count the imports
before = resident()
sessions = [{} for _ in range({})]
clients = [session.client("s3") for session in sessions]
print(resident() - before)
"""


def measure(stage: Stage) -> Iterator[Measured]:
    """Measure how much memory a process gains, on Linux only."""
    count = _MANY if stage.profiles <= 1000 else _FEW  # noqa: PLR2004
    ours, theirs = by_turns(
        lambda: fresh(stage, _PROGRAM.format('open_session("RoleBeta")', count)),
        lambda: fresh(stage, _PROGRAM.format('boto3.Session(profile_name="RoleBeta")', count)),
        times=1,
    )
    yield Measured(
        f"memory of {_MANY} sessions with S3 clients ({_FEW} with 20,000 profiles)",
        "boto3 sessions",
        ours,
        theirs,
    )
