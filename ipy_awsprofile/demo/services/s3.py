"""Create S3 buckets, and answer the requests to S3 that moto answers differently.

The functions with a response as their first parameter replace moto's methods.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import UTC
from itertools import islice
from typing import TYPE_CHECKING, Any

import flask
import moto.iam.access_control
from moto.core.responses import ActionResult
from moto.s3.exceptions import MalformedXML, S3ClientError
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition

from ipy_awsprofile.demo.iam.s3_operations import find_operation
from ipy_awsprofile.demo.iam.signed_requests import s3_error
from ipy_awsprofile.demo.iam.users_and_roles import checked_account

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from moto.s3.responses import S3Response

_PARAMETERS = {"prefix", "bucket-region", "max-buckets", "continuation-token"}
_LARGEST_PAGE = 10_000


def create_bucket(name: str, account: str, region: str, creation_date: datetime | None) -> None:
    """Create a bucket in moto's memory, now or with a given creation date (UTC if it is naive)."""
    bucket = s3_backends[checked_account(account)]["aws"].create_bucket(name, region)
    if creation_date is not None:
        if creation_date.tzinfo is not None:
            creation_date = creation_date.astimezone(UTC).replace(tzinfo=None)
        bucket.creation_date = creation_date  # moto's times are naive UTC


def authorize(response: Any, bucket_name: str | None = None, key_name: str | None = None) -> None:
    """Check a request's signature and permissions.

    moto would derive the permission from its own table, where it is often a different one.
    """
    request = flask.request
    path = {name for name, one in (("Bucket", bucket_name), ("Key", key_name)) if one}
    query, headers = set(request.args), set(request.headers.keys(lower=True))
    if operation := find_operation(request.method, path, query, headers):
        response.data["Action"] = operation
    else:  # a form that a browser posts isn't an operation of botocore
        key_name = key_name or request.form.get("key")
    response.signed = moto.iam.access_control.S3IAMRequest(
        account_id=response.current_account,
        method=response.method,
        path=response.raw_path,
        data=response.data,
        body=response.raw_body,
        headers=response.headers,
        action=response._get_action(),  # noqa: SLF001 — as in moto's method
    )
    response.signed.check_signature()
    if operation != "DeleteObjects":  # S3 decides for each object
        response.signed.check_action_permitted(_arn(response, bucket_name, key_name))


def _arn(response: Any, bucket_name: str | None, key_name: str | None) -> str:
    name = "/".join(filter(None, [bucket_name or "*", key_name]))
    return f"arn:{get_partition(response.region)}:s3:::{name}"


def delete_objects(response: Any, bucket_name: str) -> Any:
    """Answer DeleteObjects: delete the permitted objects, and return errors for the others."""
    response.parse_parameters(response.normalized_request)
    wanted = response.params["Delete"].get("Objects") or []
    if not wanted:
        raise MalformedXML
    permitted, errors = [], []
    for one in wanted:
        try:
            response.signed.check_deletion_permitted(
                _arn(response, bucket_name, one["Key"]), has_version="VersionId" in one
            )
        except S3ClientError as error:
            errors.append({**one, "Code": error.code, "Message": error.message})
        else:
            permitted.append(one)
    bypass = response.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
    deleted, locked = response.backend.delete_objects(bucket_name, permitted, bypass)
    message = "Access Denied because object protected by object lock."
    errors += [{"Key": key, "Code": "AccessDenied", "Message": message} for key in locked]
    answer = {"Deleted": [_deletion(*one) for one in deleted], "Errors": errors}
    return response.serialized(ActionResult(answer))


def _deletion(key: str, version: str | None, marker: str | None) -> dict[str, Any]:
    entry = {"Key": key, "VersionId": version}
    return entry | ({"DeleteMarker": True, "DeleteMarkerVersionId": marker} if marker else {})


def all_buckets(response: S3Response) -> Any:
    """Answer ListBuckets: sorted, filtered and in pages."""
    authorize(response)
    query = response.normalized_request.args
    page = list_buckets(response.backend.buckets.values(), query)
    owner = hashlib.sha256(response.current_account.encode()).hexdigest()
    return response.serialized(ActionResult({"Owner": {"ID": owner}, **page}))


def list_buckets(buckets: Any, query: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of the buckets for the request's query parameters."""
    size = _page_size(query)
    prefix, region, after = query.get("prefix"), query.get("bucket-region"), _last_seen(query)
    matching = (
        bucket
        for bucket in sorted(buckets, key=lambda bucket: bucket.name)
        if bucket.name.startswith(prefix or "")
        and region in {None, bucket.region_name}
        and bucket.name > after
    )
    page = list(islice(matching, size))
    answer: dict[str, Any] = {
        "Buckets": [_entry(bucket, with_region=bool(_PARAMETERS & query.keys())) for bucket in page]
    }
    if prefix is not None:
        answer["Prefix"] = prefix
    if next(matching, None) is not None:
        answer["ContinuationToken"] = _token(page[-1].name)
    return answer


def _entry(bucket: Any, *, with_region: bool) -> dict[str, Any]:
    """Return a bucket's entry; it has the Region only if the request has any parameter."""
    entry = {"Name": bucket.name, "CreationDate": bucket.creation_date_ISO8601}
    return entry | {"BucketRegion": bucket.region_name} if with_region else entry


def _page_size(query: Mapping[str, str]) -> int:
    text = query.get("max-buckets", str(_LARGEST_PAGE))
    if not text.isdecimal() or not 1 <= int(text) <= _LARGEST_PAGE:
        message = f"Argument max-buckets must be an integer between 1 and {_LARGEST_PAGE}"
        raise s3_error("InvalidArgument", message)
    return int(text)


def _token(name: str) -> str:
    """Return a continuation token, which encodes the bucket's name."""
    return base64.urlsafe_b64encode(f"after:{name}".encode()).decode()


def _last_seen(query: Mapping[str, str]) -> str:
    """Return the name of the previous page's last bucket, or "" for the first page."""
    token = query.get("continuation-token", "")
    if not token:
        return ""
    try:
        kind, _, name = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
    except (binascii.Error, UnicodeError):
        kind = name = ""
    if kind != "after":
        raise s3_error("InvalidArgument", "The continuation token provided is incorrect")
    return name
