"""Time switches to a role, with a client and a call."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cli import aws_cli
from benchmarks.stage import Stage
from benchmarks.timing import Measured, by_turns, command, fresh, repeated, timed

SWITCH = 'switcher.switch(SwitchRequest(profile="RoleBeta"))'
SETUP = (
    "from ipy_awsprofile.config.request import SwitchRequest\n"
    "from ipy_awsprofile.switch.switcher import Switcher\n"
    "switcher = Switcher(None)"
)
CLIENT = 'switcher.session.client("s3")'
BOTO3 = 'boto3.Session(profile_name="RoleBeta")'
#: The AWS CLI command to compare with.
CLI = ("s3api", "list-buckets")
_WITH_PROFILE = (*CLI, "--profile", "RoleBeta")


def measure(stage: Stage) -> Iterator[Measured]:
    """Time the first switch of a kernel, later switches, and a call after each."""
    yield from _first(stage)
    ours, theirs = repeated(
        stage,
        f"({SWITCH}, {CLIENT})",
        f'{BOTO3}.client("s3")',
        setup=f"import boto3\n{SETUP}",
        times=9,
    )
    what = "switch, cached role, and S3 client"
    yield Measured(what, "`boto3.Session(profile_name=…)` and S3 client", ours, theirs)
    yield from _signatures(stage)
    for milliseconds in (0, 50):
        with stage.latency(milliseconds):
            yield from _calls(stage, f", {milliseconds} ms latency" if milliseconds else "")


def _first(stage: Stage) -> Iterator[Measured]:
    """Time the first switch of a process, with its imports and the AssumeRole call."""
    ours, theirs = by_turns(
        lambda: fresh(stage, timed(f"{SWITCH}\n{CLIENT}", setup=SETUP), before=stage.forget_roles),
        lambda: fresh(
            stage,
            timed(
                f"import boto3\nsession = {BOTO3}\n"
                'session.client("s3")\nsession.get_credentials().get_frozen_credentials()'
            ),
        ),
        times=9,
    )
    yield Measured(
        "first switch, role not cached, and S3 client",
        "`import boto3`, session, S3 client, credentials",
        ours,
        theirs,
    )


def _signatures(stage: Stage) -> Iterator[Measured]:
    """Time 1,000 signatures of the active identity, which all pass the gate."""
    sign = (
        "for _ in range(1_000):\n"
        "    s3.generate_presigned_url('get_object', Params={'Bucket': 'b', 'Key': 'k'})"
    )
    ours, theirs = by_turns(
        lambda: fresh(stage, timed(sign, setup=f"{SETUP}\n{SWITCH}\ns3 = {CLIENT}")),
        lambda: fresh(stage, timed(sign, setup=f'import boto3\ns3 = {BOTO3}.client("s3")')),
        times=5,
    )
    yield Measured("1,000 presigned URLs", "boto3 without the extension", ours, theirs)


def _calls(stage: Stage, latency: str) -> Iterator[Measured]:
    """Time a switch followed by a listing of buckets."""
    ours, theirs = repeated(
        stage,
        f"({SWITCH}, {CLIENT}.list_buckets())",
        f'{BOTO3}.client("s3").list_buckets()',
        setup=f"import boto3\n{SETUP}",
        times=5,
    )
    what = f"switch, cached role, and buckets{latency}"
    yield Measured(what, "boto3: session, client, buckets", ours, theirs)
    _, by_cli = by_turns(lambda: 0.0, lambda: command(stage, aws_cli()[0], *_WITH_PROFILE), times=3)
    yield Measured(what, f"`aws {' '.join(_WITH_PROFILE)}`", ours, by_cli)
