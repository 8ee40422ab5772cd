"""Region, endpoint and secret options for libraries with their own S3 client."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ipy_awsprofile.config.private import StaysInProcess

if TYPE_CHECKING:
    import boto3


def s3_location(session: boto3.Session) -> tuple[str, str | None]:
    """Return the session's S3 Region, and the endpoint URL if it isn't AWS's own endpoint.

    https://docs.aws.amazon.com/general/latest/gr/s3.html
    """
    meta = session.client("s3").meta
    region = "us-east-1" if meta.region_name == "aws-global" else meta.region_name
    host = urlsplit(meta.endpoint_url).hostname or ""
    is_own = re.fullmatch(r"s3\.([a-z0-9-]+\.)?amazonaws\.com(\.cn)?", host)
    return region, None if is_own else meta.endpoint_url


class SecretOptions(StaysInProcess, dict[str, Any]):
    """Options that can contain secrets. Their ``repr`` and ``str`` show only the names."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self)}>"

    __str__ = __repr__

    def __or__(self, other: Any) -> SecretOptions:  # type: ignore[override]
        return SecretOptions({**self, **other})

    def __ror__(self, other: Any) -> SecretOptions:  # type: ignore[override]
        return SecretOptions({**other, **self})

    def copy(self) -> SecretOptions:
        """Return a copy that also shows only the names."""
        return SecretOptions(self)

    __copy__ = copy

    def __deepcopy__(self, _memo: object) -> SecretOptions:
        return self.copy()
