"""S3: results of ListBuckets, and permissions for requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.demo.clients import error_of
from tests.demo.policies import AWAY, HOME, allows, denies, policy, root, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.demo.clients import Clients

BUCKETS = {
    "logs-west": "us-west-2",
    "data-west": "us-west-2",
    "data-east": "us-east-1",
    "data-eu": "eu-central-1",
    "archive": "eu-central-1",
}


@pytest.fixture
def s3(aws: EmbeddedAws, clients: Clients) -> Any:
    """Create five buckets, not in order, and return the client of a user in their account."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
    for name, region in BUCKETS.items():
        aws.create_bucket(name, account=HOME, region=region)
    return clients.of("s3", user)


def names(answer: dict[str, Any]) -> list[str]:
    return [bucket["Name"] for bucket in answer["Buckets"]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["archive", "data-east", "data-eu", "data-west", "logs-west"]),
        ({"Prefix": "data-"}, ["data-east", "data-eu", "data-west"]),
        ({"Prefix": "data-e"}, ["data-east", "data-eu"]),
        ({"Prefix": "none"}, []),
        ({"BucketRegion": "eu-central-1"}, ["archive", "data-eu"]),
        ({"BucketRegion": "us-west-2", "Prefix": "data-"}, ["data-west"]),
        ({"MaxBuckets": 2}, ["archive", "data-east"]),
        ({"MaxBuckets": 10_000}, ["archive", "data-east", "data-eu", "data-west", "logs-west"]),
    ],
)
def test_buckets_are_sorted_and_filtered(
    s3: Any, parameters: dict[str, Any], expected: list[str]
) -> None:
    """ListBuckets returns the buckets that match its parameters, sorted by name."""
    answer = s3.list_buckets(**parameters)
    assert names(answer) == expected
    assert answer.get("Prefix") == parameters.get("Prefix")


@pytest.mark.parametrize(
    ("parameters", "has_region"),
    [
        ({}, False),
        ({"Prefix": ""}, True),
        ({"Prefix": "data"}, True),
        ({"MaxBuckets": 100}, True),
        ({"BucketRegion": "us-west-2"}, True),
    ],
)
def test_bucket_region(s3: Any, parameters: dict[str, Any], has_region: bool) -> None:
    """Buckets have a BucketRegion only if the request has any parameter."""
    buckets = s3.list_buckets(**parameters)["Buckets"]
    regions = {bucket["Name"]: bucket.get("BucketRegion") for bucket in buckets}
    assert regions == {name: BUCKETS[name] if has_region else None for name in regions}


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6])
def test_pages(s3: Any, size: int) -> None:
    """For any page size, the pages together contain each bucket once, and the last has no token."""
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": size}))
    assert [name for page in pages for name in names(page)] == sorted(BUCKETS)
    assert all(len(page["Buckets"]) <= size for page in pages)
    assert "ContinuationToken" not in pages[-1]


def test_continuation_token(aws: EmbeddedAws, s3: Any) -> None:
    """A token contains no bucket name, and stays valid after changes to the buckets."""
    first = s3.list_buckets(MaxBuckets=2, Prefix="data-")
    token = first["ContinuationToken"]
    assert not any(name in token for name in BUCKETS)
    s3.delete_bucket(Bucket="data-eu")
    aws.create_bucket("data-aaa", account=HOME)
    answer = s3.list_buckets(ContinuationToken=token, Prefix="data-")
    assert names(answer) == ["data-west"]


@pytest.mark.parametrize("token", ["data-east", "ZGF0YQ==", "é"])
def test_an_invalid_token(s3: Any, token: str) -> None:
    """A continuation token that isn't from S3 causes an InvalidArgument error."""
    error = error_of(s3.list_buckets, ContinuationToken=token)
    assert error.code == "InvalidArgument"
    assert error.message == "The continuation token provided is incorrect"


@pytest.mark.parametrize("size", [0, -1, 10_001])
def test_a_page_has_1_to_10000_buckets(aws: EmbeddedAws, clients: Clients, size: int) -> None:
    """A page size outside S3's range causes an InvalidArgument error."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
    s3 = clients.of("s3", user, config=Config(parameter_validation=False))
    assert error_of(s3.list_buckets, MaxBuckets=size).code == "InvalidArgument"


@pytest.mark.parametrize(
    "created",
    [
        datetime(2018, 8, 31, 7, 46, 2, tzinfo=UTC),
        datetime(2018, 8, 31, 9, 46, 2, tzinfo=timezone(timedelta(hours=2))),
        datetime(2018, 8, 31, 7, 46, 2),
    ],
)
def test_creation_dates_are_exact(aws: EmbeddedAws, s3: Any, created: datetime) -> None:
    """A bucket's creation date is exact in any time zone, and naive dates are in UTC."""
    aws.create_bucket("old-bucket", account=HOME, creation_date=created)
    dates = {b["Name"]: b["CreationDate"] for b in s3.list_buckets()["Buckets"]}
    assert dates["old-bucket"] == datetime(2018, 8, 31, 7, 46, 2, tzinfo=UTC)


