"""A folder that only the user can enter, and that is removed when this process ends."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from ipy_awsprofile.errors import CredentialsUnavailable

#: Seconds to wait for the end of the remover, on a machine that may be busy.
_REMOVER_TIMEOUT = 60


def create_private_folder() -> Path:
    """Create a folder that only the user can enter, and return it.

    Raises CredentialsUnavailable if another user controls the place for it.
    """
    return Path(tempfile.mkdtemp(prefix="ipy-awsprofile-", dir=_parent()))


def _parent() -> Path:
    """Return a folder in which only the user can create folders; create it if there is none.

    A child process that outlives the server still has the private folder's path, and would run
    commands from a config file there. So nobody else may be able to create a folder of that name.
    """
    temporary = Path(tempfile.gettempdir())
    if os.name == "nt":
        return temporary
    user = f"ipy-awsprofile-{os.geteuid()}"
    parent = temporary if _is_own(temporary) else temporary / user
    with suppress(FileExistsError):
        parent.mkdir(mode=0o700)
    if not _is_own(parent):
        raise CredentialsUnavailable(
            f"Credentials can't be lent to child processes: `{parent}` isn't a private folder of "
            "this user.",
            "Remove it, or set TMPDIR to a folder that only you can write to, and restart the "
            "kernel.",
        )
    return parent


def _is_own(folder: Path) -> bool:
    """Return whether this is a folder, not a link to one, and only the user can write to it."""
    found = folder.lstat()
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not writable


def write_private_file(path: Path, content: bytes) -> None:
    """Write a new file that only the user can read. Raises FileExistsError."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


_REMOVER = """
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
        [sys.executable, "-I", "-S", "-c", _REMOVER, str(folder)],
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
