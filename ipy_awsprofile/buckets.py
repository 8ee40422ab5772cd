"""List the S3 buckets of a session's account as a DataFrame."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.config import Config

from ipy_awsprofile.config.names import has_wildcard
from ipy_awsprofile.config.python_interface import advice_to_list_objects, checks_arguments
from ipy_awsprofile.config.regions import is_known_region
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.sessions.session import check_session

if TYPE_CHECKING:
    import boto3
    import pandas as pd


#: The type of the column ``creation_date``.
_TIME = "datetime64[us, UTC]"


@checks_arguments
def list_buckets(session: boto3.Session, prefix: str | None = None) -> pd.DataFrame:
    """Return the buckets of the session's account as a DataFrame, sorted by name.

    The columns are ``name``, ``creation_date`` (UTC, timezone-aware) and ``region`` (missing if the
    server doesn't report it). If there are no buckets, the DataFrame has the same columns and types
    but no rows. If you pass a ``prefix``, the DataFrame contains only buckets whose names begin
    with this prefix. If no bucket matches and ``prefix`` is the name of a Region, show a warning.

    Raise InvalidOption if ``prefix`` contains wildcards or a slash, and another subclass of
    `AwsProfileError` if the call fails.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
    """
    import pandas as pd

    _require_no_pattern(prefix or "")
    _require_no_path(session, prefix or "")
    with translated(check_session(session, "ListBuckets")):
        # S3 returns Regions only if the request has a parameter, such as a page size.
        options: dict[str, object] = {"PaginationConfig": {"PageSize": 1000}}
        if prefix:
            options["Prefix"] = prefix
        s3 = session.client("s3", config=Config(connect_timeout=5, read_timeout=10))
        pages = s3.get_paginator("list_buckets").paginate(**options)
        buckets = [bucket for page in pages for bucket in page.get("Buckets", ())]
    if not buckets and prefix and is_known_region(prefix):
        PROCESS.warn(
            f"No bucket's name begins with `{prefix}`, which is a Region. To select the buckets "
            "in this Region, run `buckets = list_buckets(session)`, then "
            f'`buckets[buckets["region"] == {prefix!r}]`.'
        )
    frame = pd.DataFrame(buckets, columns=["Name", "CreationDate", "BucketRegion"])
    frame.columns = pd.Index(["name", "creation_date", "region"])
    frame["creation_date"] = pd.to_datetime(frame["creation_date"], utc=True)
    frame = frame.astype({"name": "string", "creation_date": _TIME, "region": "string"})
    return frame.sort_values("name", ignore_index=True)


#: The path or ARN of a bucket or an object, with the names of the bucket and the object.
_PATH = re.compile(r"(?:s3[an]?://|arn:[\w-]+:s3:::)([^/]*)(?:/(.*))?", re.IGNORECASE)


def _require_no_path(session: boto3.Session, prefix: str) -> None:
    """Raise InvalidOption if a prefix is the path or ARN of a bucket or object, not a name.

    The name of a bucket can't contain a slash, so no bucket would match.
    """
    path = _PATH.fullmatch(prefix)
    if path is None and "/" not in prefix:
        return
    bucket, key = path.groups() if path else prefix.split("/", 1)
    hint = "Leave out `prefix`."
    if bucket:
        hint = f"Write `prefix={bucket!r}`."
    if bucket and key is not None:  # otherwise, the name can be only the beginning of a name
        hint += f" {advice_to_list_objects(session, bucket, key)}"
    raise InvalidOption(f"`prefix` is the beginning of a name, not a path: `{prefix}`.", hint)


def _require_no_pattern(prefix: str) -> None:
    """Raise InvalidOption if a prefix contains wildcards, which no bucket's name can contain.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    if not has_wildcard(prefix):
        return
    start = prefix.removesuffix("*")
    hint = f"Write `prefix={start!r}`."
    if not start or has_wildcard(start):
        expression = prefix.replace(".", r"\.").replace("*", ".*").replace("?", ".")
        hint = (
            "To select buckets by a pattern, run `buckets = list_buckets(session)`, then "
            f'`buckets[buckets["name"].str.fullmatch({expression!r})]`.'
        )
    raise InvalidOption(f"`prefix` is the beginning of a name, not a pattern: `{prefix}`.", hint)