def test_a_session_sees_its_roles_account(aws: EmbeddedAws, clients: Clients) -> None:
    """A session of a role in another account lists that account's buckets."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("*")))
    role = aws.create_role(
        "Role", account=AWAY, trust=trusts(root(HOME)), policy=policy(allows("s3:*"))
    )
    aws.create_bucket("home-bucket", account=HOME)
    aws.create_bucket("away-bucket", account=AWAY)
    assert names(clients.of("s3", user).list_buckets()) == ["home-bucket"]
    session = clients.of("s3", clients.assume(user, role))
    assert names(session.list_buckets()) == ["away-bucket"]


NO_POLICY = "because no identity-based policy allows the {} action"
DENY = "with an explicit deny in an identity-based policy"


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ([], NO_POLICY),
        ([allows("s3:Put*")], NO_POLICY),
        ([allows("s3:*", Resource="arn:aws:s3:::other-bucket*")], NO_POLICY),
        ([allows("*"), denies("s3:*")], DENY),
        ([allows("*"), denies("s3:Get*", "s3:List*")], DENY),
    ],
)
def test_the_reason_of_a_denial(
    aws: EmbeddedAws, clients: Clients, statements: list[Any], reason: str
) -> None:
    """The message has the action, the resource and the reason, and an explicit Deny wins."""
    user = aws.create_user("Ann", account=HOME, policy=policy(*statements))
    aws.create_bucket("the-bucket", account=HOME)
    s3, start = clients.of("s3", user), f"User: {user.arn} is not authorized to perform: "
    for call, text in [
        (s3.list_buckets, "s3:ListAllMyBuckets {}"),
        (
            lambda: s3.list_objects_v2(Bucket="the-bucket"),
            's3:ListBucket on resource: "arn:aws:s3:::the-bucket" {}',
        ),
        (
            lambda: s3.get_object(Bucket="the-bucket", Key="a/b c"),
            's3:GetObject on resource: "arn:aws:s3:::the-bucket/a/b c" {}',
        ),
    ]:
        message = start + text.format(reason.format(text.split()[0]))
        assert error_of(call) == ("AccessDenied", message, 403)


def test_a_policy_may_name_resources(aws: EmbeddedAws, clients: Clients) -> None:
    """A policy for some objects of a bucket doesn't allow access to others."""
    ours = allows("s3:GetObject", "s3:PutObject", Resource="arn:aws:s3:::the-bucket/mine/*")
    user = aws.create_user("Ann", account=HOME, policy=policy(ours))
    aws.create_bucket("the-bucket", account=HOME)
    s3 = clients.of("s3", user)
    s3.put_object(Bucket="the-bucket", Key="mine/a b.txt", Body=b"text")
    assert s3.get_object(Bucket="the-bucket", Key="mine/a b.txt")["Body"].read() == b"text"
    with pytest.raises(ClientError, match="s3:PutObject"):
        s3.put_object(Bucket="the-bucket", Key="yours/a.txt", Body=b"text")


def test_a_missing_bucket(aws: EmbeddedAws, clients: Clients) -> None:
    """Users with permission to list buckets get NoSuchBucket, and other users AccessDenied."""
    may = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
    may_not = aws.create_user("Bob", account=HOME)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        clients.of("s3", may).list_objects_v2(Bucket="no-bucket")
    with pytest.raises(ClientError, match="Access Denied"):
        clients.of("s3", may_not).list_objects_v2(Bucket="no-bucket")


