"""Compare cells that use the extension with cells that use boto3 or the AWS CLI."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.stage import ACCOUNTS, Stage


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement and the alternative to compare it with, as medians in seconds."""

    what: str
    against: str
    ours: float
    theirs: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """Cells for a new kernel, ours and the alternative's. The last cell is measured.

    If ``forgets``, the AWS CLI's cache is emptied before. ``latency`` is the delay of each AWS
    response, in milliseconds.
    """

    what: str
    against: str
    ours: Sequence[str]
    theirs: Sequence[str]
    forgets: bool = False
    latency: int = 0
    times: int = 7


_LOAD, _SWITCH = "%load_ext ipy_awsprofile", "%aws_profile RoleBeta"
_BUCKETS = 'session.client("s3").list_buckets()'
_SWITCH_AND_BUCKETS = f"{_SWITCH}\n{_BUCKETS}"
_BOTO3 = f'session = boto3.Session(profile_name="RoleBeta")\n{_BUCKETS}'
_AWS = f"!{Path(sys.executable).with_name('aws')} s3api list-buckets"
_SUCCEEDED = "assert _exit_code == 0"
_ACCOUNTS = f"""
import boto3
from ipy_awsprofile import across_profiles, list_profiles
names = [profile.name for profile in list_profiles() if profile.role == "Reader"]
assert len(names) == {ACCOUNTS}
def buckets(session):
    return session.client("s3").list_buckets()["Buckets"]
"""

#: A notebook that has been in use before the extension is loaded.
_IN_USE = """
import gc
import boto3
import pandas
objects = [[] for _ in range(300_000)]
client = boto3.Session(profile_name="RoleBeta").client("s3")
client.list_buckets()
"""
_SIGNATURES = """
for _ in range(1_000):
    client.generate_presigned_url("head_bucket", Params={"Bucket": "my-first-bucket"})
"""

SCENARIOS = (
    Scenario(f"`{_LOAD}`", "`import boto3`", ("0", _LOAD), ("0", "import boto3")),
    Scenario(
        f"`{_LOAD}` in a kernel with boto3, pandas and 300,000 objects",
        "`gc.collect()`, which also looks through all objects",
        (_IN_USE, _LOAD),
        (_IN_USE, "gc.collect()"),
    ),
    Scenario(
        "first switch, `list_buckets()`",
        "`import boto3`, session, `list_buckets()`",
        (_LOAD, _SWITCH_AND_BUCKETS),
        ("0", f"import boto3\n{_BOTO3}"),
        forgets=True,
    ),
    Scenario(
        "switch back, `list_buckets()`",
        "new session, `list_buckets()`",
        (_LOAD, f"{_SWITCH_AND_BUCKETS}\n%aws_profile UserAlpha", _SWITCH_AND_BUCKETS),
        (f"import boto3\n{_BOTO3}", _BOTO3),
    ),
    Scenario(
        "1,000 signatures",
        "boto3 alone",
        (_LOAD, f"{_SWITCH}\nclient = session.client('s3')", _SIGNATURES),
        (_IN_USE, _SIGNATURES),
    ),
    Scenario(
        "`!aws s3api list-buckets`",
        "with `--profile`",
        (_LOAD, _SWITCH, f"{_AWS}\n{_SUCCEEDED}"),
        ("0", f"{_AWS} --profile RoleBeta\n{_SUCCEEDED}"),
    ),
    Scenario(
        f"list the buckets of {ACCOUNTS} accounts, with a latency of 50 ms",
        "loop over sessions",
        (
            _ACCOUNTS,
            "assert not across_profiles(names, buckets, progress=False).attrs['errors']",
        ),
        (_ACCOUNTS, "[buckets(boto3.Session(profile_name=name)) for name in names]"),
        forgets=True,
        latency=50,
        times=1,
    ),
)


def measure(stage: Stage) -> Iterator[Measured]:
    """Time each scenario with the stage's number of profiles."""
    for scenario in SCENARIOS:
        with stage.latency(scenario.latency):
            ours, theirs = by_turns(
                partial(_seconds, stage, scenario, scenario.ours),
                partial(_seconds, stage, scenario, scenario.theirs),
                times=scenario.times,
            )
        yield Measured(scenario.what, scenario.against, ours, theirs)


def _seconds(stage: Stage, scenario: Scenario, cells: Sequence[str]) -> float:
    if scenario.forgets:
        stage.forget_roles()
    return stage.time_last_cell(cells)


def by_turns(
    ours: Callable[[], float], theirs: Callable[[], float], *, times: int
) -> tuple[float, float]:
    """Measure both by turns, so that a busy machine affects both, and return their medians."""
    turns = [(ours(), theirs()) for _ in range(times)]
    mine, others = zip(*turns, strict=True)
    return statistics.median(mine), statistics.median(others)
