"""The names of the profiles that the user has switched to most recently in any notebook."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from ipy_awsprofile.config.private import cache_folder, read_private_file, replace_file

#: The number of recent profiles, which come first in the picker's list.
_MOST = 8


def recent_profiles() -> list[str]:
    """Return the names of the recently used profiles, starting with the latest."""
    with suppress(OSError, ValueError):
        names = json.loads(read_private_file(_file()))
        if isinstance(names, list):
            return [str(name) for name in names]
    return []


def note_profile(name: str) -> None:
    """Add a profile to the recent profiles.

    If the file that contains the recent profiles can't be written, do nothing.
    """
    before = recent_profiles()
    if before[:1] == [name]:
        return
    names = [name, *(other for other in before if other != name)]
    with suppress(OSError):
        replace_file(_file(), json.dumps(names[:_MOST]).encode())


def _file() -> Path:
    return cache_folder() / "recent-1.json"
