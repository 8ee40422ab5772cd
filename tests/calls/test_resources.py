"""The resource of a call is an ARN that fits into a policy."""

from __future__ import annotations

from typing import Any

import pytest

from ipy_awsprofile.calls.actions import actions_of
from ipy_awsprofile.calls.resources import Place, copied_resource, resources_of

PLACE = Place("aws", "us-east-1", "123456789012")
R, A = "us-east-1", "123456789012"

#: Service, operation, parameters and resources; `~` marks an incomplete resource.
CASES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("s3", "ListBuckets", {}, ["*"]),
    ("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "x/"}, ["arn:aws:s3:::b"]),
    ("s3", "GetObject", {"Bucket": "b", "Key": "sales/2024/x.csv"}, ["arn:aws:s3:::b/sales/*"]),
    ("s3", "GetObject", {"Bucket": "b", "Key": "x.csv"}, ["arn:aws:s3:::b/*"]),
    (
        "s3",
        "DeleteObjects",
        {"Bucket": "b", "Delete": {"Objects": [{"Key": "x/1"}, {"Key": "y/1"}, {"Key": "x/2"}]}},
        ["arn:aws:s3:::b/x/*", "arn:aws:s3:::b/y/*"],
    ),
    ("s3", "ListParts", {"Bucket": "b", "Key": "x/1"}, ["arn:aws:s3:::b/x/*"]),
    (
        "s3",
        "GetObject",
        {"Bucket": f"arn:aws:s3:{R}:{A}:accesspoint/p", "Key": "x/1"},
        [f"arn:aws:s3:{R}:{A}:accesspoint/p/object/x/*"],
    ),
    ("dynamodb", "GetItem", {"TableName": "t"}, [f"arn:aws:dynamodb:{R}:{A}:table/t"]),
    (
        "dynamodb",
        "BatchGetItem",
        {"RequestItems": {"t": {}, "u": {}}},
        [f"arn:aws:dynamodb:{R}:{A}:table/t", f"arn:aws:dynamodb:{R}:{A}:table/u"],
    ),
    (
        "dynamodb",
        "TransactGetItems",
        {"TransactItems": [{"Get": {"TableName": "t"}}]},
        [f"arn:aws:dynamodb:{R}:{A}:table/t"],
    ),
    ("lambda", "Invoke", {"FunctionName": "f"}, [f"arn:aws:lambda:{R}:{A}:function:f"]),
    (
        "sqs",
        "SendMessage",
        {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/222222222222/q"},
        [f"arn:aws:sqs:{R}:222222222222:q"],
    ),
    ("sqs", "CreateQueue", {"QueueName": "q"}, [f"arn:aws:sqs:{R}:{A}:q"]),
    ("ssm", "GetParameter", {"Name": "/app/x"}, [f"arn:aws:ssm:{R}:{A}:parameter/app/x"]),
    (
        "ssm",
        "GetParameters",
        {"Names": ["a", "b"]},
        [f"arn:aws:ssm:{R}:{A}:parameter/a", f"arn:aws:ssm:{R}:{A}:parameter/b"],
    ),
    (
        "secretsmanager",
        "GetSecretValue",
        {"SecretId": "db"},
        [f"arn:aws:secretsmanager:{R}:{A}:secret:db-??????"],
    ),
    (
        "sns",
        "Publish",
        {"TopicArn": f"arn:aws:sns:{R}:{A}:t", "Message": "hush"},
        [f"arn:aws:sns:{R}:{A}:t"],
    ),
    ("kms", "Decrypt", {"KeyId": "1234"}, [f"arn:aws:kms:{R}:{A}:key/1234"]),
    ("kms", "Encrypt", {"KeyId": "alias/x"}, [f"~arn:aws:kms:{R}:{A}:key/*"]),
    ("sts", "AssumeRole", {"RoleArn": f"arn:aws:iam::{A}:role/R"}, [f"arn:aws:iam::{A}:role/R"]),
    ("athena", "GetWorkGroup", {"WorkGroup": "w"}, [f"~arn:aws:athena:{R}:{A}:workgroup/*"]),
    ("states", "DescribeMap", {"hush": "hush"}, ["~*"]),
]


@pytest.mark.parametrize(("service", "operation", "params", "expected"), CASES)
def test_resources(
    service: str, operation: str, params: dict[str, Any], expected: list[str]
) -> None:
    """A resource's ARN contains names from the parameters, and no other values."""
    found = resources_of(actions_of(service, operation)[0], params, PLACE)
    assert [f"{'' if one.complete else '~'}{one.arn}" for one in found] == expected


@pytest.mark.parametrize(
    ("source", "arn"),
    [
        ("b/x/1", "arn:aws:s3:::b/x/*"),
        ("/b/x%2F1", "arn:aws:s3:::b/x/*"),
        ({"Bucket": "b", "Key": "1"}, "arn:aws:s3:::b/*"),
    ],
)
def test_copied(source: object, arn: str) -> None:
    """Copying an object requires reading the source."""
    copied = copied_resource({"CopySource": source}, PLACE)
    assert copied is not None
    assert copied.arn == arn
    assert copied_resource({}, PLACE) is None


def test_full_keys() -> None:
    """With `full_keys`, the resource contains the whole object key."""
    place = Place("aws", R, A, full_keys=True)
    params = {"Bucket": "b", "Key": "sales/x.csv", "CopySource": "c/old/y.csv"}
    (found,) = resources_of(actions_of("s3", "CopyObject")[0], params, place)
    copied = copied_resource(params, place)
    assert found.arn == "arn:aws:s3:::b/sales/x.csv"
    assert copied is not None
    assert copied.arn == "arn:aws:s3:::c/old/y.csv"


@pytest.mark.parametrize("odd", ["a\nb", 'a"b', "a b\x1b[31m", "x" * 9000, "{a}", "ü"])
def test_odd_names(odd: str) -> None:
    """Invalid resource names can't break the text of a policy or a table."""
    for service, operation, name in (
        ("dynamodb", "GetItem", "TableName"),
        ("sqs", "CreateQueue", "QueueName"),
        ("s3", "GetObject", "Bucket"),
    ):
        (found, *_) = resources_of(actions_of(service, operation)[0], {name: odd}, PLACE)
        assert found.arn.isprintable()
        assert len(found.arn) < 600
        assert not set(found.arn) & set('"\n {}')
