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
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from ipy_awsprofile import open_session, scoped, who_am_i
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import allow
from ipy_awsprofile.errors import AccessDenied, AwsProfileError, InvalidOption

ACCOUNT = "111111111111"
LISTS = allow("s3:ListAllMyBuckets", "sts:GetScopedCredentials")
WIDE = allow("s3:*", "sts:GetScopedCredentials")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS whose profile Ann has all S3 permissions, and GetScopedCredentials."""
    with EmbeddedAws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        ann = aws.create_user("Ann", account=ACCOUNT, policy=WIDE)
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


@pytest.mark.parametrize("kind", ["dict", "file", "path", "read_only"])
@pytest.mark.parametrize("of", ["name", "session", "boto3"])
def test_fewer_permissions(aws: EmbeddedAws, tmp_path: Path, of: str, kind: str) -> None:
    """A scoped session does what its policy allows, as its base, which it doesn't limit."""
    (file := tmp_path / "policy.json").write_text(json.dumps(LISTS))
    policies: dict[str, Any] = {"dict": LISTS, "file": str(file), "path": file}
    limit = {"policy": policies[kind]} if kind in policies else {"read_only": True}
    base = open_session("Ann") if of != "boto3" else boto3.Session(profile_name="Ann")
    with scoped("Ann" if of == "name" else base, **limit) as session:
        assert names(session) == ["data"]
        assert who_am_i(session).arn == f"arn:aws:iam::{ACCOUNT}:user/Ann"
        with pytest.raises(ClientError, match="AccessDenied"):
            put(session)
        put(base)


def test_blocks_in_blocks(aws: EmbeddedAws) -> None:
    """A block in a block can remove permissions, but can't add any."""
    with scoped("Ann", policy=WIDE) as outer:
        put(outer)
        with scoped(outer, policy=LISTS) as middle, scoped(middle, policy=WIDE) as inner:
            assert names(inner) == ["data"]
            with pytest.raises(ClientError, match="AccessDenied"):
                put(inner)
            with pytest.raises(AccessDenied, match="already has 3"):
                scoped(inner, policy=WIDE).__enter__()


def sign(session: Any) -> None:
    """Sign a request as other libraries do, with the credentials themselves."""
    request = AWSRequest("GET", "https://s3.us-west-2.amazonaws.com/")
    SigV4Auth(session.get_credentials(), "s3", "us-west-2").add_auth(request)


USES: dict[str, Callable[[Any], object]] = {
    "client": names,
    "access_key": lambda session: session.get_credentials().access_key,
    "get_frozen_credentials": lambda session: session.get_credentials().get_frozen_credentials(),
    "SigV4Auth": sign,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_after_the_block(aws: EmbeddedAws, use: Callable[[Any], object]) -> None:
    """After its block, a session is of no use, and neither is one from a block inside it."""
    with suppress(ZeroDivisionError), scoped("Ann", policy=WIDE) as session:
        inner_block = scoped(session, policy=LISTS)
        inner = inner_block.__enter__()
        for one in (session, inner):
            use(one)
        1 / 0  # noqa: B018
    calls = len(aws.calls)
    for one in (session, inner):
        with pytest.raises(AwsProfileError, match="block of this session has ended"):
            use(one)
    assert len(aws.calls) == calls


def test_entered_twice(aws: EmbeddedAws) -> None:
    """If a scope is used for two blocks, even one in the other, each session ends with its own."""
    scope = scoped("Ann", policy=LISTS)
    with scope as first:
        with scope as second:
            assert names(first) == names(second) == ["data"]
        with pytest.raises(AwsProfileError, match="has ended"):
            names(second)
        assert names(first) == ["data"]
    with pytest.raises(AwsProfileError, match="has ended"):
        names(first)


def test_time(aws: EmbeddedAws) -> None:
    """With a time limit, a session ends after it; without one, it renews like its base."""
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


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "Nothing limits the session"),
        ({"seconds": 0}, "`seconds` is 0; it must be 1 to 129600"),
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
    """Neither the session nor the scope shows a secret, and the session can't be pickled."""
    scope = scoped("Ann", policy=LISTS)
    with scope as session:
        shown = f"{session!r} {scope!r} {session.get_credentials()!r}"
        assert [secret for secret in aws.secrets() if secret in shown] == []
        with pytest.raises(TypeError):
            pickle.dumps(session)
