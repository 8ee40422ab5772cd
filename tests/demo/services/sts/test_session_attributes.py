"""Session tags and source identities: required permissions, effects and AWS's errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.clients import error_of
from tests.demo.policies import AWAY, HOME, allows, policy, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.demo.clients import Clients

ALL = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
RED: dict[str, Any] = {"Tags": [{"Key": "team", "Value": "red"}]}


@pytest.fixture
def user(aws: EmbeddedAws) -> IamUser:
    return aws.create_user("Ann", account=HOME, policy=policy(allows("sts:*")))


def role(aws: EmbeddedAws, principal: str, name: str = "Role", **more: Any) -> str:
    """Create a role that allows S3 only to sessions with the tag team=red, and return its ARN."""
    only_red = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    return aws.create_role(
        name,
        account=AWAY,
        trust=trusts(principal, **{"Action": ALL, **more}),
        policy=policy(allows("s3:*", Condition=only_red), allows("sts:*")),
    )


def test_a_tag(aws: EmbeddedAws, clients: Clients, user: IamUser) -> None:
    """A session's tags are condition keys of its requests."""
    arn = role(aws, HOME)
    clients.of("s3", clients.assume(user, arn, **RED)).list_buckets()
    for tags in ({}, {"Tags": [{"Key": "team", "Value": "blue"}]}):
        session = clients.assume(user, arn, **tags)
        assert error_of(clients.of("s3", session).list_buckets).code == "AccessDenied"


@pytest.mark.parametrize(
    ("parameters", "action"),
    [(RED, "sts:TagSession"), ({"SourceIdentity": "ann"}, "sts:SetSourceIdentity")],
)
def test_permissions(
    aws: EmbeddedAws,
    clients: Clients,
    user: IamUser,
    parameters: dict[str, Any],
    action: str,
) -> None:
    """Tags and source identities require another action in the trust policy."""
    arn = role(aws, HOME, Action="sts:AssumeRole")
    clients.assume(user, arn)
    error = clients.assume_error(user, arn, **parameters)
    assert error.code == "AccessDenied"
    assert f"is not authorized to perform: {action} on resource: {arn}" in error.message


def test_conditions_of_the_trust_policy(aws: EmbeddedAws, clients: Clients, user: IamUser) -> None:
    """A trust policy can require a source identity or a tag."""
    required = {"StringLike": {"sts:SourceIdentity": "a*", "aws:RequestTag/team": "*"}}
    arn = role(aws, HOME, Condition=required)
    assert clients.assume_error(user, arn, SourceIdentity="ann").code == "AccessDenied"
    assert clients.assume_error(user, arn, SourceIdentity="bob", **RED).code == "AccessDenied"
    answer = clients.of("sts", user).assume_role(
        RoleArn=arn, RoleSessionName="me", SourceIdentity="ann", **RED
    )
    assert answer["SourceIdentity"] == "ann"


def test_role_chaining(aws: EmbeddedAws, clients: Clients, user: IamUser) -> None:
    """Transitive tags and the source identity pass to the next role, and can't be changed."""
    first, second = role(aws, HOME, "First"), role(aws, AWAY, "Second")
    transitive = {**RED, "TransitiveTagKeys": ["team"], "SourceIdentity": "ann"}
    session = clients.assume(user, first, **transitive)
    clients.of("s3", clients.assume(session, second)).list_buckets()
    assert clients.assume_error(session, second, **RED).code == "InvalidParameterValue"
    assert clients.assume_error(session, second, SourceIdentity="bob").code == "AccessDenied"
    session = clients.assume(clients.assume(user, first, **RED), second)
    assert error_of(clients.of("s3", session).list_buckets).code == "AccessDenied"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Tags": [{"Key": "", "Value": "x"}]}, "ValidationError"),
        ({"Tags": [{"Key": "a;b", "Value": "x"}]}, "ValidationError"),
        ({"Tags": [{"Key": "a", "Value": "x" * 257}]}, "ValidationError"),
        ({"Tags": [{"Key": "aws:a", "Value": "x"}]}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]}, "InvalidParameterValue"),
        (
            {"Tags": [{"Key": f"a{n}", "Value": ""} for n in range(51)]},
            "InvalidParameterValue",
        ),
        ({"TransitiveTagKeys": ["team"]}, "InvalidParameterValue"),
        ({"SourceIdentity": "a"}, "ValidationError"),
        ({"SourceIdentity": "a b"}, "ValidationError"),
        ({"Policy": " " * 2049}, "ValidationError"),
    ],
)
def test_what_is_refused(
    aws: EmbeddedAws, clients: Clients, user: IamUser, parameters: dict[str, Any], code: str
) -> None:
    """Tags, source identities and policies that AWS doesn't accept cause AWS's errors."""
    assert clients.assume_error(user, role(aws, HOME), **parameters).code == code
