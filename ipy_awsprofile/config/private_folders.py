"""Folders that only their owner may enter."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def make_private(folder: Path) -> None:
    """Create a folder and its missing parents with mode 0700, whatever the umask is.

    Raises OSError. `pathlib.Path.mkdir` with ``parents`` gives parents the umask's mode.
    """
    if not folder.is_dir():
        make_private(folder.parent)
        with suppress(FileExistsError):  # another process was quicker
            folder.mkdir(mode=0o700)
