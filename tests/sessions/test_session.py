"""A profile becomes a session that proves itself, refreshes, and shares the AWS CLI's cache."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import (
    AccessDenied,
    CredentialsExpired,
    CredentialsUnavailable,
    InvalidOption,
    InvalidProfile,
    InvalidSource,
    MfaRejected,
    MfaUnavailable,
    NoRegion,
    ProfileNotFound,
    ServiceError,
)
from ipy_awsprofile.sessions.identity import Identity, who_am_i
from ipy_awsprofile.sessions.session import ProfileSession, open_session

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario


def actions(aws: EmbeddedAws) -> list[str]:
    """List what was called, and forget it."""
    seen = [call.action for call in aws.calls]
    aws.calls.clear()
    return seen


def cache_files(aws: EmbeddedAws) -> list[Path]:
    """List the files in the CLI's cache."""
    return list((aws.home / ".aws" / "cli" / "cache").glob("*"))


@pytest.fixture
def mfa_serial(aws: EmbeddedAws, scenario: Scenario) -> str:
    """Make a role profile `WithMfa` that asks for a code; say of which device."""
    user = aws.create_user(
        "Careful", account=USER_ACCOUNT, policy=allow("sts:AssumeRole"), mfa=True
    )
    assert user.mfa_serial is not None
    trust = trusting(user.arn)
    trust["Statement"][0]["Condition"] = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    role = aws.create_role("RoleMfa", account=ROLE_ACCOUNT, trust=trust, policy=allow("s3:*"))
    aws.write_profile("Careful", region="us-west-2")
    aws.write_profile(
        "Careful",
        file="credentials",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )
    aws.write_profile(
        "WithMfa",
        role_arn=role,
        source_profile="Careful",
        mfa_serial=user.mfa_serial,
        region="us-west-2",
    )
    return user.mfa_serial


def test_identity_of_a_role(aws: EmbeddedAws) -> None:
    """A role's session says account, ARN, chain, region and the time of its expiry."""
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
    """A user's session says who the user is, and doesn't expire."""
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


def test_identity_of_a_session_of_the_user(aws: EmbeddedAws) -> None:
    """Any boto3 session can be asked who it is; it has no profile of ours."""
    identity = who_am_i(boto3.Session(profile_name="UserAlpha"))
    assert identity.arn.endswith("user/UserAlpha")
    assert (identity.profile, identity.chain) == (None, ())


def test_identity_of_nobody() -> None:
    """A session without credentials is refused."""
    with pytest.raises(InvalidProfile, match="The profile `default` has no credentials"):
        who_am_i(boto3.Session())


def test_a_role_costs_one_call(aws: EmbeddedAws) -> None:
    """Opening a role's session and asking who it is is one AssumeRole, and nothing else."""
    who_am_i(open_session("RoleBeta"))
    assert actions(aws) == ["sts:AssumeRole"]


def test_a_cached_role_costs_none(aws: EmbeddedAws) -> None:
    """While the CLI's cache has the role, neither opening nor asking calls STS."""
    first = who_am_i(open_session("RoleBeta"))
    aws.calls.clear()
    assert who_am_i(open_session("RoleBeta")) == first
    assert actions(aws) == []


def test_a_user_costs_one_call(aws: EmbeddedAws) -> None:
    """A user's identity is asked for once in a session."""
    session = open_session("UserAlpha")
    assert who_am_i(session) == who_am_i(session)
    assert actions(aws) == ["sts:GetCallerIdentity"]


def test_a_cache_that_does_not_say_who(aws: EmbeddedAws) -> None:
    """Where the cached document lacks the role, STS is asked who its credentials are."""
    first = who_am_i(open_session("RoleBeta"))
    (file,) = cache_files(aws)
    document = json.loads(file.read_text())
    del document["AssumedRoleUser"]
    file.write_text(json.dumps(document))
    aws.calls.clear()
    assert who_am_i(open_session("RoleBeta")) == first
    assert actions(aws) == ["sts:GetCallerIdentity"]


def test_fresh_passes_over_the_cache(aws: EmbeddedAws) -> None:
    """Fresh credentials are new ones, and others find them in the cache."""
    old = open_session("RoleBeta")
    new = open_session("RoleBeta", fresh=True)
    again = open_session("RoleBeta")
    credentials: list[Any] = [session.get_credentials() for session in (old, new, again)]
    keys = [one.access_key for one in credentials]
    assert keys[0] != keys[1] == keys[2]
    assert actions(aws) == ["sts:AssumeRole"] * 2


def test_a_session_renews_itself(aws: EmbeddedAws) -> None:
    """Credentials that are about to end are replaced when they are used."""
    session = open_session("RoleBeta", duration=900)
    aws.expire_sessions()
    assert len(session.client("s3").list_buckets()["Buckets"]) == 3
    assert who_am_i(session).account == ROLE_ACCOUNT


