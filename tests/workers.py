"""The environment of a test's worker processes."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def empty_home(home: Path) -> Iterator[None]:
    """Give the processes started in this block an empty home, and no config files."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    home.mkdir(exist_ok=True)
    os.environ |= {
        "HOME": str(home),
        "AWS_CONFIG_FILE": str(home / "nowhere"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "nowhere"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
