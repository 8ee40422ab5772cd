"""The buckets of many accounts: one after the other with boto3, or all at once."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.stage import Stage
from benchmarks.timing import Measured, repeated

#: How many accounts, and how many milliseconds later AWS answers.
_RUNS = ((100, 0), (100, 50), (200, 50))

#: With more profiles in the file, boto3 takes minutes for a turn.
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

def one_after_the_other():
    return [buckets(boto3.Session(profile_name=name)) for name in names]

def all_at_once():
    shutil.rmtree(Path("~/.aws/cli").expanduser(), ignore_errors=True)  # boto3 keeps no role either
    frame = across_profiles(names, buckets, progress=False)
    assert frame["profile"].nunique() == len(names), frame.attrs["errors"]
"""


def measure(stage: Stage) -> Iterator[Measured]:
    """Time both ways, each role assumed anew; only with a small config file."""
    if stage.profiles > _MOST_PROFILES:
        return
    with stage.organisation(max(accounts for accounts, _ in _RUNS)):
        for accounts, milliseconds in _RUNS:
            with stage.latency(milliseconds):
                ours, theirs = repeated(
                    stage,
                    "all_at_once()",
                    "one_after_the_other()",
                    setup=_SETUP.format(accounts=accounts),
                    times=1,
                )
            later = f", answers {milliseconds} ms later" if milliseconds else ""
            what = f"`across_profiles`: {accounts} accounts' buckets{later}"
            yield Measured(what, "boto3: a loop over sessions", ours, theirs)
