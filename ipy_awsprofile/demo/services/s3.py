"""Create S3 buckets, and answer ListBuckets as S3 does: sorted, filtered and in pages.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import UTC
from itertools import islice
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.s3.models import s3_backends

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


def all_buckets(response: S3Response) -> Any:
    """Answer ListBuckets; `enforcement` replaces moto's method of this name with it."""
    response.data["Action"] = "ListAllMyBuckets"  # the permission, not the operation
    response._authenticate_and_authorize_s3_action()  # noqa: SLF001 — as in moto's method
    response.data["Action"] = "ListBuckets"
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
