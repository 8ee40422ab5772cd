"""A session's identity is what STS says, with as few calls as possible."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.errors import InvalidProfile
from ipy_awsprofile.sessions.identity import Identity, who_am_i
from ipy_awsprofile.sessions.session import open_session
from tests.sessions.traces import actions, cached_roles

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario


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
    (file,) = cached_roles(aws)
    document = json.loads(file.read_text())
    del document["AssumedRoleUser"]
    file.write_text(json.dumps(document))
    aws.calls.clear()
    assert who_am_i(open_session("RoleBeta")) == first
    assert actions(aws) == ["sts:GetCallerIdentity"]
