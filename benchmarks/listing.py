"""Time listing the names of all profiles."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cli import aws_cli
from benchmarks.stage import Stage
from benchmarks.timing import Measured, by_turns, command, fresh, repeated, timed

_OURS = "list_profiles()"
_BOTO3 = "boto3.Session().available_profiles"
_CLI = ("configure", "list-profiles")  # needs version 2
_SETUP = "import boto3\nfrom ipy_awsprofile import list_profiles"


def measure(stage: Stage) -> Iterator[Measured]:
    """Time the first call in a process, and later calls."""
    first = timed(_OURS, setup=_SETUP)
    ours, theirs = by_turns(
        lambda: fresh(stage, first),
        lambda: fresh(stage, timed(_BOTO3, setup=_SETUP)),
        times=5,
    )
    yield Measured("`list_profiles()`, first call", f"`{_BOTO3}`", ours, theirs)
    path, version = aws_cli()
    if version.startswith("2."):
        ours, theirs = by_turns(
            lambda: fresh(stage, first), lambda: command(stage, path, *_CLI), times=3
        )
        yield Measured("`list_profiles()`, first call", f"`aws {' '.join(_CLI)}`", ours, theirs)
    ours, theirs = repeated(stage, _OURS, _BOTO3, setup=_SETUP, times=7)
    yield Measured("`list_profiles()`, later calls", f"`{_BOTO3}`", ours, theirs)
