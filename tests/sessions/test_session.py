"""A profile opens as a session that renews itself, and shares the AWS CLI's cache."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import (
    AccessDenied,
    CredentialsExpired,
    CredentialsUnavailable,
    InvalidOption,
    InvalidProfile,
    ProfileNotFound,
)
from ipy_awsprofile.sessions.session import ProfileSession, open_session, who_am_i
from tests.renewing import renew_at_each_use
from tests.sessions.traces import actions, cached_roles
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario


def test_fresh_ignores_the_cache(aws: EmbeddedAws) -> None:
    """A session opened with `fresh` gets new credentials, and puts them in the cache."""
    old = open_session("RoleBeta")
    new = open_session("RoleBeta", fresh=True)
    again = open_session("RoleBeta")
    credentials: list[Any] = [session.get_credentials() for session in (old, new, again)]
    keys = [one.access_key for one in credentials]
    assert keys[0] != keys[1] == keys[2]
    assert actions(aws) == ["sts:AssumeRole"] * 2


def test_a_session_renews_itself(aws: EmbeddedAws) -> None:
    """A session renews credentials that are about to expire when it uses them."""
    session = renew_at_each_use(open_session("RoleBeta"))
    aws.expire_sessions()
    assert len(session.client("s3").list_buckets()["Buckets"]) == 3
    assert who_am_i(session).account == ROLE_ACCOUNT


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
    ("options", "error", "message"),
    [
        ({"region": "not a region"}, InvalidOption, "`not a region` isn't an AWS Region"),
        ({"duration": 7}, InvalidOption, "DurationSeconds, value: 7, valid min value: 900"),
        ({"duration": 7200}, InvalidOption, "exceeds the MaxSessionDuration"),
        ({"session_name": "x"}, InvalidOption, "RoleSessionName, value: 1, valid min length: 2"),
        ({"external_id": ""}, InvalidOption, "ExternalId, value: 0, valid min length: 2"),
    ],
)
def test_invalid_options(
    aws: EmbeddedAws, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Options that AWS doesn't accept raise an error when the session is opened."""
    with pytest.raises(error, match=message):
        open_session("RoleBeta", **options)


def test_invalid_region_with_cached_credentials(aws: EmbeddedAws) -> None:
    """An invalid Region raises an error even if the credentials are cached."""
    open_session("RoleBeta")
    with pytest.raises(InvalidOption, match="`not a region` isn't an AWS Region"):
        open_session("RoleBeta", region="not a region")


@pytest.mark.parametrize("options", [{"external_id": "xy"}, {"session_name": "x"}])
def test_options_of_roles_only(aws: EmbeddedAws, options: dict[str, Any]) -> None:
    """A profile that doesn't assume a role can't use an external ID or a session name."""
    with pytest.raises(InvalidOption, match="`UserAlpha` doesn't assume a role") as caught:
        open_session("UserAlpha", **options)
    assert caught.value.hint == "Its kind is `static keys`."


def test_chained_roles(aws: EmbeddedAws, scenario: Scenario) -> None:
    """A role whose source profile is a role needs two AssumeRole calls."""
    role = aws.create_role(
        "Second", account=USER_ACCOUNT, trust=trusting(f"arn:aws:iam::{ROLE_ACCOUNT}:root")
    )
    middle = aws.create_role(
        "Middle",
        account=ROLE_ACCOUNT,
        trust=trusting(scenario.user.arn),
        policy=allow("sts:AssumeRole"),
    )
    aws.write_profile("Middle", role_arn=middle, source_profile="UserAlpha", region="us-west-2")
    aws.write_profile("Second", role_arn=role, source_profile="Middle", region="us-west-2")
    identity = who_am_i(open_session("Second"))
    assert identity.chain == ("Second", "Middle", "UserAlpha")
    assert identity.account == USER_ACCOUNT
    assert actions(aws) == ["sts:AssumeRole"] * 2


def test_role_of_the_environment(
    aws: EmbeddedAws, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role with the credential source Environment uses the keys in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", scenario.user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", scenario.user.secret_access_key)
    aws.write_profile(
        "FromEnvironment",
        role_arn=scenario.role_arn,
        credential_source="Environment",
        region="us-west-2",
    )
    identity = who_am_i(open_session("FromEnvironment", session_name="env"))
    assert identity.chain == ("FromEnvironment", "environment variables")
    assert identity.arn.endswith("RoleBeta/env")


def test_role_with_own_keys(aws: EmbeddedAws, scenario: Scenario) -> None:
    """A profile that is its own source assumes its role with its own keys."""
    aws.write_profile(
        "Own",
        role_arn=scenario.role_arn,
        source_profile="Own",
        region="us-west-2",
        aws_access_key_id=scenario.user.access_key_id,
        aws_secret_access_key=scenario.user.secret_access_key,
    )
    identity = who_am_i(open_session("Own"))
    assert identity.chain == ("Own",)
    assert identity.account == ROLE_ACCOUNT


