"""Profiles are appended to the shared config file; nothing that is in it is changed.

The file is replaced at once by one that has the same bytes and more, with the same owner and mode,
and not at all if another program has written it meanwhile. A symbolic link stays one.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import locale
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ipy_awsprofile.config.config import Config, read_config
from ipy_awsprofile.config.private_folders import make_private, replace_file
from ipy_awsprofile.config.shared_files import SharedFiles, Value, version_of
from ipy_awsprofile.errors import ConfigFileError, InvalidOption

#: What the name of a new profile can't have, since not all SDKs read it in the same way.
_ODD = re.compile(r"""["'\\\[\]#;\x00-\x1f\x7f]|^\s|\s$|^$|\s{2}""")


@dataclass(frozen=True, slots=True)
class NewProfile:
    """A profile that isn't in the files yet."""

    name: str
    settings: Mapping[str, Value]

    def section(self) -> str:
        """Return the lines of its section."""
        name = f'"{self.name}"' if " " in self.name else self.name
        header = "default" if name == "default" else f"profile {name}"
        return "\n".join([f"[{header}]", *map(_line, self.settings, self.settings.values())])


def _line(name: str, value: Value) -> str:
    if isinstance(value, str):
        return f"{name} = {value}".replace("\n", "\n  ")
    return "\n".join([f"{name} =", *(f"  {nested} = {text}" for nested, text in value.items())])


def require_new(profiles: Iterable[NewProfile], config: Config) -> None:
    """Raise InvalidOption for a name that exists, is there twice, or that not all SDKs can read."""
    known = config.profiles
    new: set[str] = set()
    for name in (profile.name for profile in profiles):
        if _ODD.search(name):
            raise InvalidOption(
                f"`{name}` can't be the name of a new profile.",
                "Use letters, digits, spaces and the characters `-_.+=,@/:`.",
            )
        if name in known:
            raise InvalidOption(
                f"There is a profile `{name}` already.",
                "Choose another name; `%aws_profiles` lists the profiles.",
            )
        if name in new:
            raise InvalidOption(
                f"Two of the new profiles would have the name `{name}`.",
                "Use a pattern with more of the role, such as `{account_id}-{role}`.",
            )
        new.add(name)


def append_profiles(profiles: Iterable[NewProfile], files: SharedFiles) -> Path:
    """Append profiles to the config file, and return its path.

    Raises InvalidOption as `require_new` does, and ConfigFileError if the file can't be written.
    """
    profiles = list(profiles)
    require_new(profiles, read_config(files))
    path = Path(os.path.realpath(files.config))
    try:
        _append("\n\n".join(profile.section() for profile in profiles), path)
    except (OSError, UnicodeEncodeError) as error:
        reason = getattr(error, "strerror", None) or "its encoding doesn't have all characters"
        raise ConfigFileError(files.config, f"The file can't be written: {reason}.") from error
    return files.config


def _append(text: str, path: Path) -> None:
    make_private(path.parent)
    before = version_of(path)
    old = path.read_bytes() if before else b""
    if before and not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied")
    end = "\r\n" if b"\r\n" in old else "\n"
    first = end if old.endswith((b"\n", b"\r")) else end * 2
    added = (first if old else "") + text.replace("\n", end) + end
    status = path.stat() if before else None

    def check(draft: Path) -> None:
        _give(draft, status)
        if version_of(path) != before:
            raise OSError(0, "another program has just changed it; run the cell again")

    replace_file(path, old + added.encode(locale.getpreferredencoding(False)), check)


def _give(draft: Path, status: os.stat_result | None) -> None:
    """Give the draft the owner, group and mode of the file that it replaces; 0600 if it is new.

    A kernel in a container can run as root, with a file that belongs to a user outside. Raises
    PermissionError if the owner can't be kept: that user could lose access to the file.
    """
    if status is None:
        return
    if hasattr(os, "chown"):
        if status.st_uid != draft.stat().st_uid:
            os.chown(draft, status.st_uid, -1)
        with suppress(PermissionError):  # of a group that the owner isn't in
            os.chown(draft, -1, status.st_gid)
    draft.chmod(status.st_mode & 0o7777)
