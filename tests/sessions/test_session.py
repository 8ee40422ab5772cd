"""A profile opens as a session, whose identity comes from STS with as few calls as possible."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile import list_buckets
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import AccessDenied, InvalidOption, InvalidProfile
from ipy_awsprofile.sessions.portable import portable
from ipy_awsprofile.sessions.session import open_session, who_am_i
from tests.processes import empty_home
from tests.sessions.traces import actions, cached_roles

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.stages import Scenario
    from tests.aws import EmbeddedAws


def test_identity_of_a_role(aws: EmbeddedAws) -> None:
    """The identity of a role has an account, ARN, chain, Region and expiry."""
    identity = who_am_i(open_session("RoleBeta", session_name="me"))
    assert identity.account == ROLE_ACCOUNT
    assert identity.arn == f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/me"
    assert identity.user_id.endswith(":me")
    assert identity.profile == "RoleBeta"
    assert identity.chain == ("RoleBeta", "UserAlpha")
    assert identity.region == "us-west-2"
    assert identity.expiry is not None
    assert identity.expiry.tzinfo is UTC
    left = identity.expiry - datetime.now(UTC)
    assert timedelta(minutes=55) < left <= timedelta(hours=1)


def test_identity_of_a_user(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The identity of a user has no expiry."""
    identity = who_am_i(open_session("UserAlpha"))
    assert (identity.account, identity.arn) == (USER_ACCOUNT, scenario.user.arn)
    assert (identity.profile, identity.chain) == ("UserAlpha", ("UserAlpha",))
    assert (identity.region, identity.expiry) == ("us-west-2", None)
    assert identity.user_id.startswith("AIDA")


def test_plain_sessions(aws: EmbeddedAws) -> None:
    """A plain boto3 session has no profile and no chain, and perhaps no credentials."""
    identity = who_am_i(boto3.Session(profile_name="UserAlpha"))
    assert identity.arn.endswith("user/UserAlpha")
    assert (identity.profile, identity.chain) == (None, ())
    with pytest.raises(InvalidProfile, match="`default` has no credentials"):
        who_am_i(boto3.Session())


def test_calls(aws: EmbeddedAws) -> None:
    """A role costs one call, a role in the AWS CLI's cache none, and a user one."""
    first = who_am_i(open_session("RoleBeta"))
    assert actions(aws) == ["sts:AssumeRole"]
    assert who_am_i(open_session("RoleBeta")) == first
    assert actions(aws) == []
    session = open_session("UserAlpha")
    assert who_am_i(session) == who_am_i(session)
    assert actions(aws) == ["sts:GetCallerIdentity"]


def test_options_reach_aws(aws: EmbeddedAws) -> None:
    """The Region, duration and session name options replace the settings in the files."""
    session = open_session("RoleBeta", region="eu-central-1", duration=1800, session_name="longer")
    identity = who_am_i(session)
    assert session.region_name == identity.region == "eu-central-1"
    assert identity.arn.endswith("/longer")
    assert identity.expiry is not None
    assert identity.expiry - datetime.now(UTC) <= timedelta(minutes=30)


def test_profile_takes_precedence_over_variables(
    aws: EmbeddedAws, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A requested profile takes precedence over keys and AWS_PROFILE in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_PROFILE", "RoleBeta")
    assert who_am_i(open_session("UserAlpha")).arn == scenario.user.arn


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duration": 7}, "DurationSeconds, value: 7, valid min value: 900"),
        ({"duration": 7200}, "exceeds the MaxSessionDuration"),
        ({"session_name": "x"}, "RoleSessionName, value: 1, valid min length: 2"),
    ],
)
def test_invalid_options(aws: EmbeddedAws, options: dict[str, Any], message: str) -> None:
    """Options that AWS doesn't accept raise an error, even if the role's session is cached."""
    open_session("RoleBeta")
    with pytest.raises(InvalidOption, match=message):
        open_session("RoleBeta", **options)


def test_chained_roles(aws: EmbeddedAws, scenario: Scenario) -> None:
    """Each role of a chain is assumed once, by the one before it, with or without a profile."""
    hub = aws.iam.create_role(
        "Hub", account=ROLE_ACCOUNT, trust=trusting(scenario.user.arn), policy=allow("*")
    )
    far = aws.iam.create_role(
        "Far", account=USER_ACCOUNT, trust=trusting(hub), policy=allow("s3:*")
    )
    aws.write_profile("Hub", role_arn=hub, source_profile="UserAlpha", region="us-west-2")
    aws.write_profile("Far", role_arn=far, source_profile="Hub", region="us-west-2")
    session = open_session("Far", session_name="me")
    session.client("s3").list_buckets()
    names = [(call.action, str(call.arn).split("/")[1]) for call in aws.calls]
    assume, listed = "sts:AssumeRole", "s3:ListAllMyBuckets"
    assert names == [(assume, "UserAlpha"), (assume, "Hub"), (listed, "Far")]
    assert who_am_i(session).chain == ("Far", "Hub", "UserAlpha")


def test_no_secret_is_shown(aws: EmbeddedAws) -> None:
    """The reprs of a session and its portable form show no secret, and a session stays here."""
    session = open_session("RoleBeta")
    assert repr(session) == "<session of RoleBeta ← UserAlpha, region us-west-2>"
    record = portable(session)
    shown = f"{record} {record!r} {record.open()!r} {[record]}"
    assert "RoleBeta" in shown
    assert [secret for secret in aws.iam.secrets if secret in shown] == []
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(session)


def test_in_a_worker(aws: EmbeddedAws, tmp_path: Path) -> None:
    """In a process without files, a session has the same identity, Region and client settings."""
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
    sent = pickle.dumps(portable(session))
    with empty_home(tmp_path / "worker"):
        opened = pickle.loads(sent).open()
        identity = who_am_i(opened)
        assert len(list_buckets(opened)) == 3
        meta = opened.client("s3").meta
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


def test_open_a_role_by_arn(aws: EmbeddedAws, scenario: Scenario) -> None:
    """A role without a profile is opened with a source profile."""
    role = aws.iam.create_role(
        "Unnamed", account=ROLE_ACCOUNT, trust=trusting(scenario.user.arn), policy=allow("s3:*")
    )
    session = open_session(role_arn=role, source_profile="UserAlpha", session_name="me")
    identity = who_am_i(session)
    assert identity.arn == f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/Unnamed/me"
    assert identity.chain == (role, "UserAlpha")
    assert identity.region == "us-west-2"
    assert len(session.client("s3").list_buckets()["Buckets"]) == 3


def test_read_only(aws: EmbeddedAws, scenario: Scenario) -> None:
    """A read-only session of a role by its ARN can list and read, but not write."""
    full = open_session("RoleBeta").client("s3")
    full.put_object(Bucket="my-first-bucket", Key="there", Body=b"text")
    session = open_session(role_arn=scenario.role_arn, source_profile="UserAlpha", read_only=True)
    s3 = session.client("s3")
    assert len(s3.list_buckets()["Buckets"]) == 3
    assert s3.get_object(Bucket="my-first-bucket", Key="there")["Body"].read() == b"text"
    assert not can_write(session)


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
