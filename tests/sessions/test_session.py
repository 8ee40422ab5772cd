"""A profile opens as a session, whose identity comes from STS with as few calls as possible."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import (
    AccessDenied,
    CredentialsExpired,
    InvalidOption,
    InvalidProfile,
    ProfileNotFound,
)
from ipy_awsprofile.sessions.session import Identity, ProfileSession, open_session, who_am_i
from tests.servers import echoing_server
from tests.sessions.traces import actions, cached_roles
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario


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
    assert identity == Identity(
        account=USER_ACCOUNT,
        arn=scenario.user.arn,
        user_id=identity.user_id,
        profile="UserAlpha",
        chain=("UserAlpha",),
        region="us-west-2",
        expiry=None,
    )
    assert identity.user_id.startswith("AIDA")


def test_identity_of_a_plain_session(aws: EmbeddedAws) -> None:
    """The identity of a plain boto3 session has no profile and no chain."""
    identity = who_am_i(boto3.Session(profile_name="UserAlpha"))
    assert identity.arn.endswith("user/UserAlpha")
    assert (identity.profile, identity.chain) == (None, ())


def test_session_without_credentials() -> None:
    """A session without credentials raises an error."""
    with pytest.raises(InvalidProfile, match="`default` has no credentials"):
        who_am_i(boto3.Session())


def test_a_role_costs_one_call(aws: EmbeddedAws) -> None:
    """Opening a role's session and getting its identity makes a single call, AssumeRole."""
    who_am_i(open_session("RoleBeta"))
    assert actions(aws) == ["sts:AssumeRole"]


def test_a_cached_role_costs_none(aws: EmbeddedAws) -> None:
    """A role in the AWS CLI's cache doesn't need a call to STS."""
    first = who_am_i(open_session("RoleBeta"))
    aws.calls.clear()
    assert who_am_i(open_session("RoleBeta")) == first
    assert actions(aws) == []


def test_a_user_costs_one_call(aws: EmbeddedAws) -> None:
    """A user's session calls GetCallerIdentity only once."""
    session = open_session("UserAlpha")
    assert who_am_i(session) == who_am_i(session)
    assert actions(aws) == ["sts:GetCallerIdentity"]


def test_session_that_aws_has_ended(aws: EmbeddedAws) -> None:
    """The error for a session that AWS has ended names the role and suggests `--refresh`."""
    session = open_session("RoleBeta")
    aws.expire_sessions()
    session.callers.clear()  # so that it calls STS
    with pytest.raises(CredentialsExpired, match="of `RoleBeta` have expired") as caught:
        who_am_i(session)
    assert "--refresh" in caught.value.hint


def test_options_reach_aws(aws: EmbeddedAws) -> None:
    """The Region, duration and session name options replace the settings in the files."""
    session = open_session("RoleBeta", region="eu-central-1", duration=1800, session_name="longer")
    identity = who_am_i(session)
    assert session.region_name == identity.region == "eu-central-1"
    assert identity.arn.endswith("/longer")
    assert identity.expiry is not None
    assert identity.expiry - datetime.now(UTC) <= timedelta(minutes=30)


def test_precedence_of_regions(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Region option overrides AWS_DEFAULT_REGION, which overrides the file."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert open_session("RoleBeta").region_name == "eu-west-3"
    assert open_session("RoleBeta", region="eu-west-1").region_name == "eu-west-1"


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
        ({"region": "not a region"}, "`not a region` isn't an AWS Region"),
        ({"duration": 7}, "DurationSeconds, value: 7, valid min value: 900"),
        ({"duration": 7200}, "exceeds the MaxSessionDuration"),
        ({"session_name": "x"}, "RoleSessionName, value: 1, valid min length: 2"),
        ({"external_id": ""}, "ExternalId, value: 0, valid min length: 2"),
    ],
)
def test_invalid_options(aws: EmbeddedAws, options: dict[str, Any], message: str) -> None:
    """Options that AWS doesn't accept raise an error, even if the role's session is cached."""
    open_session("RoleBeta")
    with pytest.raises(InvalidOption, match=message):
        open_session("RoleBeta", **options)


@pytest.mark.parametrize("options", [{"external_id": "xy"}, {"session_name": "x"}])
def test_options_of_roles_only(aws: EmbeddedAws, options: dict[str, Any]) -> None:
    """A profile that doesn't assume a role can't use an external ID or a session name."""
    with pytest.raises(InvalidOption, match="`UserAlpha` doesn't assume a role") as caught:
        open_session("UserAlpha", **options)
    assert caught.value.hint == "Its kind is `static keys`."


def test_chained_roles(aws: EmbeddedAws, scenario: Scenario) -> None:
    """Each role of a chain is assumed once, by the one before it, with or without a profile."""
    hub = aws.create_role(
        "Hub", account=ROLE_ACCOUNT, trust=trusting(scenario.user.arn), policy=allow("*")
    )
    far = aws.create_role("Far", account=USER_ACCOUNT, trust=trusting(hub), policy=allow("s3:*"))
    aws.write_profile("Hub", role_arn=hub, source_profile="UserAlpha", region="us-west-2")
    aws.write_profile("Far", role_arn=far, source_profile="Hub", region="us-west-2")
    session = open_session("Far", session_name="me")
    session.client("s3").list_buckets()
    names = [(call.action, str(call.arn).split("/")[1]) for call in aws.calls]
    assume, listed = "sts:AssumeRole", "s3:ListAllMyBuckets"
    assert names == [(assume, "UserAlpha"), (assume, "Hub"), (listed, "Far")]
    assert who_am_i(session).chain == ("Far", "Hub", "UserAlpha")
    by_arn = open_session(role_arn=far, source_profile="Hub")
    assert who_am_i(by_arn).chain == (far, "Hub", "UserAlpha")
    assert who_am_i(by_arn).account == USER_ACCOUNT