def test_expired_on_the_other_side(aws: EmbeddedAws) -> None:
    """A session that AWS has ended is told as the role's, with what to run."""
    session = open_session("RoleBeta")
    aws.expire_sessions()
    session.callers.clear()  # so that STS is asked
    with pytest.raises(CredentialsExpired, match="of `RoleBeta` have expired") as caught:
        who_am_i(session)
    assert "--refresh" in caught.value.hint


def test_options_reach_aws(aws: EmbeddedAws) -> None:
    """Region, duration and session name stand in for those of the files."""
    session = open_session("RoleBeta", region="eu-central-1", duration=1800, session_name="longer")
    identity = who_am_i(session)
    assert session.region_name == identity.region == "eu-central-1"
    assert identity.arn.endswith("/longer")
    assert identity.expiry is not None
    assert identity.expiry - datetime.now(UTC) <= timedelta(minutes=30)


def test_region_goes_before_the_environment(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option for the region wins over AWS_DEFAULT_REGION, which wins over the file."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert open_session("RoleBeta").region_name == "eu-west-3"
    assert open_session("RoleBeta", region="eu-west-1").region_name == "eu-west-1"


def test_profile_goes_before_keys_in_the_environment(
    aws: EmbeddedAws, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys in the environment don't sign for a profile that was asked for."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_PROFILE", "RoleBeta")
    assert who_am_i(open_session("UserAlpha")).arn == scenario.user.arn


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"region": "not a region"}, InvalidOption, "doesn't match a supported format"),
        ({"duration": 7}, InvalidOption, "valid min value: 900"),
        ({"duration": 7200}, ServiceError, "exceeds the MaxSessionDuration"),
        ({"session_name": "a b"}, ServiceError, "roleSessionName"),
        ({"session_name": "x"}, InvalidOption, "valid min length: 2"),
    ],
)
def test_impossible_options(
    aws: EmbeddedAws, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """What AWS can't do is refused when the session is opened."""
    with pytest.raises(error, match=message):
        open_session("RoleBeta", **options)


def test_impossible_region_with_cached_credentials(aws: EmbeddedAws) -> None:
    """A region that can't be one is refused even if no call is needed."""
    open_session("RoleBeta")
    with pytest.raises(InvalidOption, match="doesn't match a supported format"):
        open_session("RoleBeta", region="not a region")


@pytest.mark.parametrize("options", [{"duration": 900}, {"session_name": "x"}])
def test_options_of_roles_only(aws: EmbeddedAws, options: dict[str, Any]) -> None:
    """A profile that assumes no role takes neither a duration nor a session name."""
    with pytest.raises(InvalidOption, match="`UserAlpha` assumes no role") as caught:
        open_session("UserAlpha", **options)
    assert caught.value.hint == "It is of the kind: static keys."


def test_chained_roles(aws: EmbeddedAws, scenario: Scenario) -> None:
    """A role that a role may assume is reached over both, and costs two calls."""
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
    """A credential source takes the first keys from the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", scenario.user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", scenario.user.secret_access_key)
    aws.write_profile(
        "FromEnvironment",
        role_arn=scenario.role_arn,
        credential_source="Environment",
        region="us-west-2",
    )
    identity = who_am_i(open_session("FromEnvironment", session_name="env"))
    assert identity.chain == ("FromEnvironment",)
    assert identity.arn.endswith("RoleBeta/env")


def test_role_with_own_keys(aws: EmbeddedAws, scenario: Scenario) -> None:
    """A profile that names itself as its source assumes its role with its own keys."""
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


def test_credential_process(aws: EmbeddedAws, scenario: Scenario, tmp_path: Path) -> None:
    """A process may give the keys; it runs when the session is opened, not before."""
    keys = {
        "Version": 1,
        "AccessKeyId": scenario.user.access_key_id,
        "SecretAccessKey": scenario.user.secret_access_key,
    }
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    aws.write_profile(
        "Process", credential_process=f"cat {tmp_path / 'keys.json'}", region="us-west-2"
    )
    assert who_am_i(open_session("Process")).arn == scenario.user.arn


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("false", "The credential_process of `Process` failed with status 1"),
        ("echo hush", "The credential_process of `Process` printed no JSON"),
        ('echo {"Version":2}', "The credential_process of `Process` printed no JSON"),
        ("/no/such/command", "No such file or directory"),
    ],
)
def test_credential_process_that_fails(aws: EmbeddedAws, command: str, message: str) -> None:
    """A process that fails, prints something else or isn't there is told, never quoted."""
    aws.write_profile("Process", credential_process=command, region="us-west-2")
    with pytest.raises(CredentialsUnavailable, match=message) as caught:
        open_session("Process")
    assert "hush" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_web_identity_without_its_file(aws: EmbeddedAws, scenario: Scenario) -> None:
    """A token file that isn't there is named."""
    aws.write_profile(
        "Web", role_arn=scenario.role_arn, web_identity_token_file="/none", region="us-west-2"
    )
    with pytest.raises(CredentialsUnavailable, match="`/none`"):
        open_session("Web", session_name="x")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({}, InvalidProfile, "The profile `p` has no credentials."),
        ({"role_arn": "r"}, InvalidSource, "neither source_profile nor credential_source"),
        (
            {"role_arn": "arn:aws:iam::1:role/role", "credential_source": "Odd"},
            InvalidSource,
            "Odd",
        ),
        (
            {"aws_access_key_id": "k"},
            InvalidSource,
            "half of a pair of keys: aws_secret_access_key is missing",
        ),
        (
            {"role_arn": "arn:aws:iam::1:role/role", "credential_source": "EcsContainer"},
            CredentialsUnavailable,
            "The container's credential service gave no credentials for `p`.",
        ),
        (
            {"sso_account_id": "1", "sso_role_name": "r", "sso_session": "none"},
            InvalidSource,
            'sso-session does not exist: "none"',
        ),
        (
            {"role_arn": "arn:aws:iam::1:role/role", "source_profile": "UserAlpha"},
            NoRegion,
            "No AWS Region is known for `p`.",
        ),
        (
            {
                "role_arn": "arn:aws:iam::123456789012:role/none",
                "source_profile": "UserAlpha",
                "region": "us-west-2",
            },
            AccessDenied,
            "AWS doesn't let arn:aws:iam::231179739868:user/UserAlpha assume "
            "arn:aws:iam::123456789012:role/none.",
        ),
        (
            {
                "role_arn": "arn:aws:iam::1:role/role",
                "source_profile": "UserAlpha",
                "region": "us-west-2",
                "endpoint_url": "no url",
            },
            InvalidProfile,
            "A setting of `p` can't be used: Invalid endpoint: no url",
        ),
    ],
)
def test_profile_that_leads_nowhere(
    aws: EmbeddedAws, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    """A profile that doesn't work fails when it is opened, with the reason."""
    aws.write_profile("p", **settings)
    with pytest.raises(error) as caught:
        open_session("p")
    assert message in str(caught.value)


def test_no_such_profile(aws: EmbeddedAws) -> None:
    """A name that isn't there opens nothing, and calls nobody."""
    with pytest.raises(ProfileNotFound):
        open_session("Nobody")
    assert actions(aws) == []


def test_mfa_code_is_asked_for_once(aws: EmbeddedAws, mfa_serial: str) -> None:
    """The prompter gets the question and gives the code; the cache then serves without it."""
    questions: list[str] = []

    def prompter(question: str) -> str:
        questions.append(question)
        return aws.mfa_code(mfa_serial)

    identity = who_am_i(open_session("WithMfa", mfa_prompter=prompter))
    assert identity.account == ROLE_ACCOUNT
    assert who_am_i(open_session("WithMfa", mfa_prompter=prompter)) == identity
    assert questions == [f"Enter MFA code for {mfa_serial}: "]


def test_wrong_mfa_code(aws: EmbeddedAws, mfa_serial: str) -> None:
    """A wrong code is told as such, without quoting it."""
    wrong = "000000" if aws.mfa_code(mfa_serial) != "000000" else "000001"
    with pytest.raises(MfaRejected, match="AWS refused the MFA code for `WithMfa`") as caught:
        open_session("WithMfa", mfa_prompter=lambda _: wrong)
    assert wrong not in str(caught.value)


def test_mfa_where_nobody_can_answer(aws: EmbeddedAws, mfa_serial: str) -> None:
    """Without a terminal and without a front end, nothing prompts: it is an error."""
    with pytest.raises(MfaUnavailable) as caught:
        open_session("WithMfa")
    assert mfa_serial in str(caught.value)
    assert caught.value.hint


def test_cache_is_the_clis_and_private(aws: EmbeddedAws) -> None:
    """The session goes into one file below ~/.aws/cli/cache, for its owner only."""
    open_session("RoleBeta")
    (file,) = cache_files(aws)
    assert file.stat().st_mode & 0o777 == 0o600


def test_repr_has_no_secret(aws: EmbeddedAws) -> None:
    """A session's repr is the chain and the region."""
    session = open_session("RoleBeta")
    assert isinstance(session, ProfileSession)
    assert repr(session) == "<session of RoleBeta ← UserAlpha, region us-west-2>"
