"""A session's S3 buckets as a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipy_awsprofile.credentials.renewal import quiet_refresh
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.sessions.session import chain_of

if TYPE_CHECKING:
    import boto3
    import pandas as pd


def list_buckets(session: boto3.Session, prefix: str | None = None) -> pd.DataFrame:
    """List the buckets that the session's account owns, sorted by name.

    Columns: ``name``, ``creation_date`` (UTC, timezone-aware) and ``region`` (missing where the
    server doesn't say). Without buckets the frame is empty, with the same columns and types.
    ``prefix`` keeps the names that begin with it.

    Raises a child of `AwsProfileError`.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
    """
    import pandas as pd

    with translated(chain_of(session)), quiet_refresh():
        buckets = sorted(_buckets(session, prefix), key=lambda bucket: bucket["Name"])
    return pd.DataFrame(
        {
            "name": pd.Series([bucket["Name"] for bucket in buckets], dtype="string"),
            "creation_date": pd.Series(
                pd.to_datetime([bucket.get("CreationDate") for bucket in buckets], utc=True)
            ).astype("datetime64[us, UTC]"),
            "region": pd.Series([bucket.get("BucketRegion") for bucket in buckets], dtype="string"),
        }
    )


def _buckets(session: boto3.Session, prefix: str | None) -> list[Any]:
    pages = (
        session.client("s3")
        .get_paginator("list_buckets")
        .paginate(
            # The answer names regions only if the request has some parameter: a page size is one.
            PaginationConfig={"PageSize": 1000},
            **({"Prefix": prefix} if prefix else {}),
        )
    )
    found: list[Any] = [bucket for page in pages for bucket in page.get("Buckets") or []]
    # Some AWS-compatible servers pass over the prefix.
    return [bucket for bucket in found if bucket["Name"].startswith(prefix or "")]
