"""Create folders that only their owner can enter, and replace files atomically."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's cache folder, for files that can be created again.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path("~/.cache").expanduser()


def make_private(folder: Path) -> None:
    """Create a folder and its missing parents with mode 0700, regardless of the umask.

    Raises OSError. `pathlib.Path.mkdir` with ``parents`` gives parents the umask's mode.
    """
    if not folder.is_dir():
        make_private(folder.parent)
        with suppress(FileExistsError):  # another process has just created it
            folder.mkdir(mode=0o700)


def replace_file(
    path: Path, content: bytes, before: Callable[[Path], object] = lambda _draft: None
) -> None:
    """Replace a file atomically, or create it for the user alone (mode 0600).

    ``before`` is called with the path of the draft just before the draft replaces the file. Raises
    OSError, for example if the disk is full, and the errors of ``before``. After an error, the file
    is unchanged and the draft is deleted.
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
            error.filename = str(path)  # the user doesn't know the draft
        raise
