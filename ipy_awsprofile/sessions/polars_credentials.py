"""Convert credentials to polars' format, and check whether polars can update them.

Up to version 1.38, polars kept the credentials of its first read from a bucket, even with a
credential provider.

https://docs.pola.rs/user-guide/io/cloud-storage/
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

_FIRST = (1, 39)

#: Descriptions of this limitation of older versions and its solution.
KEEPS = "keeps the credentials of its first read from a bucket until the kernel is restarted"
UPDATE = "Run `%pip install 'polars>=1.39'`, then restart the kernel."


def keeps_credentials() -> bool:
    """Return whether the imported version of polars keeps credentials; False without polars."""
    version = str(getattr(sys.modules.get("polars"), "__version__", ""))
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) < _FIRST


def for_polars(frozen: Any, expiry: datetime | None) -> tuple[dict[str, str], int | None]:
    """Return the result of a polars credential provider: keys, and expiry as a Unix timestamp."""
    keys = {
        "aws_access_key_id": frozen.access_key,
        "aws_secret_access_key": frozen.secret_key,
        "aws_session_token": frozen.token,
    }
    given = {name: str(key) for name, key in keys.items() if key}
    return given, int(expiry.timestamp()) if expiry else None
