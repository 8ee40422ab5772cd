"""Identity policies: validation, and evaluation of the policies that a client creates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.demo.clients import error_of
from tests.demo.policies import HOME, allows, denies, policy, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.demo.clients import Clients


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"account": "12345"}, "twelve digits"),
        ({"max_session_duration": 3599}, "3600 to 43200"),
        ({"max_session_duration": 43201}, "3600 to 43200"),
        ({"trust": trusts(HOME, Condition={"DateLessThan": {"aws:userid": "x"}})}, "DateLessThan"),
        ({"policy": {"Statement": [{"Effect": "Allow", "Action": "*"}]}}, "Resource"),
        ({"policy": policy(allows("s3:*", Condition={"Bool": {"aws:Via": "x"}}))}, "aws:Via"),
        ({"policy": policy(allows("s3:*", Resource="${aws:username}"))}, "variable"),
        ({"policy": policy(allows("s3:*", Principal="*"))}, "Principal"),
    ],
)
def test_a_role_that_cannot_be_enforced(
    aws: EmbeddedAws, arguments: dict[str, Any], complaint: str
) -> None:
    """A role can't be created with invalid values or with policy elements that aren't evaluated."""
    with pytest.raises(ValueError, match=complaint):
        aws.create_role("R", **{"account": HOME, "trust": trusts(HOME)} | arguments)


def test_policies_that_a_client_creates(aws: EmbeddedAws, clients: Clients) -> None:
    """A client's inline, attached and group policies are evaluated together."""
    admin = aws.create_user("Admin", account=HOME, policy=policy(allows("*")))
    iam, s3 = clients.of("iam", admin), clients.of("s3", aws.create_user("Ann", account=HOME))
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_buckets()
    allow, deny = json.dumps(policy(allows("s3:*"))), json.dumps(policy(denies("s3:*")))
    made = iam.create_policy(PolicyName="S3", PolicyDocument=allow)["Policy"]
    iam.attach_user_policy(UserName="Ann", PolicyArn=made["Arn"])
    assert s3.list_buckets()["Buckets"] == []
    iam.create_group(GroupName="Shut")
    iam.put_group_policy(GroupName="Shut", PolicyName="No", PolicyDocument=deny)
    iam.add_user_to_group(GroupName="Shut", UserName="Ann")
    with pytest.raises(ClientError, match="explicit deny"):
        s3.list_buckets()


def test_a_client_creates_a_policy_that_is_not_evaluated(
    aws: EmbeddedAws, clients: Clients
) -> None:
    """A policy that can't be evaluated makes its user's requests fail with a clear error."""
    admin = aws.create_user("Admin", account=HOME, policy=policy(allows("*")))
    document = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": '
        '"*", "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.1/32"}}}]}'
    )
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    clients.of("iam", admin).put_user_policy(
        UserName="Ann", PolicyName="p", PolicyDocument=document
    )
    for call in (
        clients.of("iam", user).list_users,
        clients.of("s3", user).list_buckets,
        lambda: clients.assume(user, role),
    ):
        error = error_of(call)
        assert error.code == "NotImplemented"
        assert "doesn't evaluate" in error.message


def test_sessions_of_a_deleted_role(aws: EmbeddedAws, clients: Clients) -> None:
    """A session loses all permissions when its role is deleted."""
    admin = aws.create_user("Admin", account=HOME, policy=policy(allows("*")))
    role = aws.create_role("Role", account=HOME, trust=trusts(HOME))
    session = clients.of("iam", clients.assume(admin, role))
    clients.of("iam", admin).delete_role(RoleName="Role")
    with pytest.raises(ClientError, match="AccessDenied"):
        session.list_users()
