"""The Region and the endpoint of a session's S3."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import boto3


def s3_location(session: boto3.Session) -> tuple[str, str | None]:
    """Return the Region of the session's S3, and its URL unless that is AWS's own endpoint.

    https://docs.aws.amazon.com/general/latest/gr/s3.html
    """
    meta = session.client("s3").meta
    region = "us-east-1" if meta.region_name == "aws-global" else meta.region_name
    host = urlsplit(meta.endpoint_url).hostname or ""
    is_own = re.fullmatch(r"s3\.([a-z0-9-]+\.)?amazonaws\.com(\.cn)?", host)
    return region, None if is_own else meta.endpoint_url
