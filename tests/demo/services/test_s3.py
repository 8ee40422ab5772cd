"""S3: what ListBuckets answers, and whom it answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

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
    """Make the client of a user of an account with five buckets, created in no order."""
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
    """ListBuckets gives the buckets that its parameters ask for, by name."""
    answer = s3.list_buckets(**parameters)
    assert names(answer) == expected
    assert answer.get("Prefix") == parameters.get("Prefix")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, False),
        ({"Prefix": ""}, True),
        ({"Prefix": "data"}, True),
        ({"MaxBuckets": 100}, True),
        ({"BucketRegion": "us-west-2"}, True),
    ],
)
def test_the_region_is_said_only_if_a_parameter_is_given(
    s3: Any, parameters: dict[str, Any], said: bool
) -> None:
    """Each bucket has its BucketRegion exactly if the request has any parameter."""
    buckets = s3.list_buckets(**parameters)["Buckets"]
    regions = {bucket["Name"]: bucket.get("BucketRegion") for bucket in buckets}
    assert regions == {name: BUCKETS[name] if said else None for name in regions}


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6])
def test_pages_hold_every_bucket_once(s3: Any, size: int) -> None:
    """Paging through gives all buckets, whatever the page's size, and an end."""
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": size}))
    assert [name for page in pages for name in names(page)] == sorted(BUCKETS)
    assert all(len(page["Buckets"]) <= size for page in pages)
    assert "ContinuationToken" not in pages[-1]


def test_the_token_is_opaque_and_keeps_its_place(aws: EmbeddedAws, s3: Any) -> None:
    """A token is no bucket's name, and stays right if buckets come and go in between."""
    first = s3.list_buckets(MaxBuckets=2, Prefix="data-")
    token = first["ContinuationToken"]
    assert not any(name in token for name in BUCKETS)
    s3.delete_bucket(Bucket="data-eu")
    aws.create_bucket("data-aaa", account=HOME)
    answer = s3.list_buckets(ContinuationToken=token, Prefix="data-")
    assert names(answer) == ["data-west"]


@pytest.mark.parametrize("token", ["data-east", "ZGF0YQ==", "é"])
def test_a_wrong_token_is_refused(s3: Any, token: str) -> None:
    """A continuation token that S3 did not give is an InvalidArgument."""
    with pytest.raises(ClientError) as caught:
        s3.list_buckets(ContinuationToken=token)
    assert caught.value.response["Error"] == {
        "Code": "InvalidArgument",
        "Message": "The continuation token provided is incorrect",
    }


@pytest.mark.parametrize("size", [0, -1, 10_001])
def test_a_page_has_1_to_10000_buckets(aws: EmbeddedAws, clients: Clients, size: int) -> None:
    """A page's size out of S3's bounds is an InvalidArgument."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
    s3 = clients.of("s3", user, config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as caught:
        s3.list_buckets(MaxBuckets=size)
    assert caught.value.response["Error"]["Code"] == "InvalidArgument"


@pytest.mark.parametrize(
    "created",
    [
        datetime(2018, 8, 31, 7, 46, 2, tzinfo=UTC),
        datetime(2018, 8, 31, 9, 46, 2, tzinfo=timezone(timedelta(hours=2))),
        datetime(2018, 8, 31, 7, 46, 2),
    ],
)
def test_creation_dates_are_exact(aws: EmbeddedAws, s3: Any, created: datetime) -> None:
    """A bucket's date is the one given, in whatever zone it was said."""
    aws.create_bucket("old-bucket", account=HOME, creation_date=created)
    dates = {b["Name"]: b["CreationDate"] for b in s3.list_buckets()["Buckets"]}
    assert dates["old-bucket"] == datetime(2018, 8, 31, 7, 46, 2, tzinfo=UTC)


def test_a_session_sees_its_roles_account(aws: EmbeddedAws, clients: Clients) -> None:
    """Who assumes a role in another account sees the buckets there, not those at home."""
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
def test_a_denial_says_why(
    aws: EmbeddedAws, clients: Clients, statements: list[Any], reason: str
) -> None:
    """S3 denies with the action, the resource and the reason; an explicit Deny wins."""
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
        with pytest.raises(ClientError) as caught:
            call()
        expected = text.format(reason.format(text.split()[0]))
        error = caught.value.response
        assert error["Error"]["Code"] == "AccessDenied"
        assert error["Error"]["Message"] == start + expected
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_policy_may_name_resources(aws: EmbeddedAws, clients: Clients) -> None:
    """A policy for one bucket's objects opens these and no others."""
    ours = allows("s3:GetObject", "s3:PutObject", Resource="arn:aws:s3:::the-bucket/mine/*")
    user = aws.create_user("Ann", account=HOME, policy=policy(ours))
    aws.create_bucket("the-bucket", account=HOME)
    s3 = clients.of("s3", user)
    s3.put_object(Bucket="the-bucket", Key="mine/a b.txt", Body=b"text")
    assert s3.get_object(Bucket="the-bucket", Key="mine/a b.txt")["Body"].read() == b"text"
    with pytest.raises(ClientError, match="s3:PutObject"):
        s3.put_object(Bucket="the-bucket", Key="yours/a.txt", Body=b"text")


def test_a_missing_bucket_is_no_secret_to_those_who_may(aws: EmbeddedAws, clients: Clients) -> None:
    """Who may list buckets learns that one does not exist, others get AccessDenied."""
    may = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
    may_not = aws.create_user("Bob", account=HOME)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        clients.of("s3", may).list_objects_v2(Bucket="no-bucket")
    with pytest.raises(ClientError, match="Access Denied"):
        clients.of("s3", may_not).list_objects_v2(Bucket="no-bucket")


def test_another_accounts_bucket_is_shut(aws: EmbeddedAws, clients: Clients) -> None:
    """A permission at home opens no bucket elsewhere, and S3 gives no reason."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("*")))
    aws.create_bucket("away-bucket", account=AWAY)
    with pytest.raises(ClientError) as caught:
        clients.of("s3", user).list_objects_v2(Bucket="away-bucket")
    assert caught.value.response["Error"]["Message"] == "Access Denied"
