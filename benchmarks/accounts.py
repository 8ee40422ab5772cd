"""Compare listing the buckets of many accounts at once with a loop over boto3 sessions."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.stage import Stage
from benchmarks.timing import Measured, repeated

#: The number of accounts, and the latency of AWS in milliseconds.
_RUNS = ((100, 0), (100, 50), (200, 50))

#: With more profiles in the file, boto3 takes minutes for each run.
_MOST_PROFILES = 10

_SETUP = """
import shutil
from pathlib import Path
import boto3
from ipy_awsprofile import across_profiles, list_profiles

names = [profile.name for profile in list_profiles() if profile.role == "Reader"][:{accounts}]
assert len(names) == {accounts}

def buckets(session):
    return session.client("s3").list_buckets()["Buckets"]

def in_a_loop():
    return [buckets(boto3.Session(profile_name=name)) for name in names]

def all_at_once():
    shutil.rmtree(Path("~/.aws/cli").expanduser(), ignore_errors=True)  # boto3 doesn't cache
    frame = across_profiles(names, buckets, progress=False)
    assert frame["profile"].nunique() == len(names), frame.attrs["errors"]
"""


def measure(stage: Stage) -> Iterator[Measured]:
    """Time both ways without cached roles, and only with a small config file."""
    if stage.profiles > _MOST_PROFILES:
        return
    with stage.organisation(max(accounts for accounts, _ in _RUNS)):
        for accounts, milliseconds in _RUNS:
            with stage.latency(milliseconds):
                ours, theirs = repeated(
                    stage,
                    "all_at_once()",
                    "in_a_loop()",
                    setup=_SETUP.format(accounts=accounts),
                    times=1,
                )
            latency = f", {milliseconds} ms latency" if milliseconds else ""
            what = f"`across_profiles`: buckets of {accounts} accounts{latency}"
            yield Measured(what, "boto3: a loop over sessions", ours, theirs)
