"""A profile opens as a session, whose identity comes from STS with as few calls as possible."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile import list_buckets, scoped
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, Scenario, allow, trusting
from ipy_awsprofile.errors import AccessDenied, InvalidProfile
from ipy_awsprofile.sessions.session import open_session, who_am_i
from tests.aws import EmbeddedAws
from tests.sessions.traces import cached_roles


def test_identity_of_a_role(aws: EmbeddedAws) -> None:
    """A role's identity has an account, ARN, chain, Region and expiry, which follow the options."""
    options: Any = {"session_name": "me", "region": "eu-central-1", "duration": 1800}
    session = open_session("RoleBeta", **options)
    identity = who_am_i(session)
    assert identity.account == ROLE_ACCOUNT
    assert identity.arn == f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/me"
    assert identity.user_id.endswith(":me")
    assert identity.profile == "RoleBeta"
    assert identity.chain == ("RoleBeta", "UserAlpha")
    assert session.region_name == identity.region == "eu-central-1"
    assert identity.expiry is not None
    assert identity.expiry.tzinfo is UTC
    time_left = identity.expiry - datetime.now(UTC)
    assert timedelta(minutes=25) < time_left <= timedelta(minutes=30)
    assert who_am_i(open_session("RoleBeta")).region == "us-west-2"


def test_plain_sessions(aws: EmbeddedAws) -> None:
    """A plain boto3 session has no profile and no chain, and perhaps no credentials."""
    identity = who_am_i(boto3.Session(profile_name="UserAlpha"))
    assert identity.arn.endswith("user/UserAlpha")
    assert (identity.profile, identity.chain) == (None, ())
    with pytest.raises(InvalidProfile, match="This boto3 session doesn't have credentials"):
        who_am_i(boto3.Session())


def test_no_secret_is_shown(aws: EmbeddedAws) -> None:
    """The repr of a session shows no secret, and a session can't be sent to another process."""
    session = open_session("RoleBeta")
    assert repr(session) == "<session of RoleBeta ← UserAlpha, region us-west-2>"
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(session)


def test_settings_of_a_narrower_session(aws: EmbeddedAws) -> None:
    """A narrower session has the identity, Region and client settings of its base."""
    with aws.config_file.open("a") as file:
        file.write(f"\n[services local]\ns3 =\n  endpoint_url = {aws.endpoint_url}\n")
    aws.write_profile(
        "Placed",
        source_profile="UserAlpha",
        role_arn="arn:aws:iam::123456789012:role/RoleBeta",
        region="eu-west-3",
        services="local",
        s3={"addressing_style": "virtual"},
        endpoint_url=aws.endpoint_url,
    )
    session = open_session("Placed")
    aws.config_file.write_text("")  # the session keeps the settings that it was opened with
    with scoped(session, seconds=900) as narrower:
        identity = who_am_i(narrower)
        assert len(list_buckets(narrower)) == 3
        meta = narrower.client("s3").meta
    assert (identity.arn, identity.chain) == (who_am_i(session).arn, ("Placed", "UserAlpha"))
    assert (meta.region_name, meta.endpoint_url) == ("eu-west-3", aws.endpoint_url)
    assert meta.config.s3["addressing_style"] == "virtual"


def can_write(session: boto3.Session) -> bool:
    """Return whether the session can put an object into a bucket of the scenario."""
    s3 = session.client("s3")
    try:
        s3.put_object(Bucket="my-first-bucket", Key="k", Body=b"")
    except ClientError as error:
        if error.response["Error"]["Code"] == "AccessDenied":
            return False
        raise
    return True


@pytest.mark.parametrize("first", [True, False])
def test_cached_read_only_is_not_the_full_role(aws: EmbeddedAws, first: bool) -> None:
    """A cached read-only role isn't used in place of the full role, and vice versa."""
    open_session("RoleBeta", read_only=first)
    assert can_write(open_session("RoleBeta", read_only=not first)) is first
    aws.calls.clear()
    assert can_write(open_session("RoleBeta"))
    assert not can_write(open_session("RoleBeta", read_only=True))
    assert not [call for call in aws.calls if call.action == "sts:AssumeRole"]
    assert len(cached_roles(aws)) == 2


def test_source_of_a_read_only_role_is_not_read_only(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The cached source role of a read-only role isn't used as that role's read-only session."""
    middle = aws.iam.create_role(
        "Middle",
        account=ROLE_ACCOUNT,
        trust=trusting(scenario.user.arn),
        policy=allow("sts:AssumeRole", "s3:*"),
    )
    last = aws.iam.create_role("Last", account=ROLE_ACCOUNT, trust=trusting(middle))
    aws.write_profile("Middle", role_arn=middle, source_profile="UserAlpha", region="us-west-2")
    aws.write_profile("Last", role_arn=last, source_profile="Middle", region="us-west-2")
    open_session("Last", read_only=True)
    assert not can_write(open_session("Middle", read_only=True))
    assert who_am_i(open_session("Last", read_only=True)).arn.split("/")[1] == "Last"


def test_external_id(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The external ID option takes precedence over the profile's, and works for an ARN, too."""
    trust = trusting(scenario.user.arn)
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "ticket-7"}}
    role = aws.iam.create_role("Partner", account=ROLE_ACCOUNT, trust=trust)
    by_arn: dict[str, Any] = {"role_arn": role, "source_profile": "UserAlpha"}
    aws.write_profile("Partner", external_id="ticket-77", region="us-west-2", **by_arn)
    with pytest.raises(AccessDenied):
        open_session("Partner")
    for session in (
        open_session("Partner", external_id="ticket-7"),
        open_session(**by_arn, external_id="ticket-7"),
    ):
        assert who_am_i(session).account == ROLE_ACCOUNT
