"""Write profiles to the config file, either one profile at the end or several profiles in a block.

A block consists of the lines between two comments. ``%aws_profiles --save`` and ``%aws_profile
--share`` each replace a separate block, and leave all other lines unchanged.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path
from types import MappingProxyType

from ipy_awsprofile.config.files import (
    ENCODING,
    Config,
    FileVersion,
    Section,
    SharedFiles,
    read_config,
    version_of,
)
from ipy_awsprofile.config.private import read_file, replace_file
from ipy_awsprofile.config.settings import SECRETS
from ipy_awsprofile.errors import ConfigFileError, InvalidOption

#: Names that not all SDKs read alike.
_ODD = re.compile(r"""["'\\\[\]#;\x00-\x1f\x7f]|^\s|\s$|^$|\s{2}""")
#: The name of the block of the profiles for programs outside the kernel.
SHARED_BLOCK = "the identity that a notebook shares"

_PROFILE = re.compile(r"""(?m)^\[profile ["']?([^"'\]]+)["']?\]""")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The config file's text and version, and both shared files' sections, at one point in time."""

    config: Config
    text: str
    version: FileVersion | None
    line_end: str = "\n"

    @classmethod
    def read(cls, files: SharedFiles | None = None) -> ConfigFile:
        """Read ``files`` or, by default, the shared files that the environment names.

        Raise ConfigFileError if a file is invalid.
        """
        if files is None:
            files = SharedFiles.from_environment()
        version = version_of(files.config)
        config = read_config(files)  # raises the errors of a file that can't be read
        text = ""
        if version:
            text = read_file(files.config).decode(ENCODING)
        line_end = "\r\n" if "\r\n" in text else "\n"
        return cls(config, text.replace("\r\n", "\n"), version, line_end)

    def without_block(self, block: str) -> Config:
        """Return the sections of both files without the profiles in the config file's block."""
        inside = profiles_in_block(self.text, block)
        others = {
            name: section for name, section in self.config.profiles.items() if name not in inside
        }
        return replace(self.config, profiles=MappingProxyType(others))

    def with_profile(self, name: str, settings: Section) -> str:
        """Return the config file's text with a new profile at the end.

        Raise InvalidOption if the name is invalid.
        """
        if name in self.config.profiles:
            raise InvalidOption(
                f"The profile `{name}` already exists.",
                "Choose a different name. `%aws_profiles` lists the existing profiles.",
            )
        return _appended(self.text, _new_section(name, settings))

    def with_block(self, name: str, profiles: Mapping[str, Section]) -> str:
        """Return the file's text with these profiles as the only content of a block.

        If ``profiles`` is empty, remove the block. Raise InvalidOption if some SDKs can't read a
        name.
        """
        block = ""
        if profiles:
            first, last = _marks(name)
            sections = "\n".join(
                _new_section(profile, profiles[profile]) for profile in sorted(profiles)
            )
            block = f"{first}\n{sections}{last}\n"
        old = _find_block(self.text, name)
        if old:
            return self.text[: old.start()] + block + self.text[old.end() :]
        return _appended(self.text, block)

    def change(self, text: str, *, is_confirmed: bool) -> list[str]:
        """Return the diff between the file and a new text, and write the text if confirmed."""
        lines = difference(self.text, text)
        if lines and is_confirmed:
            self.write(text)
        return lines

    def write(self, text: str) -> None:
        """Replace the config file atomically, but keep its owner, mode and symbolic links.

        Raise ConfigFileError if another program has changed the file since this object read it.
        """
        path = Path(os.path.realpath(self.config.paths.config))

        def prepare(draft: Path) -> None:
            if version_of(path) != self.version:
                raise OSError(0, "another program has just changed it; run the cell again")
            if self.version:
                status = path.stat()
                draft.chmod(status.st_mode & 0o7777)
                if sys.platform != "win32":  # root in a container can replace a user's file
                    with suppress(PermissionError):
                        os.chown(draft, status.st_uid, status.st_gid)

        try:
            if self.version and not os.access(path, os.W_OK):  # replacing it would succeed
                raise PermissionError(13, "Permission denied")
            replace_file(path, text.replace("\n", self.line_end).encode(ENCODING), prepare)
        except (OSError, UnicodeEncodeError) as error:
            reason = getattr(error, "strerror", "its encoding lacks a character")
            problem = f"The file can't be written: {reason}."
            raise ConfigFileError(self.config.paths.config, problem) from error


def block_of_roles(sign_in: str) -> str:
    """Return the name of the config file's block that contains a sign-in's roles."""
    return f"roles of {sign_in}"


def profiles_in_block(text: str, name: str) -> set[str]:
    """Return the names of the profiles in a block of the config file."""
    block = _find_block(text, name)
    return set(_PROFILE.findall(block[0])) if block else set()


def difference(before: str, after: str) -> list[str]:
    """Return the lines of a diff, with context around the lines that begin with ``+`` or ``-``.

    If the user has added a secret to a section, the diff doesn't show the secret's value.
    """
    old, new = (list(filter(str.strip, text.splitlines())) for text in (before, after))
    lines = unified_diff(old, new, n=3, lineterm="")
    return [_without_secret(line) for line in lines if not line.startswith(("---", "+++", "@@"))]


def section_text(name: str, settings: Section) -> str:
    """Return the text of a profile's section for the config file."""
    header = f"profile {name}"
    if name == "default":
        header = name
    elif re.search(r"[\s'\"\\]", name):  # not every SDK reads quoted names
        header = f"profile {shlex.quote(name)}"
    lines = [f"[{header}]"]
    for setting, value in settings.items():
        if isinstance(value, str):
            lines.append(f"{setting} = {value}".replace("\n", "\n  "))
        else:
            lines.append(f"{setting} =")
            lines += (f"  {nested} = {text}" for nested, text in value.items())
    return "\n".join([*lines, ""])


def _new_section(name: str, settings: Section) -> str:
    word, _, rest = name.partition(" ")
    if word == "profile":
        raise InvalidOption(
            f"`{name}` can't be the name of a new profile, because it begins with the word "
            "`profile`.",
            f"Write `{rest.strip()}`.",
        )
    if _ODD.search(name):
        raise InvalidOption(
            f"`{name}` can't be the name of a new profile.",
            "Use letters, digits, spaces and the characters `-_.+=,@/:`.",
        )
    return section_text(name, settings)


def _marks(name: str) -> tuple[str, str]:
    return f"# >>> ipy_awsprofile: {name}", f"# <<< ipy_awsprofile: {name}"


def _find_block(text: str, name: str) -> re.Match[str] | None:
    first, last = map(re.escape, _marks(name))
    # A first line without a last line, which was deleted, doesn't begin a block.
    lines = rf"(?:(?!^{first}\s*$).*\n)*?"
    # `aws configure set` adds settings of the last profile below the last line.
    more = r"(?:\n[ \t]*[^\s\[#;].*)*"
    return re.search(rf"(?m)^{first}\s*\n{lines}{last}[ \t]*{more}(?:\n|\Z)", text)


def _appended(text: str, addition: str) -> str:
    if text and addition:  # which follows a blank line
        text += "\n" if text.endswith("\n") else "\n\n"
    return text + addition


def _without_secret(line: str) -> str:
    setting, equals, _ = line[1:].partition("=")
    if equals and setting.strip().lower() in SECRETS:
        return f"{line[0]}{setting}= …"
    return line