def test_web_identity_without_its_file(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The error for a missing token file names the file."""
    aws.write_profile(
        "Web", role_arn=scenario.role_arn, web_identity_token_file="/none", region="us-west-2"
    )
    with pytest.raises(CredentialsUnavailable, match="'/none'"):
        open_session("Web", session_name="me")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({}, InvalidProfile, "`p` has no credentials."),
        ({"role_arn": "r"}, InvalidProfile, "missing: source_profile or credential_source"),
        (
            {"role_arn": "arn:aws:iam::1:role/role", "credential_source": "Odd"},
            InvalidProfile,
            "Odd",
        ),
        (
            {"aws_access_key_id": "k"},
            InvalidProfile,
            "missing: aws_secret_access_key",
        ),
        (
            {"role_arn": "arn:aws:iam::1:role/role", "credential_source": "EcsContainer"},
            CredentialsUnavailable,
            "The credential source of `p` returned no credentials (EcsContainer).",
        ),
        (
            {"sso_account_id": "1", "sso_role_name": "r", "sso_session": "none"},
            InvalidProfile,
            'sso-session does not exist: "none"',
        ),
        (
            {"role_arn": "arn:aws:iam::1:role/role", "source_profile": "UserAlpha"},
            InvalidOption,
            "`p` has no valid AWS Region: You must specify a region.",
        ),
        (
            {
                "role_arn": "arn:aws:iam::123456789012:role/none",
                "source_profile": "UserAlpha",
                "region": "us-west-2",
            },
            AccessDenied,
            "AWS doesn't let `UserAlpha` assume the role of `p`: User: arn:aws:iam::",
        ),
        (
            {
                "role_arn": "arn:aws:iam::1:role/role",
                "source_profile": "UserAlpha",
                "region": "us-west-2",
                "endpoint_url": "no url",
            },
            InvalidProfile,
            "`p` can't be used: Invalid endpoint: no url",
        ),
    ],
)
def test_profile_that_does_not_work(
    aws: EmbeddedAws, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Opening a profile that doesn't work raises an error with the reason."""
    aws.write_profile("p", **settings)
    with pytest.raises(error) as caught:
        open_session("p")
    assert message in str(caught.value)


def test_no_such_profile(aws: EmbeddedAws) -> None:
    """A missing profile raises an error without a call to AWS."""
    with pytest.raises(ProfileNotFound):
        open_session("Nobody")
    assert actions(aws) == []


def test_cache_is_the_clis_and_private(aws: EmbeddedAws) -> None:
    """A role's credentials are one file in ~/.aws/cli/cache, which only its owner can access."""
    open_session("RoleBeta")
    (file,) = cached_roles(aws)
    assert file.stat().st_mode & 0o777 == 0o600


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


def test_open_a_role_by_arn_from_a_role(aws: EmbeddedAws) -> None:
    """If the source profile is a role itself, both roles are assumed."""
    role = aws.create_role(
        "Hub",
        account=USER_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy=allow("sts:AssumeRole"),
    )
    aws.write_profile("Hub", role_arn=role, source_profile="UserAlpha", region="us-west-2")
    far = aws.create_role("Far", account=ROLE_ACCOUNT, trust=trusting(role))
    identity = who_am_i(open_session(role_arn=far, source_profile="Hub"))
    assert identity.chain == (far, "Hub", "UserAlpha")
    assert identity.account == ROLE_ACCOUNT


def test_refused_role_by_arn(aws: EmbeddedAws) -> None:
    """The error for a role that can't be assumed contains its ARN."""
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/Nobodys"
    with pytest.raises(AccessDenied, match=role):
        open_session(role_arn=role, source_profile="UserAlpha")


@pytest.mark.parametrize("by_arn", [False, True])
def test_read_only(aws: EmbeddedAws, scenario: Scenario, by_arn: bool) -> None:
    """A read-only session can list and read, and can't write, even if its role can."""
    open_session("RoleBeta").client("s3").put_object(
        Bucket="my-first-bucket", Key="there", Body=b"text"
    )
    session = (
        open_session(role_arn=scenario.role_arn, source_profile="UserAlpha", read_only=True)
        if by_arn
        else open_session("RoleBeta", read_only=True)
    )
    s3 = session.client("s3")
    assert len(s3.list_buckets()["Buckets"]) == 3
    assert s3.get_object(Bucket="my-first-bucket", Key="there")["Body"].read() == b"text"
    assert not can_write(session)
    assert who_am_i(session).account == ROLE_ACCOUNT


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
    """A role that requires an external ID can't be opened without it."""
    trust = trusting(scenario.user.arn)
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "ticket-7"}}
    role = aws.create_role("Partner", account=ROLE_ACCOUNT, trust=trust)
    aws.write_profile("Partner", role_arn=role, source_profile="UserAlpha", region="us-west-2")
    for wrong in (None, "ticket-77"):
        with pytest.raises(AccessDenied):
            open_session("Partner", external_id=wrong)
    named = who_am_i(open_session("Partner", external_id="ticket-7"))
    by_arn = who_am_i(
        open_session(role_arn=role, source_profile="UserAlpha", external_id="ticket-7")
    )
    assert named.account == by_arn.account == ROLE_ACCOUNT


def test_external_id_option_takes_precedence(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The option replaces the profile's external ID."""
    trust = trusting(scenario.user.arn)
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "right"}}
    role = aws.create_role("Partner", account=ROLE_ACCOUNT, trust=trust)
    aws.write_profile(
        "Partner",
        role_arn=role,
        source_profile="UserAlpha",
        external_id="wrong",
        region="us-west-2",
    )
    assert who_am_i(open_session("Partner", external_id="right")).account == ROLE_ACCOUNT
