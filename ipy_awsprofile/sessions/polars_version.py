"""Which polars can change its identity: until 1.38 it kept the credentials of its first read.

It didn't read from a bucket with other credentials than before, even if it was given a provider.
"""

from __future__ import annotations

import re
import sys

_FIRST = (1, 39)

#: What such a polars does, and what to do.
KEEPS = "keeps the credentials of its first read from a bucket until the kernel is restarted"
UPDATE = "Run `%pip install 'polars>=1.39'`, then restart the kernel."


def keeps_credentials() -> bool:
    """Return whether the polars that is imported keeps its credentials; False without one."""
    version = str(getattr(sys.modules.get("polars"), "__version__", ""))
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) < _FIRST
