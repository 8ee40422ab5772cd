"""A folder that only the user can enter, and that doesn't outlive this process for long."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from ipy_awsprofile.bindings.credential_process import LOCK_FILE, is_abandoned
from ipy_awsprofile.config.private import cache_folder
from ipy_awsprofile.errors import CredentialsUnavailable


class PrivateFolder:
    """A locked folder that only the user can enter or replace.

    It is in ``XDG_RUNTIME_DIR``, the folder for temporary files, or the user's cache folder,
    whichever is the first with a completely safe path. A child process that outlives the server
    still has the path, and runs a command from a config file there. Therefore, no other user must
    be able to recreate the folder after it was removed, or to rename a folder above it. Raises
    CredentialsUnavailable if no folder is safe.

    The system releases the lock when the process ends, even if it is killed. Then the next process
    removes the folder.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """

    def __init__(self) -> None:
        parent = next(filter(None, map(_parent_in, _places())), None)
        if parent is None:
            raise CredentialsUnavailable(
                "Credentials can't be lent to child processes: another user can replace files in "
                f"`{tempfile.gettempdir()}`.",
                "Set XDG_RUNTIME_DIR or TMPDIR to a folder that only you can write to, and restart "
                "the kernel.",
            )
        for folder in parent.glob(f"{_PREFIX}*/{LOCK_FILE}"):
            _remove_if_abandoned(folder.parent)
        new = Path(tempfile.mkdtemp(prefix=f"new-{_PREFIX}", dir=parent))
        try:
            write_private_file(new / LOCK_FILE, b"")
            # It is held as long as the folder exists. NFS locks only files that are writable.
            self._lock = open(new / LOCK_FILE, "r+")  # noqa: SIM115
            _lock(self._lock)
            #: The folder gets this name only after it is locked.
            self.path = new.rename(parent / new.name.removeprefix("new-"))
        except BaseException:  # a full disk, or Ctrl-C
            shutil.rmtree(new, ignore_errors=True)
            raise

    def release_in_fork(self) -> None:
        """Close the lock in a forked child, so that only the parent holds it."""
        self._lock.close()

    def remove(self) -> None:
        """Remove the folder and release the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


_PREFIX = "ipy-awsprofile-"


def _lock(file: IO[str]) -> None:
    """Lock a file, if the file system supports that. `is_abandoned` tests the lock."""
    if os.name == "nt":
        return  # on Windows, it is enough that the file is open
    import fcntl

    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder that a process left behind when it ended."""
    try:
        if not is_abandoned(str(folder)):
            return
        (folder / LOCK_FILE).unlink()
    except OSError:  # another process has removed it
        return
    shutil.rmtree(folder, ignore_errors=True)


def _places() -> Iterator[Path]:
    """Yield the folders that can contain the private folder, in order of preference."""
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime)
    yield Path(tempfile.gettempdir())
    if os.name != "nt":  # on Windows, the temporary folder belongs to the user
        yield cache_folder()


def _parent_in(place: Path) -> Path | None:
    """Return a folder in this place that only the user can write to, or None if it isn't safe.

    If others can write to the place, such as `/tmp`, return a subfolder with the user's ID.
    """
    if os.name == "nt":
        return place
    with suppress(OSError):
        place = place.resolve(strict=True)
        if not all(map(_is_safe, (place, *place.parents))):
            return None
        parent = place if _is_own(place) else place / f"ipy-awsprofile-{os.geteuid()}"
        parent.mkdir(mode=0o700, exist_ok=True)
        return parent if _is_own(parent) else None
    return None


def _is_safe(folder: Path) -> bool:
    """Return whether only this user and root can rename or remove the contents of the folder.

    If the folder has the sticky bit, only the owner of the folder or of the file can do so.
    """
    status = folder.stat()
    is_sticky = bool(status.st_mode & stat.S_ISVTX)
    return status.st_uid in {0, os.geteuid()} and (is_sticky or not _others_write(status))


def _is_own(folder: Path) -> bool:
    """Return whether this is a folder, not a link to one, that only the user can write to."""
    status = folder.lstat()
    is_users = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return is_users and not _others_write(status)


def _others_write(status: os.stat_result) -> bool:
    return bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def write_private_file(path: Path, content: bytes) -> None:
    """Write a new file that only the user can read. Raises FileExistsError."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
