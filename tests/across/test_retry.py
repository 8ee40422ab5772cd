"""A retry runs only the calls that failed or were left out, and returns all results together."""

from __future__ import annotations

import re
from typing import Any

import boto3
import pandas as pd
import pytest

from ipy_awsprofile import across_profiles, list_buckets
from ipy_awsprofile.errors import NoProfileAnswered
from tests.across.runs import Flaky, actions
from tests.aws import EmbeddedAws
from tests.shells import Shell


def failed(frame: pd.DataFrame) -> list[str]:
    """Return the profiles that failed."""
    return [row["profile"] for row in frame.attrs["errors"]]


def test_retry(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A retry calls only the failed profiles, again and again until none fails."""
    flaky = Flaky(*names[:3])

    def function(session: Any) -> pd.DataFrame:
        flaky(session)
        return list_buckets(session)

    frame = across_profiles(names, function, progress=False)
    assert failed(frame) == list(names[:3])
    flaky.failing, flaky.called = {names[1]}, []
    second = frame.attrs["errors"].retry()
    assert sorted(name for name, _ in flaky.called) == sorted(names[:3])
    assert failed(second) == [names[1]]
    flaky.heal()
    aws.calls.clear()
    third = second.attrs["errors"].retry()
    assert actions(aws) == {"s3:ListAllMyBuckets": 1}
    pd.testing.assert_frame_equal(third, across_profiles(names, list_buckets, progress=False))
    assert third.attrs == {"errors": [], "interrupted": False}
    assert len(frame) < len(second) < len(third)
    aws.calls.clear()
    fourth = third.attrs["errors"].retry()  # nothing is left to retry
    assert aws.calls == []
    pd.testing.assert_frame_equal(fourth, third)
    fourth["name"] = "changed"
    assert (third["name"] != "changed").all()


def test_notebook_meanwhile(shell: Shell, names: tuple[str, ...]) -> None:
    """A retry doesn't depend on the notebook's identity at the time, and doesn't change it."""
    shell.good("ready = False\n%aws_profile RoleBeta")
    cell = f"assert ready or profile.name != '{names[1]}'\nprofile.account"
    shell.good(f"%%aws_profiles reader --into frame --no-progress\n{cell}")
    shell.good("%aws_profile UserAlpha\nready = True")
    for end, active in (("", "UserAlpha"), ("%unload_ext ipy_awsprofile", None)):
        shell.good(end)
        whole = shell.good("frame.attrs['errors'].retry()").result
        assert list(whole["profile"]) == list(names)
        assert list(whole["value"]) == list(whole["account"])
        assert (boto3.DEFAULT_SESSION and boto3.DEFAULT_SESSION.profile_name) == active


def test_limits(aws: EmbeddedAws, shell: Shell) -> None:
    """A retry has the run's limits: read-only sessions can't write, and protection stays."""
    flaky, limits = Flaky("RoleBeta"), {"read_only": True, "confirmed": True}
    shell.good("%config AwsProfileMagics.protected = ['RoleBeta']")

    def function(session: Any) -> str:
        flaky(session)
        session.client("s3").put_object(Bucket="my-first-bucket", Key="k")
        return "written"

    def run_twice(**options: Any) -> list[str]:
        with pytest.raises(NoProfileAnswered) as first:
            across_profiles("RoleBeta", function, progress=False, **options)
        flaky.heal()
        with pytest.raises(NoProfileAnswered) as second:
            first.value.errors.retry()
        return [raised.value.errors[0]["error"] for raised in (first, second)]

    assert run_twice(**limits) == ["ValueError", "AccessDenied"]
    assert run_twice() == ["ProtectedProfile", "ProtectedProfile"]


@pytest.mark.parametrize("variable", ["buckets", "_"])
def test_what_the_card_says(shell: Shell, names: tuple[str, ...], variable: str) -> None:
    """The card says how to retry, and the code on it works."""
    into = "" if variable == "_" else f"--into {variable}"
    cell = f"assert ready or profile.name != '{names[0]}'\n1"
    shell.good("ready = False")
    ran = shell.good(f"%%aws_profiles reader {into} --no-progress\n{cell}")
    (line,) = [text for text in ran.text.splitlines() if "To retry the rest" in text]
    (code,) = re.findall(r"`(.*)`", line)
    shell.good("ready = True")
    shell.good(code)
    assert list(shell.names[code.split(" = ")[0]]["profile"]) == list(names)