def test_words_of_aws(aws: EmbeddedAws) -> None:
    """An error response to the user's call shows AWS's message, whatever the call contains."""
    said = {"__type": "EntityNotFoundException", "Message": "Session demo-1 was not found."}
    with echoing_server(400, lambda _sent: json.dumps(said)) as url:
        glue: Any = open_session("RoleBeta").client("glue", endpoint_url=url)
        with pytest.raises(glue.exceptions.EntityNotFoundException, match=said["Message"]):
            glue.run_statement(SessionId="demo-1", Code="a")


def test_no_such_profile(aws: EmbeddedAws) -> None:
    """A missing profile raises an error without a call to AWS."""
    with pytest.raises(ProfileNotFound):
        open_session("Nobody")
    assert actions(aws) == []


def test_repr_has_no_secret(aws: EmbeddedAws) -> None:
    """A session's repr contains only the role chain and the Region."""
    session = open_session("RoleBeta")
    assert isinstance(session, ProfileSession)
    assert repr(session) == "<session of RoleBeta ← UserAlpha, region us-west-2>"


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
    role = aws.create_role(
        "Unnamed", account=ROLE_ACCOUNT, trust=trusting(scenario.user.arn), policy=allow("s3:*")
    )
    session = open_session(role_arn=role, source_profile="UserAlpha", session_name="me")
    identity = who_am_i(session)
    assert identity.arn == f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/Unnamed/me"
    assert identity.chain == (role, "UserAlpha")
    assert identity.region == "us-west-2"
    assert len(session.client("s3").list_buckets()["Buckets"]) == 3


def test_refused_role_by_arn(aws: EmbeddedAws) -> None:
    """The error for a role that can't be assumed contains its ARN."""
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/Nobodys"
    with pytest.raises(AccessDenied, match=role):
        open_session(role_arn=role, source_profile="UserAlpha")


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
    middle = aws.create_role(
        "Middle",
        account=ROLE_ACCOUNT,
        trust=trusting(scenario.user.arn),
        policy=allow("sts:AssumeRole", "s3:*"),
    )
    last = aws.create_role("Last", account=ROLE_ACCOUNT, trust=trusting(middle))
    aws.write_profile("Middle", role_arn=middle, source_profile="UserAlpha", region="us-west-2")
    aws.write_profile("Last", role_arn=last, source_profile="Middle", region="us-west-2")
    open_session("Last", read_only=True)
    assert not can_write(open_session("Middle", read_only=True))
    assert who_am_i(open_session("Last", read_only=True)).arn.split("/")[1] == "Last"


@pytest.mark.slow
@pytest.mark.usefixtures("sts_of_aws")
def test_cli_ignores_read_only(aws: EmbeddedAws) -> None:
    """The AWS CLI ignores the cached read-only role, and can write."""
    open_session("RoleBeta", read_only=True)
    ours = cached_roles(aws)
    put = ("s3api", "put-object", "--bucket", "my-first-bucket", "--key", "k")
    done = run_aws_cli(*put, "--profile", "RoleBeta")
    assert done.returncode == 0, done.stderr
    assert len(cached_roles(aws) - ours) == 1
    assert not can_write(open_session("RoleBeta", read_only=True))


@pytest.mark.usefixtures("sts_of_aws")
def test_cli_uses_a_session_with_the_same_duration(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The AWS CLI uses a session with a duration if its profile has the same duration."""
    role_arn = "arn:aws:iam::123456789012:role/RoleBeta"
    aws.write_profile(
        "Half",
        source_profile="UserAlpha",
        role_arn=role_arn,
        duration_seconds=1800,
        region="us-west-2",
    )
    open_session("RoleBeta", duration="30m")
    for profile, added in (("Half", 0), ("RoleBeta", 1)):
        before = cached_roles(aws)
        done = run_aws_cli("sts", "get-caller-identity", "--profile", profile)
        assert done.returncode == 0, done.stderr
        assert len(cached_roles(aws) - before) == added


def test_external_id(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The external ID option takes precedence over the profile's, and works for an ARN, too."""
    trust = trusting(scenario.user.arn)
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "ticket-7"}}
    role = aws.create_role("Partner", account=ROLE_ACCOUNT, trust=trust)
    by_arn: dict[str, Any] = {"role_arn": role, "source_profile": "UserAlpha"}
    aws.write_profile("Partner", external_id="ticket-77", region="us-west-2", **by_arn)
    with pytest.raises(AccessDenied):
        open_session("Partner")
    for session in (
        open_session("Partner", external_id="ticket-7"),
        open_session(**by_arn, external_id="ticket-7"),
    ):
        assert who_am_i(session).account == ROLE_ACCOUNT
