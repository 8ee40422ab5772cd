"""Time work after a switch, with `s3://` paths, the AWS CLI and a read-only session."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cli import aws_cli
from benchmarks.stage import Stage
from benchmarks.switching import BOTO3, CLI, CLIENT, SETUP, SWITCH
from benchmarks.timing import Measured, by_turns, command, fresh, timed

_SWITCHED = f"{SETUP}\n{SWITCH}\n"


def measure(stage: Stage) -> Iterator[Measured]:
    """Time each after a switch, and the alternative without the extension."""
    yield from _s3_path(stage)
    yield from _aws_cli(stage)
    yield from _read_only(stage)


def _s3_path(stage: Stage) -> Iterator[Measured]:
    """Time the first path that s3fs opens."""
    ls = '.ls("my-first-bucket")'
    ours, theirs = by_turns(
        lambda: fresh(
            stage, timed(f'fsspec.filesystem("s3"){ls}', setup=f"{_SWITCHED}import fsspec, s3fs")
        ),
        lambda: fresh(
            stage, timed(f's3fs.S3FileSystem(profile="RoleBeta"){ls}', setup="import s3fs")
        ),
        times=5,
    )
    yield Measured("first `s3://` path after a switch", "`S3FileSystem(profile=…)`", ours, theirs)


def _aws_cli(stage: Stage) -> Iterator[Measured]:
    """Time the AWS CLI, which starts a new process each time."""
    path = aws_cli()[0]
    run = f"subprocess.run({[path, *CLI]}, check=True, stdout=subprocess.DEVNULL)"
    ours, theirs = by_turns(
        lambda: fresh(stage, timed(run, setup=f"{_SWITCHED}import subprocess")),
        lambda: command(stage, path, *CLI, "--profile", "RoleBeta"),
        times=3,
    )
    what = f"`!aws {' '.join(CLI)}` after a switch"
    yield Measured(what, "with `--profile RoleBeta`, from a shell", ours, theirs)


def _read_only(stage: Stage) -> Iterator[Measured]:
    """Time the first switch to a read-only session, in a kernel that has switched before."""
    switch = 'switcher.switch(SwitchRequest(profile="RoleBeta", read_only=True))'
    by_hand = (
        'user = boto3.Session(profile_name="UserAlpha")\n'
        'role = user.client("sts").assume_role(\n'
        '    RoleArn="arn:aws:iam::123456789012:role/RoleBeta", RoleSessionName="me",\n'
        '    PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],\n'
        ')["Credentials"]\n'
        'keys = (role[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))\n'
        'boto3.Session(*keys).client("s3")'
    )
    warm = f'import boto3\n{BOTO3}.client("s3")'
    ours, theirs = by_turns(
        lambda: fresh(stage, timed(f"{switch}\n{CLIENT}", setup=f"{_SWITCHED}{CLIENT}")),
        lambda: fresh(stage, timed(by_hand, setup=warm)),
        times=5,
    )
    against = "boto3: `assume_role`, session, S3 client"
    yield Measured("first `--read-only`, and S3 client", against, ours, theirs)