def test_the_bucket_of_another_account(aws: EmbeddedAws, clients: Clients) -> None:
    """A user can't read another account's bucket, and S3's error gives no reason."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("*")))
    aws.create_bucket("away-bucket", account=AWAY)
    error = error_of(clients.of("s3", user).list_objects_v2, Bucket="away-bucket")
    assert error.message == "Access Denied"


#: Calls of operations whose actions have other names, with the only statement that each needs.
LEAST: dict[str, tuple[dict[str, Any], str, str]] = {
    "put_public_access_block": (
        {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
        "s3:PutBucketPublicAccessBlock",
        "",
    ),
    "put_bucket_encryption": (
        {
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            }
        },
        "s3:PutEncryptionConfiguration",
        "",
    ),
    "delete_bucket_encryption": ({}, "s3:PutEncryptionConfiguration", ""),
    "get_bucket_ownership_controls": ({}, "s3:GetBucketOwnershipControls", ""),
    "head_bucket": ({}, "s3:ListBucket", ""),
    "list_objects_v2": ({"Prefix": "mine/"}, "s3:ListBucket", ""),
    "head_object": ({"Key": "mine/a"}, "s3:GetObject", "/mine/*"),
    "get_object_tagging": ({"Key": "mine/a"}, "s3:GetObjectTagging", "/mine/*"),
    "delete_object_tagging": ({"Key": "mine/a"}, "s3:DeleteObjectTagging", "/mine/*"),
    "create_multipart_upload": ({"Key": "mine/a"}, "s3:PutObject", "/mine/*"),
}


@pytest.mark.parametrize("name", LEAST)
def test_the_documented_permission(aws: EmbeddedAws, clients: Clients, name: str) -> None:
    """AWS's documented permission is enough for a call, and necessary."""
    parameters, action, objects = LEAST[name]
    resource = f"arn:aws:s3:::the-bucket{objects}"
    ann = aws.create_user("Ann", account=HOME, policy=policy(allows(action, Resource=resource)))
    others = policy({"Effect": "Allow", "NotAction": [action]})
    bob = aws.create_user("Bob", account=HOME, policy=others)
    admin = clients.of("s3", aws.create_user("Admin", account=HOME, policy=policy(allows("*"))))
    aws.create_bucket("the-bucket", account=HOME)
    admin.put_object(Bucket="the-bucket", Key="mine/a", Body=b"")
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    admin.put_bucket_ownership_controls(Bucket="the-bucket", OwnershipControls=controls)
    getattr(clients.of("s3", ann), name)(Bucket="the-bucket", **parameters)
    assert aws.calls[-1].action == action
    error = error_of(getattr(clients.of("s3", bob), name), Bucket="the-bucket", **parameters)
    assert error.status == 403
    if not name.startswith("head_"):  # their errors have no body
        assert f"perform: {action} on" in error.message


def test_each_object_is_deleted_or_denied(aws: EmbeddedAws, clients: Clients) -> None:
    """DeleteObjects deletes the objects that the policy allows, and returns the other errors."""
    ours = "arn:aws:s3:::the-bucket/mine/*"
    ann = aws.create_user(
        "Ann", account=HOME, policy=policy(allows("s3:DeleteObject", Resource=ours))
    )
    admin = clients.of("s3", aws.create_user("Admin", account=HOME, policy=policy(allows("*"))))
    aws.create_bucket("the-bucket", account=HOME)
    keys = ["mine/a", "mine/b c", "yours/a"]
    for key in keys:
        admin.put_object(Bucket="the-bucket", Key=key, Body=b"")
    answer = clients.of("s3", ann).delete_objects(
        Bucket="the-bucket", Delete={"Objects": [{"Key": key} for key in keys]}
    )
    assert [one["Key"] for one in answer["Deleted"]] == ["mine/a", "mine/b c"]
    [error] = answer["Errors"]
    assert (error["Key"], error["Code"]) == ("yours/a", "AccessDenied")
    assert 's3:DeleteObject on resource: "arn:aws:s3:::the-bucket/yours/a"' in error["Message"]
    left = admin.list_objects_v2(Bucket="the-bucket")["Contents"]
    assert [one["Key"] for one in left] == ["yours/a"]


def test_versions_need_their_own_permission(aws: EmbeddedAws, clients: Clients) -> None:
    """Versions of objects need s3:DeleteObjectVersion, in one request for many objects, too."""
    ann = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:DeleteObject")))
    bob = aws.create_user("Bob", account=HOME, policy=policy(allows("s3:DeleteObjectVersion")))
    admin = clients.of("s3", aws.create_user("Admin", account=HOME, policy=policy(allows("*"))))
    aws.create_bucket("the-bucket", account=HOME)
    enabled = {"Status": "Enabled"}
    admin.put_bucket_versioning(Bucket="the-bucket", VersioningConfiguration=enabled)
    version = admin.put_object(Bucket="the-bucket", Key="a", Body=b"")["VersionId"]
    objects = {"Objects": [{"Key": "a", "VersionId": version}]}
    denied = clients.of("s3", ann).delete_objects(Bucket="the-bucket", Delete=objects)["Errors"]
    assert [one["VersionId"] for one in denied] == [version]
    assert "s3:DeleteObjectVersion" in denied[0]["Message"]
    deleted = clients.of("s3", bob).delete_objects(Bucket="the-bucket", Delete=objects)["Deleted"]
    assert [one["VersionId"] for one in deleted] == [version]


def test_a_form_needs_the_permission_for_its_object(aws: EmbeddedAws, clients: Clients) -> None:
    """A presigned form uploads an object if its signer may put this object."""
    ours = "arn:aws:s3:::the-bucket/mine/*"
    ann = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:PutObject", Resource=ours)))
    aws.create_bucket("the-bucket", account=HOME)
    for key, status in (("mine/a", 204), ("yours/a", 403)):
        form = clients.of("s3", ann).generate_presigned_post("the-bucket", key)
        sent = requests.post(form["url"], data=form["fields"], files={"file": b"text"}, timeout=60)
        assert sent.status_code == status
