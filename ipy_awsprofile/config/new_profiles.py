"""Append profiles to the shared config file, without changing its content.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.config_file import rewrite_file
from ipy_awsprofile.config.shared_files import SharedFiles, Value, version_of
from ipy_awsprofile.errors import InvalidOption

#: Characters that a new profile's name can't contain, because not all SDKs read them alike.
_ODD = re.compile(r"""["'\\\[\]#;\x00-\x1f\x7f]|^\s|\s$|^$|\s{2}""")


@dataclass(frozen=True, slots=True)
class NewProfile:
    """A profile to add to the files. ``comment`` is the first line of its section."""

    name: str
    settings: Mapping[str, Value]
    comment: str = ""

    def section(self) -> str:
        """Return the profile's section as text."""
        comment = [self.comment] if self.comment else []
        settings = map(_line, self.settings, self.settings.values())
        return "\n".join([section_header(self.name), *comment, *settings])


def section_header(name: str) -> str:
    """Return the header of a profile's section."""
    quoted = f'"{name}"' if " " in name else name
    return "[default]" if name == "default" else f"[profile {quoted}]"


def _line(name: str, value: Value) -> str:
    if isinstance(value, str):
        return f"{name} = {value}".replace("\n", "\n  ")
    return "\n".join([f"{name} =", *(f"  {nested} = {text}" for nested, text in value.items())])


def require_new(names: Iterable[str], known: Collection[str]) -> None:
    """Raise InvalidOption if a name exists already, is repeated, or isn't readable by all SDKs."""
    new: set[str] = set()
    for name in names:
        if _ODD.search(name):
            raise InvalidOption(
                f"`{name}` can't be the name of a new profile.",
                "Use letters, digits, spaces and the characters `-_.+=,@/:`.",
            )
        if name in known:
            raise InvalidOption(
                f"The profile `{name}` already exists.",
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

    Raises InvalidOption like `require_new`, and ConfigFileError if the file can't be written.
    """
    profiles = list(profiles)
    version = version_of(files.config)
    names = (profile.name for profile in profiles)
    require_new(names, read_config(files).profiles)
    rewrite_file(files.config, lambda text: with_sections(text, profiles), version)
    return files.config


def with_sections(text: str, profiles: Iterable[NewProfile]) -> str:
    """Return the text of a config file with new sections at its end."""
    end = "\r\n" if "\r\n" in text else "\n"
    sections = "\n\n".join(profile.section() for profile in profiles)
    if not sections:
        return text
    first = end if text.endswith(("\n", "\r")) else end * 2
    return text + (first if text else "") + sections.replace("\n", end) + end
