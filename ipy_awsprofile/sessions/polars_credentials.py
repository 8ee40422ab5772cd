"""Credentials in the form that polars takes, and which polars can change them.

Until 1.38, polars kept the credentials of its first read from a bucket, even if it was given a
provider.

https://docs.pola.rs/user-guide/io/cloud-storage/
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

_FIRST = (1, 39)

#: What such a polars does, and what to do.
KEEPS = "keeps the credentials of its first read from a bucket until the kernel is restarted"
UPDATE = "Run `%pip install 'polars>=1.39'`, then restart the kernel."


def keeps_credentials() -> bool:
    """Return whether the polars that is imported keeps its credentials; False without one."""
    version = str(getattr(sys.modules.get("polars"), "__version__", ""))
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) < _FIRST


def for_polars(frozen: Any, expiry: datetime | None) -> tuple[dict[str, str], int | None]:
    """Return what a credential provider of polars returns; the expiry is in seconds since 1970."""
    keys = {
        "aws_access_key_id": frozen.access_key,
        "aws_secret_access_key": frozen.secret_key,
        "aws_session_token": frozen.token,
    }
    given = {name: str(key) for name, key in keys.items() if key}
    return given, int(expiry.timestamp()) if expiry else None
