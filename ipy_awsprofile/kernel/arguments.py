"""Get the S3 settings, other than keys, that a library with its own S3 client needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.sessions.session import target_in

if TYPE_CHECKING:
    import boto3


class SecretOptions(dict[str, Any]):
    """Options that can contain secrets.

    The ``repr`` and ``str`` of the options show only the options' names.
    """

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self)}>"


def s3_location(session: boto3.Session) -> tuple[str, str | None]:
    """Return the session's S3 Region and endpoint URL. The URL is None for AWS's own endpoint.

    https://docs.aws.amazon.com/general/latest/gr/s3.html
    """
    with translated(target_in(session)):
        meta = session.client("s3").meta
    region = meta.region_name
    if region == "aws-global":
        region = "us-east-1"
    host = urlsplit(meta.endpoint_url).hostname or ""
    if re.fullmatch(r"s3\.([a-z0-9-]+\.)?amazonaws\.com", host):
        return region, None
    return region, meta.endpoint_url
