"""`scoped` gives a block a session with fewer permissions than its identity."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import time_machine
from botocore.exceptions import ClientError

from ipy_awsprofile import open_session, scoped, who_am_i
from ipy_awsprofile.calls.write_lock import locked_owners
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import allow
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    InvalidOption,
    ReadOnlyIdentity,
)

ACCOUNT = "111111111111"
LISTS = allow("s3:ListAllMyBuckets", "sts:GetScopedCredentials")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS whose profile Ann has all S3 permissions, and GetScopedCredentials."""
    with EmbeddedAws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        powers = allow("s3:*", "sts:GetScopedCredentials")
        ann = aws.create_user("Ann", account=ACCOUNT, policy=powers)
        aws.create_bucket("data", account=ACCOUNT, region="us-west-2")
        keys: dict[str, Any] = {
            "aws_access_key_id": ann.access_key_id,
            "aws_secret_access_key": ann.secret_access_key,
        }
        aws.write_profile("Ann", region="us-west-2", **keys)
        yield aws


def names(session: Any) -> list[str]:
    """Return the names of the buckets that a session can list."""
    return [one["Name"] for one in session.client("s3").list_buckets()["Buckets"]]


def put(session: Any) -> None:
    """Write an object."""
    session.client("s3").put_object(Bucket="data", Key="k")


def as_name() -> Any:
    return "Ann"


def as_session() -> Any:
    return open_session("Ann")


def as_other_session() -> Any:
    return boto3.Session(profile_name="Ann")


@pytest.mark.parametrize("base", [as_name, as_session, as_other_session])
def test_less_power(aws: EmbeddedAws, base: Callable[[], Any]) -> None:
    """A scoped session can only do what its policy allows, and doesn't limit its base session."""
    given = base()
    with scoped(given, policy=LISTS) as session:
        assert names(session) == ["data"]
        assert who_am_i(session).arn == f"arn:aws:iam::{ACCOUNT}:user/Ann"
        with pytest.raises(ClientError, match="AccessDenied"):
            put(session)
    if not isinstance(given, str):
        put(given)


@pytest.mark.parametrize("kind", ["dict", "file", "path"])
def test_policies(aws: EmbeddedAws, tmp_path: Path, kind: str) -> None:
    """A policy can be a dict, a file's name or a `Path`."""
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(LISTS))
    policies: dict[str, Any] = {"dict": LISTS, "file": str(file), "path": file}
    with scoped("Ann", policy=policies[kind]) as session:
        assert names(session) == ["data"]


def test_scopes_in_scopes(aws: EmbeddedAws) -> None:
    """A scope in a scope can remove permissions, but can't add any."""
    wide = allow("s3:*", "sts:GetScopedCredentials")
    with scoped("Ann", policy=wide) as outer:
        put(outer)
        with scoped(outer, policy=LISTS) as middle, scoped(middle, policy=wide) as inner:
            assert names(inner) == ["data"]
            with pytest.raises(ClientError, match="AccessDenied"):
                put(inner)
            with pytest.raises(
                AccessDenied, match="allowed to call GetScopedCredentials"
            ) as fourth:
                scoped(inner, policy=wide).__enter__()
            assert "already has 3" in str(fourth.value)


def test_after_the_block(aws: EmbeddedAws) -> None:
    """After the block, its session can't sign calls any more, and a new block has a new session."""
    with suppress(ZeroDivisionError), scoped("Ann", policy=LISTS) as session:
        s3 = session.client("s3")
        s3.list_buckets()
        1 / 0  # noqa: B018
    calls = len(aws.calls)
    with pytest.raises(AwsProfileError, match="block of this session has ended"):
        s3.list_buckets()
    assert len(aws.calls) == calls
    with scoped("Ann", policy=LISTS) as session:
        assert names(session) == ["data"]


def test_time(monkeypatch: pytest.MonkeyPatch, aws: EmbeddedAws) -> None:
    """A scope with a time limit ends after it; without a limit, it renews like its base session."""
    start = datetime.now(UTC)
    with (
        time_machine.travel(start, tick=False) as clock,
        scoped("Ann", seconds=60) as short,
        scoped("Ann", policy=LISTS) as endless,
    ):
        put(short)
        assert who_am_i(short).expiry == start.replace(microsecond=0) + timedelta(minutes=1)
        clock.shift(timedelta(seconds=50))
        assert names(short) == ["data"]
        clock.shift(timedelta(seconds=11))
        with pytest.raises(AwsProfileError, match="limited to 60 seconds, and has ended"):
            names(short)
        clock.shift(timedelta(hours=13))
        assert names(endless) == ["data"]


def test_read_only(aws: EmbeddedAws) -> None:
    """The gate refuses a write in a read-only scope before the call is sent."""
    with locked_owners(), scoped("Ann", read_only=True) as session:
        assert names(session) == ["data"]
        with pytest.raises(ReadOnlyIdentity, match="PutObject would write"):
            put(session)
    assert "s3:PutObject" not in [call.action for call in aws.calls]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "Nothing limits the session"),
        ({"seconds": 0}, "`seconds` is 0; it must be 1 to 129600"),
        ({"seconds": 129601}, "must be 1 to 129600"),
        ({"read_only": True, "policy": LISTS}, "can't be combined"),
        ({"policy": {}}, "`policy` isn't a policy."),
        ({"policy": "nowhere.json"}, "can't be read: .*No such file"),
    ],
)
def test_wrong_options(aws: EmbeddedAws, options: dict[str, Any], says: str) -> None:
    """Invalid options are refused before AWS is called."""
    calls = len(aws.calls)
    with pytest.raises(InvalidOption, match=says):
        scoped("Ann", **options)
    assert len(aws.calls) == calls


def test_no_secret(aws: EmbeddedAws) -> None:
    """Neither the session nor the scope shows a secret, and neither can be pickled."""
    scope = scoped("Ann", policy=LISTS)
    with scope as session:
        shown = f"{session!r} {scope!r} {vars(scope)} {session.get_credentials()!r}"
        assert [secret for secret in aws.secrets() if secret in shown] == []
        for one in (session, scope):
            with pytest.raises(TypeError):
                pickle.dumps(one)
