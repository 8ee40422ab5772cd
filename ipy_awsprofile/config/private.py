"""Keep what belongs to one user or one process private: folders, files and objects."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, SupportsIndex


def replace_file(
    path: Path, content: bytes, before: Callable[[Path], object] = lambda _draft: None
) -> None:
    """Replace a file atomically, or create it and its folder for the user alone (0600 and 0700).

    ``before`` is called with the path of the draft just before the draft replaces the file. Raises
    OSError, for example if the disk is full, and the errors of ``before``. After an error, the file
    is unchanged and the draft is deleted.
    """
    import tempfile  # not needed to read the files

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        before(Path(draft))
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def cache_folder() -> Path:
    """Return the user's cache folder, for files that can be created again.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path("~/.cache").expanduser()


class StaysInProcess:
    """A mixin for objects with secrets, which can't be pickled, copied, or sent to workers."""

    __slots__ = ()

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        """Raise TypeError."""
        raise TypeError(f"{self!r} can't be pickled: it stays in its process")
