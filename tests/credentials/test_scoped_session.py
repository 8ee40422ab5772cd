"""A narrowed session is renewed with its base, and errors from STS say what to do.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError, ConnectionClosedError

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.providers import Outside
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.refusals import Refusal
from ipy_awsprofile.demo.services.sts.responses import StsResponse
from ipy_awsprofile.demo.stages.scenario import allow
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    EndpointUnreachable,
    IdentityChanged,
    InvalidOption,
    ServiceError,
)
from ipy_awsprofile.sessions.session import (
    ProfileSession,
    credentials_of,
    open_session,
    open_target,
    who_am_i,
)
from tests.kinds import ACCOUNT, KINDS, create_ann, in_its_place, prepared, sign_in
from tests.sessions.traces import actions

SCOPED = "sts:GetScopedCredentials"


def may_write(aws: EmbeddedAws, session: ProfileSession) -> bool:
    """Return whether AWS lets the session write."""
    s3: Any = session.client("s3", region_name="us-west-2", endpoint_url=aws.endpoint_url)
    try:
        s3.put_object(Bucket="data", Key="k")
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


@contextmanager
def in_time(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[tuple[EmbeddedAws, Any]]:
    """Create an environment in which a kind works, with one clock for AWS and botocore."""
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=True) as clock, EmbeddedAws() as aws:
        for variable, value in aws.environment().items():
            monkeypatch.setenv(variable, value)
        aws.create_bucket("data", account=ACCOUNT, region="us-west-2")
        ann = create_ann(aws)
        sign_in(aws, ann)
        values = prepared(aws, ann, token_lasts=timedelta(hours=24))
        with in_its_place(aws, values, monkeypatch, KINDS[name]):
            yield aws, clock


@pytest.mark.parametrize(
    "name",
    [
        *("an instance's own role", "a container's own role", "web identity", "sso-session"),
        *("login session", "static keys", "credential_process"),
    ],
)
def test_hours_later(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Hours later, the session has the same identity and the same limits."""
    with in_time(monkeypatch, name) as (aws, clock):
        session = open_session(KINDS[name].profile, read_only=True)
        first = who_am_i(session)
        signed_in = name in {"sso-session", "login session"}  # the sign-in ends, too
        for hours in (1, 2 if signed_in else 13):
            clock.shift(timedelta(hours=hours))
            assert not may_write(aws, session)
            later = who_am_i(session)
            assert later.arn == first.arn
            assert later.expiry
            assert later.expiry > datetime.now(UTC)


def test_a_shorter_session_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 15-minute session is renewed near its end, and no session can outlast its base."""
    with in_time(monkeypatch, "sso-session") as (aws, clock):
        session = open_session("P", duration="15m")
        ends = []
        for _ in range(6):  # its base lasts an hour
            identity = who_am_i(session)
            assert identity.expiry
            ends.append(identity.expiry)
            clock.shift(timedelta(minutes=13))
            credentials_of(session).get_frozen_credentials()
        assert len(set(ends)) == 6
        assert actions(aws).count(SCOPED) >= 6
        with pytest.raises(InvalidOption, match="remaining session lifetime") as caught:
            open_session("P", duration="36h")
        assert "the duration" in caught.value.hint


def test_keys_of_someone_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """If another user's keys replace the keys in the file, the limited session fails."""
    with in_time(monkeypatch, "keys in the credentials file") as (aws, clock):
        session = open_session("P", read_only=True)
        who_am_i(session)
        bob = aws.create_user("Bob", account=ACCOUNT, policy=allow("*"))
        aws.credentials_file.write_text(
            f"[P]\naws_access_key_id = {bob.access_key_id}\n"
            f"aws_secret_access_key = {bob.secret_access_key}\n"
        )
        clock.shift(timedelta(hours=13))
        with pytest.raises(IdentityChanged, match="user/Bob now, not to"):
            credentials_of(session).get_frozen_credentials()


REFUSALS: dict[str, tuple[str, str, int, type[AwsProfileError], str]] = {
    "MinIO": (
        "InvalidParameterValue",
        "Unsupported action GetScopedCredentials",
        400,
        ServiceError,
        "doesn't know",
    ),
    "denied": ("AccessDenied", "not authorized", 403, AccessDenied, "GetScopedCredentials"),
    "too large": ("PackedPolicyTooLarge", "101 percent", 400, InvalidOption, "101 percent"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """If STS doesn't narrow the session, the session isn't opened, and the error has a hint."""
    code, message, status, kind, says = REFUSALS[name]

    def refuse(_response: object) -> None:
        raise Refusal(code, message, status)

    monkeypatch.setattr(StsResponse, "get_scoped_credentials", refuse)
    with in_time(monkeypatch, "sso-session"):
        with pytest.raises(kind, match=says) as caught:
            open_session("P", read_only=True)
        assert caught.value.hint
        open_session("P")


@pytest.mark.parametrize(("region", "place"), [("eu-west-1", "eu-west-1"), (None, "us-east-1")])
def test_legacy_endpoints(
    shared_files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    region: str | None,
    place: str,
) -> None:
    """The call goes to a Region's endpoint, even if other calls go to the global endpoint."""
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    shared_files[0].write_text("[profile P]\naws_access_key_id = AKIA\naws_secret_access_key = x\n")
    target = target_of(SessionRequest(profile="P", region=region, read_only=True))
    asked = []

    def refuse(request: Any, **_: Any) -> None:
        asked.append(request.url)
        raise ConnectionClosedError(endpoint_url=request.url)

    class Refusing(Outside):
        def prepare(self, session: Any) -> None:
            session.register("before-send.sts", refuse)

    with pytest.raises(EndpointUnreachable):
        open_target(target, outside=Refusing())
    assert set(asked) == {f"https://sts.{place}.amazonaws.com/"}
