"""Replace the config file atomically with an edited version of its text.

The new file has the same owner and mode, and a symbolic link stays a link. If another program has
written the file since it was read, nothing is replaced.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import locale
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ipy_awsprofile.config.private_folders import make_private, replace_file
from ipy_awsprofile.config.shared_files import FileVersion, version_of
from ipy_awsprofile.errors import ConfigFileError


def rewrite_file(
    file: Path,
    change: Callable[[str], str],
    version: FileVersion | None,
    *,
    backup: Path | None = None,
) -> None:
    """Replace the text of a file with the result of ``change``. Create the file if necessary.

    ``version`` is the version of the file when it was read, or None if it didn't exist. ``backup``
    is a file to save the previous text to, readable only by its owner (mode 0600). Raises
    ConfigFileError and leaves the file unchanged.
    """
    path = Path(os.path.realpath(file))
    encoding = locale.getpreferredencoding(False)

    def check(draft: Path) -> None:
        _give(draft, path)
        _require_version(path, version)

    def keep_private(draft: Path) -> None:
        _give(draft, path)
        draft.chmod(0o600)

    try:
        make_private(path.parent)
        _require_version(path, version)
        old = path.read_bytes() if version else b""
        if version and not os.access(path, os.W_OK):
            raise PermissionError(13, "Permission denied")
        new = change(old.decode(encoding)).encode(encoding)
        if backup and version:
            replace_file(backup, old, keep_private)
        replace_file(path, new, check)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "its encoding can't represent all characters"
        raise ConfigFileError(file, f"The file can't be written: {reason}.") from error


def _require_version(path: Path, version: FileVersion | None) -> None:
    if version_of(path) != version:
        raise OSError(0, "another program has just changed it; run the cell again")


def _give(draft: Path, path: Path) -> None:
    """Give the draft the owner, group and mode of the file it replaces. Without a file, keep 0600.

    A kernel in a container can run as root, with a file that belongs to a user outside. Raises
    PermissionError if the owner can't be kept, because that user could lose access to the file.
    """
    if not path.exists():
        return
    status = path.stat()
    if hasattr(os, "chown"):
        if status.st_uid != draft.stat().st_uid:
            os.chown(draft, status.st_uid, -1)
        with suppress(PermissionError):  # the owner isn't in the group
            os.chown(draft, -1, status.st_gid)
    draft.chmod(status.st_mode & 0o7777)
