"""A folder that only the user can enter, and that is removed when this process ends."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ipy_awsprofile.errors import CredentialsUnavailable

#: Seconds to wait for the end of the remover, on a machine that may be busy.
_REMOVER_TIMEOUT = 60


def create_private_folder() -> Path:
    """Create a folder that only the user can enter or replace, and return it.

    It is in ``XDG_RUNTIME_DIR``, in the folder for temporary files, or in the user's cache folder:
    the first one whose whole path is safe. A child process that outlives the server still has the
    path, and runs a command from a config file there. So no other user may be able to create the
    folder again after it was removed, or to rename a folder above it. Raises
    CredentialsUnavailable if no place is safe.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    parent = next(filter(None, map(_parent_in, _places())), None)
    if parent is None:
        raise CredentialsUnavailable(
            "Credentials can't be lent to child processes: another user can replace files in "
            f"`{tempfile.gettempdir()}`.",
            "Set XDG_RUNTIME_DIR or TMPDIR to a folder that only you can write to, and restart the "
            "kernel.",
        )
    return Path(tempfile.mkdtemp(prefix="ipy-awsprofile-", dir=parent))


def _places() -> Iterator[Path]:
    """Yield the folders in which the private folder can be, the best one first."""
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime)
    yield Path(tempfile.gettempdir())
    if os.name != "nt":  # there, the folder for temporary files is the user's
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _parent_in(place: Path) -> Path | None:
    """Return a folder in a place where only the user can write, or None if it can't be trusted.

    In a place where others can write, such as `/tmp`, it is a folder with the user's number.
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
    """Return whether no other user, except root, can rename or remove what is in the folder.

    In a folder with the sticky bit, only the owner of the folder or of the file can.
    """
    status = folder.stat()
    is_sticky = bool(status.st_mode & stat.S_ISVTX)
    return status.st_uid in {0, os.geteuid()} and (is_sticky or not _others_write(status))


def _is_own(folder: Path) -> bool:
    """Return whether this is a folder, not a link to one, in which only the user can write."""
    status = folder.lstat()
    is_users = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return is_users and not _others_write(status)


def _others_write(status: os.stat_result) -> bool:
    return bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def write_private_file(path: Path, content: bytes) -> None:
    """Write a new file that only the user can read. Raises FileExistsError."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


#: What the process runs that removes a folder.
REMOVER = """
import shutil, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.stdin.buffer.read()
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


def start_remover(folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that removes the folder when this process ends, even if it is killed.

    It waits for the end of its standard input. It has its own session, so neither Ctrl-C nor a
    signal to the kernel's process group reaches it.
    """
    return subprocess.Popen(  # noqa: S603  # our own interpreter and code
        [sys.executable, "-I", "-S", "-c", REMOVER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder.parent,
        start_new_session=True,
    )


def stop_remover(remover: subprocess.Popen[bytes]) -> None:
    """Make the remover remove the folder, and wait for its end."""
    if remover.stdin:
        remover.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        remover.wait(timeout=_REMOVER_TIMEOUT)
