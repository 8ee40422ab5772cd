"""Every kind of profile opens, gets the right identity from AWS, and renews its credentials.

https://docs.aws.amazon.com/sdkref/latest/guide/creds-config-files.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import time_machine

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.shared_files import write_private
from ipy_awsprofile.sessions.session import open_session, who_am_i
from tests.demo.clients import Clock
from tests.kinds import KINDS, chain, create_ann, opened, prepared, sign_in

if TYPE_CHECKING:
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser

#: The calls that get the credentials of a kind.
CALLS = {
    "static keys": [],
    "role with source_profile": ["sts:AssumeRole"],
    "chain of three": ["sts:AssumeRole"] * 3,
    "mfa_serial": ["sts:AssumeRole"],
    "web identity": ["sts:AssumeRoleWithWebIdentity"],
    "credential_process": [],
    "sso-session": ["sso:GetRoleCredentials"],
    "SSO as a source": ["sso:GetRoleCredentials", "sts:AssumeRole"],
    "login session": [],
}

#: Kinds that renew if only the embedded AWS's clock moves. An instance's own role doesn't, because
#: botocore keeps using old metadata, and credentials from `aws login` last only 15 minutes.
RENEWED = (
    "role with source_profile",
    "chain of five",
    "self-referencing",
    "external_id",
    "credential_source Environment",
    "credential_source EcsContainer",
    "a container's own role",
    "web identity",
    "web identity as a source",
    "credential_process as a source",
    "sso-session",
    "legacy SSO",
    "SSO as a source",
)


@pytest.mark.nightly(keep=8)
@pytest.mark.parametrize("name", KINDS)
def test_kind(
    aws: EmbeddedAws, values: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each kind opens, and STS reports the identity that is in the table."""
    kind = KINDS[name]
    with opened(aws, values, monkeypatch, kind) as session:
        arn = kind.arn.format(**values)
        assert who_am_i(session).arn == arn
        assert session.client("sts").get_caller_identity()["Arn"] == arn


@pytest.mark.parametrize("name", CALLS)
def test_calls(
    aws: EmbeddedAws, values: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """AWS sees as few calls as possible for a kind's credentials, which then sign."""
    kind = KINDS[name]
    aws.calls.clear()
    with opened(aws, values, monkeypatch, kind) as session:
        session.client("s3").list_buckets()
    assert [call.action for call in aws.calls] == [*CALLS[name], "s3:ListAllMyBuckets"]
    assert aws.calls[-1].arn == kind.arn.format(**values)


@pytest.mark.parametrize("name", RENEWED)
def test_a_kind_that_renews_itself(
    aws: EmbeddedAws,
    values: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    name: str,
) -> None:
    """Credentials that are about to expire are renewed at the next use, for the same identity.

    They were issued 55 minutes ago, so 5 minutes are left.
    """
    kind = KINDS[name]
    clock.advance(minutes=-55)
    with opened(aws, values, monkeypatch, kind) as session:
        clock.advance(minutes=55)
        assert who_am_i(session).arn == kind.arn.format(**values)
        assert who_am_i(session).expiry == clock() + timedelta(hours=1)


def test_duration_seconds(aws: EmbeddedAws, values: dict[str, str], clock: Clock) -> None:
    """A role's session lasts as long as its profile's `duration_seconds`."""
    text = chain("Hop1").replace("role_session_name", "duration_seconds = 1800\nrole_session_name")
    aws.config_file.write_text(text.format(**values))
    assert who_am_i(open_session("P")).expiry == clock() + timedelta(seconds=1800)


def renewing_tool(aws: EmbeddedAws, user: IamUser) -> Callable[[], object]:
    """Return a function that writes a credential_process with new temporary keys."""
    sts: Any = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )

    def renew() -> object:
        given = sts.get_session_token(DurationSeconds=3600)["Credentials"]
        document = given | {"Version": 1, "Expiration": given["Expiration"].isoformat()}
        return write_private(aws.home / "tool.py", f"print({json.dumps(document)!r})")

    return renew


TOGETHER = (
    "an instance's own role",
    "credential_source Ec2InstanceMetadata",
    "credential_source EcsContainer",
    "a container's own role",
    "web identity",
    "sso-session",
    "login session",
    "credential_process",
)


@pytest.mark.parametrize("name", TOGETHER)
def test_renewal_hours_later(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Two hours later, a client has the same identity, with renewed credentials.

    The embedded AWS and botocore share a clock here.
    """
    kind = KINDS[name]
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=True) as clock, EmbeddedAws() as aws:
        for variable, value in aws.environment().items():
            monkeypatch.setenv(variable, value)
        ann = create_ann(aws)
        sign_in(aws, ann)
        values = prepared(aws, ann, token_lasts=timedelta(hours=12))
        write_tool = renewing_tool(aws, ann)
        write_tool()
        with opened(aws, values, monkeypatch, kind) as session:
            sts: Any = session.client("sts")
            first = who_am_i(session)
            clock.shift(timedelta(hours=2))
            write_tool()
            assert sts.get_caller_identity()["Arn"] == kind.arn.format(**values)
            later = who_am_i(session)
    assert later.arn == first.arn
    assert first.expiry
    assert later.expiry
    assert first.expiry < start + timedelta(hours=2) < later.expiry
