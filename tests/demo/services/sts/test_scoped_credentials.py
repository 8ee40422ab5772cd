"""GetScopedCredentials, which returns the caller's own identity with fewer rights or less time.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.loaders import create_loader

from ipy_awsprofile.credentials.botocore_session import MODELS
from tests.demo.clients import error_of
from tests.demo.policies import AWAY, HOME, allows, policy, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.demo.clients import Clients, Clock

SCOPED = "sts:GetScopedCredentials"


def text(*actions: str) -> str:
    """Return a policy that allows these actions."""
    return json.dumps(policy(allows(*actions)))


def sts_with(aws: EmbeddedAws, keys: dict[str, Any]) -> Any:
    """Return an STS client that knows the operation, even if botocore's own models don't."""
    session = botocore.session.Session()
    session.register_component("data_loader", create_loader(MODELS))
    return session.create_client(
        "sts",
        region_name="us-west-2",
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
        config=Config(parameter_validation=False),  # so that the service validates the parameters
    )


@pytest.fixture
def keys(aws: EmbeddedAws, clients: Clients) -> dict[str, Any]:
    """Return the session of a role with all permissions and a source identity."""
    ann = aws.create_user("Ann", account=HOME, policy=policy(allows("sts:*")))
    trust = trusts(HOME, Action=["sts:AssumeRole", "sts:SetSourceIdentity"])
    role = aws.create_role("Role", account=AWAY, trust=trust, policy=policy(allows("*")))
    answer = clients.of("sts", ann).assume_role(
        RoleArn=role, RoleSessionName="me", SourceIdentity="ann"
    )
    credentials: dict[str, Any] = answer["Credentials"]
    return credentials


def test_identity(aws: EmbeddedAws, keys: dict[str, Any]) -> None:
    """The new session has the caller's identity and source identity, and ends at the same time."""
    answer = sts_with(aws, keys).get_scoped_credentials(
        Policy=text("s3:List*", SCOPED), ScopedSessionDescription="a test"
    )
    arn = f"arn:aws:sts::{AWAY}:assumed-role/Role/me"
    assert answer["SessionInfo"]["Arn"] == arn
    assert (answer["SourceIdentity"], answer["ScopedPoliciesCount"]) == ("ann", 1)
    assert answer["Credentials"]["Expiration"] == keys["Expiration"]
    assert sts_with(aws, answer["Credentials"]).get_caller_identity()["Arn"] == arn


@pytest.mark.slow
def test_intersection(aws: EmbeddedAws, clients: Clients, keys: dict[str, Any]) -> None:
    """Each policy only reduces the permissions of the previous session."""
    for actions, may_list in ((("s3:*", SCOPED), True), (("ec2:*", "s3:GetObject"), False)):
        answer = sts_with(aws, keys).get_scoped_credentials(Policy=text(*actions))
        keys = answer["Credentials"]
        s3 = clients.of("s3", keys)
        if may_list:
            assert s3.list_buckets()["Buckets"] == []
        else:
            error = error_of(s3.list_buckets)
            assert error.code == "AccessDenied"
            assert "because no session policy allows the s3:ListAllMyBuckets" in error.message
    assert error_of(clients.of("ec2", keys).describe_instances).code == "UnauthorizedOperation"


def test_three_layers(aws: EmbeddedAws, keys: dict[str, Any]) -> None:
    """A fourth policy is refused, but a shorter duration doesn't count as one."""
    for _ in range(3):
        keys = sts_with(aws, keys).get_scoped_credentials(Policy=text("*"))["Credentials"]
    fourth = sts_with(aws, keys).get_scoped_credentials
    assert error_of(fourth, Policy=text("*")).code == "AccessDenied"
    assert fourth(DurationSeconds=60)["ScopedPoliciesCount"] == 3


def test_time(aws: EmbeddedAws, clients: Clients, keys: dict[str, Any], clock: Clock) -> None:
    """The new session can be as short as a second, but must end before the caller's."""
    sts = sts_with(aws, keys)
    left = int((keys["Expiration"] - clock()).total_seconds())
    short = sts.get_scoped_credentials(DurationSeconds=1)["Credentials"]
    assert short["Expiration"] == clock() + timedelta(seconds=1)
    clock.advance(seconds=1)
    assert error_of(clients.of("s3", short).list_buckets).code == "ExpiredToken"
    error = error_of(sts.get_scoped_credentials, DurationSeconds=left)
    assert (error.code, error.status) == ("InsufficientSessionLifetime", 400)
    assert sts.get_scoped_credentials(DurationSeconds=left - 1)["Credentials"]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "ValidationError"),
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": " " * 2049}, "ValidationError"),
        ({"DurationSeconds": 129601}, "ValidationError"),
        ({"DurationSeconds": 60, "ScopedSessionDescription": "x"}, "ValidationError"),
    ],
)
def test_errors(
    aws: EmbeddedAws, keys: dict[str, Any], parameters: dict[str, Any], code: str
) -> None:
    """Invalid parameters cause the same errors as on AWS."""
    assert error_of(sts_with(aws, keys).get_scoped_credentials, **parameters).code == code


def test_too_large(aws: EmbeddedAws, keys: dict[str, Any]) -> None:
    """Policies that together don't fit into a session token are refused."""
    long = text("*") + " " * 1900
    for _ in range(2):
        keys = sts_with(aws, keys).get_scoped_credentials(Policy=long)["Credentials"]
    error = error_of(sts_with(aws, keys).get_scoped_credentials, Policy=long)
    assert (error.code, error.status) == ("PackedPolicyTooLarge", 400)


def test_who_may(aws: EmbeddedAws, clients: Clients) -> None:
    """Only temporary credentials whose policy allows it can call GetScopedCredentials."""
    for name, actions in (("Ann", ["s3:*"]), ("Bob", ["s3:*", SCOPED])):
        user = aws.create_user(name, account=HOME, policy=policy(allows(*actions)))
        long_term = {
            "AccessKeyId": user.access_key_id,
            "SecretAccessKey": user.secret_access_key,
        }
        scoped = sts_with(aws, long_term).get_scoped_credentials
        assert "long-term credentials" in error_of(scoped, DurationSeconds=60).message
        token = clients.of("sts", user).get_session_token()["Credentials"]
        scoped = sts_with(aws, token).get_scoped_credentials
        if name == "Ann":
            assert (
                f"not authorized to perform: {SCOPED}"
                in error_of(scoped, DurationSeconds=60).message
            )
        else:
            keys = scoped(Policy=text("s3:*"))["Credentials"]
            assert clients.of("s3", keys).list_buckets()["Buckets"] == []
