"""Keep what belongs to one user or one process private: folders, files and objects."""

from __future__ import annotations

import os
import stat
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
    """Return this package's folder in the user's cache folder, which may not exist yet.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named or "~/.cache").expanduser() / "ipy_awsprofile"


def require_private(path: Path | int) -> None:
    """Raise PermissionError unless a file or folder is the user's own, and closed to others.

    ``path`` can be the number of an open file, which no one can replace. Windows has no such
    modes, and its folders for a user's files are closed to others.
    """
    if not hasattr(os, "getuid"):
        return
    status = os.stat(path)
    access = stat.filemode(status.st_mode)
    if status.st_uid != os.getuid() or not access.endswith("------"):
        whose = f"belongs to the user with the ID {status.st_uid}"
        raise PermissionError(f"`{path}` {whose} and has the mode {access}; it must be yours alone")


def read_private_file(path: Path) -> bytes:
    """Return the content of a file. Raises OSError, even if another user could have written it."""
    with open(path, "rb") as file:
        require_private(file.fileno())
        return file.read()


class StaysInProcess:
    """A mixin for objects with secrets, which can't be pickled, copied, or sent to workers."""

    __slots__ = ()

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        """Raise TypeError."""
        raise TypeError(
            f"{self!r} can't be pickled, because it stays in its process. Pass the "
            "profile's name, and call `open_session` in the other process"
        )
