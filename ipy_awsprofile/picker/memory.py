"""The recently used and pinned profiles, which all of a user's kernels share."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ipy_awsprofile.config.private import replace_file

#: The number of recently used profiles to keep.
MOST_RECENT = 8


@dataclass(frozen=True, slots=True)
class Remembered:
    """Names of profiles: the recently used ones, newest first, and the pinned ones."""

    recent: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()


class Memory:
    """A small JSON file that contains only profile names.

    A file that is invalid or can't be read or written isn't an error; no profiles are kept then.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or _state_folder() / "ipy_awsprofile" / "picker.json"

    def read(self) -> Remembered:
        """Return the pinned and the recent profiles."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Remembered()
        found = content if isinstance(content, dict) else {}
        return Remembered(recent=_names(found.get("recent")), pins=_names(found.get("pins")))

    def use(self, profile: str) -> None:
        """Make a profile the most recently used one."""
        known = self.read()
        recent = (profile, *(name for name in known.recent if name != profile))
        self._write(replace(known, recent=recent[:MOST_RECENT]))

    def pin(self, profile: str, *, pinned: bool) -> None:
        """Pin a profile, after the profiles that are already pinned, or unpin it."""
        known = self.read()
        pins = tuple(name for name in known.pins if name != profile)
        self._write(replace(known, pins=(*pins, profile) if pinned else pins))

    def _write(self, remembered: Remembered) -> None:
        """Replace the file atomically, so that another kernel never reads an incomplete file."""
        text = json.dumps({"recent": remembered.recent, "pins": remembered.pins})
        with suppress(OSError):
            replace_file(self.path, text.encode())


def _state_folder() -> Path:
    named = os.environ.get("XDG_STATE_HOME")
    return Path(named) if named else Path("~/.local/state").expanduser()


def _names(value: Any) -> tuple[str, ...]:
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()
