"""A session's identity comes from STS, with as few calls as possible."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.errors import EndpointUnreachable, InvalidProfile
from ipy_awsprofile.sessions.session import Identity, open_session, who_am_i
from tests.identity_center import organisation
from tests.servers import closed_port
from tests.sessions.traces import actions, cached_roles

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


def test_cached_role_without_an_identity(aws: EmbeddedAws) -> None:
    """If a cached role's document lacks the identity, one GetCallerIdentity returns it."""
    first = who_am_i(open_session("RoleBeta"))
    (file,) = cached_roles(aws)
    document = json.loads(file.read_text())
    del document["AssumedRoleUser"]
    file.write_text(json.dumps(document))
    aws.calls.clear()
    assert who_am_i(open_session("RoleBeta")) == first
    assert actions(aws) == ["sts:GetCallerIdentity"]


@pytest.mark.parametrize("name", ["RoleBeta", "UserAlpha", "prod-reader"])
def test_variables_after_a_failure(aws: EmbeddedAws, scenario: Scenario, name: str) -> None:
    """If STS can't be reached, the variables in the traceback contain no key."""
    organisation(aws)
    aws.sso.sign_in("corp")
    session = open_session(name)
    session.callers.clear()
    address = f"http://127.0.0.1:{closed_port()}"
    session._session.full_config["profiles"][name]["endpoint_url"] = address
    with pytest.raises(EndpointUnreachable) as caught:
        who_am_i(session)
    ours = caught.tb.tb_next  # without this test's variables
    failure = traceback.TracebackException(caught.type, caught.value, ours, capture_locals=True)
    shown = "".join(failure.format())
    assert "frozen = <RedactedCredentials>" in shown
    secrets = {*aws.secrets(), scenario.user.access_key_id, scenario.user.secret_access_key}
    assert [secret[:4] for secret in secrets if secret in shown] == []
