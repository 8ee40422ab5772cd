"""Session policies, which limit a role session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.demo.clients import error_of, not_authorized
from tests.demo.policies import AWAY, HOME, allows, policy, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.demo.clients import Clients

DENIED = " because no session policy allows the sts:AssumeRole action"


def read_only_session(aws: EmbeddedAws, clients: Clients, **more: Any) -> Any:
    """Create a role and a bucket; return a client of Amazon S3 that ReadOnlyAccess limits."""
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role(
        "Role", account=HOME, trust=trusts(user.arn), policy=policy(allows("s3:*"))
    )
    aws.create_bucket("the-bucket", account=HOME)
    managed = [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]
    return clients.of("s3", clients.assume(user, role, PolicyArns=managed, **more))


def test_a_session_policy_limits_the_role(aws: EmbeddedAws, clients: Clients) -> None:
    """A session with ReadOnlyAccess can list buckets, but can't write, although its role can."""
    session = read_only_session(aws, clients)
    assert [b["Name"] for b in session.list_buckets()["Buckets"]] == ["the-bucket"]
    error = error_of(session.put_object, Bucket="the-bucket", Key="key", Body=b"")
    assert error.message == (
        f"User: arn:aws:sts::{HOME}:assumed-role/Role/test is not authorized to perform: "
        's3:PutObject on resource: "arn:aws:s3:::the-bucket/key" because no session policy allows '
        "the s3:PutObject action"
    )


def test_managed_and_inline_policies_together(aws: EmbeddedAws, clients: Clients) -> None:
    """As on AWS, one session policy can allow what the other doesn't mention, and a Deny wins."""
    denial = allows("s3:GetBucketTagging") | {"Effect": "Deny"}
    session = read_only_session(aws, clients, Policy=json.dumps(policy(denial)))
    assert [b["Name"] for b in session.list_buckets()["Buckets"]] == ["the-bucket"]
    error = error_of(session.get_bucket_tagging, Bucket="the-bucket")
    assert "with an explicit deny in a session policy" in error.message


def test_a_customer_managed_policy(aws: EmbeddedAws, clients: Clients) -> None:
    """PolicyArns accepts managed policies of the role's account, even from another account."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("sts:AssumeRole")))
    admin = aws.create_user("Admin", account=AWAY, policy=policy(allows("iam:*")))
    role = aws.create_role(
        "Role", account=AWAY, trust=trusts(user.arn), policy=policy(allows("s3:*"))
    )
    made = clients.of("iam", admin).create_policy(
        PolicyName="Lists", PolicyDocument=json.dumps(policy(allows("s3:List*")))
    )["Policy"]
    session = clients.of("s3", clients.assume(user, role, PolicyArns=[{"arn": made["Arn"]}]))
    assert session.list_buckets()["Buckets"] == []
    with pytest.raises(ClientError, match="AccessDenied"):
        session.create_bucket(Bucket="new-bucket")


def test_a_session_policy_adds_no_permission(aws: EmbeddedAws, clients: Clients) -> None:
    """A session policy can't add permissions that the role doesn't have."""
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    inline = '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    session = clients.of("s3", clients.assume(user, role, Policy=inline))
    with pytest.raises(ClientError, match="no identity-based policy allows"):
        session.list_buckets()


def test_a_session_policy_and_a_trust_policy(aws: EmbeddedAws, clients: Clients) -> None:
    """A trust policy that names the caller doesn't override the caller's session policy."""
    user = aws.create_user("Ann", account=HOME)
    first = aws.create_role("First", account=HOME, trust=trusts(user.arn))
    second = aws.create_role("Second", account=HOME, trust=trusts(first))
    inline = '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}'
    limited = clients.assume(user, first, Policy=inline)
    caller = f"arn:aws:sts::{HOME}:assumed-role/First/test"
    assert clients.assume_error(limited, second) == not_authorized(caller, second, DENIED)
    assert clients.assume(clients.assume(user, first), second)["AccessKeyId"].startswith("ASIA")
