"""Folders that only their owner may enter, and files that are replaced in one step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's folder for files that can be created again.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path("~/.cache").expanduser()


def make_private(folder: Path) -> None:
    """Create a folder and its missing parents with mode 0700, whatever the umask is.

    Raises OSError. `pathlib.Path.mkdir` with ``parents`` gives parents the umask's mode.
    """
    if not folder.is_dir():
        make_private(folder.parent)
        with suppress(FileExistsError):  # another process was quicker
            folder.mkdir(mode=0o700)


def replace_file(
    path: Path, content: bytes, before: Callable[[Path], object] = lambda _draft: None
) -> None:
    """Replace a file, or create it for the user alone (mode 0600), in one step.

    ``before`` is called with the draft, just before that takes the file's place. Raises OSError, or
    what ``before`` raises; then the file is as it was, and no draft is left: the disk can be full.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        before(Path(name))
        os.replace(name, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError) and error.filename in {None, name}:
            error.filename = str(path)  # the person doesn't know the draft
        raise
