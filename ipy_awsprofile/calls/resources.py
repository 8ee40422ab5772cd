"""The resource of a call as an ARN, from only those parameters that its template needs.

For an S3 object, the resource is the bucket and the first part of the key, such as
``arn:aws:s3:::lake/sales/*``, because keys can contain personal data.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ipy_awsprofile.calls.actions import Action
from ipy_awsprofile.text import one_line, shortened

#: The maximum length of a resource to keep, in characters.
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Place:
    """The partition, Region and account of a call. Unknown values are ``*``.

    With ``full_keys``, the resource of an S3 object includes its full key.
    """

    partition: str
    region: str
    account: str
    full_keys: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """The ARN of a call's resource. ``complete`` is False if parts of it aren't known."""

    arn: str
    complete: bool = True


#: The resource of an action that isn't limited to resources.
EVERYTHING = Resource("*")

#: Parameters with an ARN or a name, and the name's ARN template, by the service's prefix in IAM.
_NAMED: Mapping[str, Mapping[str, str]] = {
    "dynamodb": {"TableName": "arn:${Partition}:dynamodb:${Region}:${Account}:table/${Name}"},
    "kms": {"KeyId": "arn:${Partition}:kms:${Region}:${Account}:key/${Name}"},
    "lambda": {"FunctionName": "arn:${Partition}:lambda:${Region}:${Account}:function:${Name}"},
    "logs": {"logGroupName": "arn:${Partition}:logs:${Region}:${Account}:log-group:${Name}:*"},
    "secretsmanager": {
        "SecretId": "arn:${Partition}:secretsmanager:${Region}:${Account}:secret:${Name}-??????"
    },
    "sns": {"TopicArn": "${Name}", "Name": "arn:${Partition}:sns:${Region}:${Account}:${Name}"},
    "ssm": {"Name": "arn:${Partition}:ssm:${Region}:${Account}:parameter/${Name}"},
    "sts": {"RoleArn": "${Name}"},
}

#: Characters that aren't allowed in a resource.
_ODD = re.compile(r"[^\w+=,.@:/$*?-]")


def resources_of(action: Action, params: Mapping[str, Any], place: Place) -> tuple[Resource, ...]:
    """Return the resources that an action of a call with these parameters needs."""
    if action.service in {"s3", "s3express", "s3-object-lambda"}:
        return _of_s3(action, params, place)
    if action.service == "sqs":
        return (_of_queue(params, place),)
    if found := tuple(dict.fromkeys(_named(action.service, params, place))):
        return found
    if action.templates == ():
        return (EVERYTHING,)
    return (_filled(action.templates or (), params, place),)


def _of_s3(action: Action, params: Mapping[str, Any], place: Place) -> tuple[Resource, ...]:
    bucket = params.get("Bucket")
    if not isinstance(bucket, str):
        return (EVERYTHING,)
    arn = bucket if bucket.startswith("arn:") else f"arn:{place.partition}:s3:::{_clean(bucket)}"
    between = "/object/" if ":accesspoint/" in arn else "/"
    if not _is_about_objects(action):
        return (_resource(arn),)
    keys = params.get("Key") or [one.get("Key") for one in _deleted(params)]
    keys = [keys] if isinstance(keys, str) else keys
    shown = dict.fromkeys(_key(str(key), place) for key in keys)
    return tuple(_resource(f"{arn}{between}{key}") for key in shown) or (
        Resource(f"{arn}{between}*", complete=False),
    )


def _is_about_objects(action: Action) -> bool:
    name = action.name.partition(":")[2]
    return "Bucket" not in name and ("Object" in name or name in _ABOUT_UPLOADS)


#: Actions on objects without "Object" in their names.
_ABOUT_UPLOADS = {"AbortMultipartUpload", "ListMultipartUploadParts"}


def _deleted(params: Mapping[str, Any]) -> list[Any]:
    return list((params.get("Delete") or {}).get("Objects") or ())


def names_versions(params: Mapping[str, Any]) -> bool:
    """Return whether a call names versions of S3 objects."""
    return any("VersionId" in one for one in (params, *_deleted(params)))


def _key(key: str, place: Place) -> str:
    return _clean(key) if place.full_keys else _first_part(key)


def _first_part(key: str) -> str:
    first, slash, _ = key.partition("/")
    return f"{_clean(first)}/*" if slash else "*"


def without_key(arn: str) -> str:
    """Return an ARN. For an S3 object, keep only the first part of its key."""
    head, slash, key = arn.partition("/")
    is_object = slash and re.fullmatch(r"arn:[\w-]+:s3:::[^/]+", head)
    return f"{head}/{_first_part(key)}" if is_object else arn


def copied_resource(params: Mapping[str, Any], place: Place) -> Resource | None:
    """Return the object that a call copies, or None."""
    source = params.get("CopySource")
    if isinstance(source, Mapping):
        bucket, key = str(source.get("Bucket")), str(source.get("Key"))
    elif isinstance(source, str):
        bucket, _, key = unquote(source).lstrip("/").partition("/")
    else:
        return None
    return _resource(f"arn:{place.partition}:s3:::{_clean(bucket)}/{_key(key, place)}")


def _of_queue(params: Mapping[str, Any], place: Place) -> Resource:
    prefix = f"arn:{place.partition}:sqs:{place.region}"
    if isinstance(url := params.get("QueueUrl"), str):
        *_, account, name = ["", "", *urlsplit(url).path.split("/")]
        return _resource(f"{prefix}:{_clean(account) or place.account}:{_clean(name)}")
    if isinstance(queue := params.get("QueueName"), str):
        return _resource(f"{prefix}:{place.account}:{_clean(queue)}")
    return EVERYTHING


def _named(service: str, params: Mapping[str, Any], place: Place) -> Iterator[Resource]:
    """Yield the resources that parameters specify by an ARN, or by a name of a known form."""
    for parameter, template in _NAMED.get(service, {}).items():
        for name in _texts(params, parameter):
            if service == "kms" and "alias/" in name:  # a policy needs the key, not its alias
                yield _filled([template], {}, place)
            elif name.startswith("arn:"):
                yield _resource(_clean(name))
            else:
                yield _filled([template], {"Name": name.lstrip("/")}, place)


def _texts(params: Mapping[str, Any], name: str) -> Iterable[str]:
    """Yield a parameter's text. For calls on several resources, search its lists and dicts, too."""
    if isinstance(params.get(name), str):
        yield params[name]
    elif name == "TableName":
        yield from (params.get("RequestItems") or {}).keys()
        for item in params.get("TransactItems") or ():
            yield from (str(one["TableName"]) for one in item.values() if "TableName" in one)
    elif name == "Name":
        yield from (one for one in params.get("Names") or () if isinstance(one, str))


def _filled(templates: Iterable[str], params: Mapping[str, Any], place: Place) -> Resource:
    """Return the template with the fewest missing values, filled with parameters and ``*``."""
    values = {name.casefold(): value for name, value in params.items() if isinstance(value, str)}
    values |= {
        "partition": place.partition,
        "region": place.region,
        "account": place.account,
    }
    best: tuple[int, Resource] | None = None
    for template in templates:
        missing = 0

        def value(found: re.Match[str]) -> str:
            nonlocal missing
            if (text := values.get(found[1].casefold())) is None:
                missing += 1
                return "*"
            return _clean(text)

        arn = re.sub(r"\$\{(\w+)\}", value, template)
        if best is None or missing < best[0]:
            best = missing, _resource(arn, complete=not missing)
    return best[1] if best else Resource("*", complete=False)


def _resource(arn: str, *, complete: bool = True) -> Resource:
    known = complete and ":*:" not in arn
    return Resource(one_line(arn, _LONGEST), known)


def _clean(text: str) -> str:
    """Return a text with ``?`` for characters that aren't allowed in a resource's name."""
    return shortened(_ODD.sub("?", text), _LONGEST)
