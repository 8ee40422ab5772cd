"""The content of both shared files: profiles, and the sections that profiles refer to.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import re
import shlex
from collections import ChainMap
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ipy_awsprofile.config.shared_files import (
    FileVersion,
    Section,
    SharedFiles,
    Value,
    file_sections,
    version_of,
)
from ipy_awsprofile.config.stays_in_process import StaysInProcess


class Config(StaysInProcess):
    """The sections of both files by name, as read at one point in time, and the files' paths.

    Other programs can write the files at any time. Code that needs consistent settings therefore
    reads the files once, and passes this object on. ``unnamed`` contains sections of the config
    file without a valid name, by header. In ``[profile two words]``, quotation marks are missing.
    """

    __slots__ = ("others", "paths", "profiles", "services", "sso_sessions", "unnamed")

    def __init__(self, paths: SharedFiles) -> None:
        self.paths = paths
        self.profiles: dict[str, Section] = {}
        self.sso_sessions: dict[str, Section] = {}
        self.services: dict[str, Section] = {}
        self.others: dict[str, Section] = {}
        self.unnamed: dict[str, Section] = {}

    def full_config(self, profiles: Mapping[str, Mapping[str, Value]]) -> dict[str, Any]:
        """Return botocore's ``Session.full_config``, with the given settings for some profiles.

        botocore parses both files for every session. Here, all sessions share the sections, and
        each session copies the sections that it reads, so the caller can change the result.

        https://botocore.amazonaws.com/v1/documentation/api/latest/reference/config.html
        """
        return {
            **_copied(self.others),
            "profiles": _CopiedOnRead(
                {name: dict(own) for name, own in profiles.items()}, self.profiles
            ),
            "sso_sessions": _CopiedOnRead({}, self.sso_sessions),
            "services": _CopiedOnRead({}, self.services),
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.paths.config} {self.paths.credentials}>"


class _CopiedOnRead(ChainMap[str, Any]):
    """A session's own sections, before sections that all sessions share.

    A shared section is copied when it is read for the first time. Copying 20,000 profiles, or even
    their names, for each session would be slow.
    """

    def __getitem__(self, name: str) -> Any:
        own, shared = self.maps
        return own[name] if name in own else own.setdefault(name, _copied(shared[name]))


def _copied(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a mapping, and of the mappings in it."""
    return {
        name: value if isinstance(value, str) else _copied(value)
        for name, value in settings.items()
    }


def read_config(paths: SharedFiles | None = None) -> Config:
    """Read both files as ``botocore.session.Session.full_config`` does. Raises ConfigFileError.

    A profile's settings in the credentials file take precedence over its settings in the config
    file. Callers share the result and must not change it. By default, the environment determines
    the paths.
    """
    paths = paths or SharedFiles.from_environment()
    return _read(paths, version_of(paths.config), version_of(paths.credentials))


@lru_cache(maxsize=2)
def _read(
    paths: SharedFiles, version: FileVersion | None, of_credentials: FileVersion | None
) -> Config:
    del version, of_credentials  # part of the cache key
    config = Config(paths)
    for header, section in file_sections(paths.config).items():
        if header.startswith("profile"):
            _add_by_quoted_name(config.profiles, section, config)
        elif header.startswith("sso-session"):
            _add_by_quoted_name(config.sso_sessions, section, config)
        elif header.startswith("services"):
            _add_by_quoted_name(config.services, section, config)
        elif header == "default":
            _add(config.profiles, header, section)
        else:
            config.others[header] = section
    for name, section in file_sections(paths.credentials).items():
        if name in config.profiles:
            config.profiles[name] = config.profiles[name].with_replaced({})  # the file's is shared
            config.profiles[name].override(section)
        else:
            section.in_credentials = frozenset(section)
            config.profiles[name] = section
    return config


def _add_by_quoted_name(known: dict[str, Section], section: Section, config: Config) -> None:
    """Add a section such as ``[profile NAME]`` by its name, if its header has two words."""
    header = section.header
    words = header.split(" ") if _PLAIN_HEADER.fullmatch(header) else _shell_words(header)
    if len(words) == 2:  # noqa: PLR2004
        _add(known, words[1], section)
    else:
        config.unnamed[header] = section


def _add(known: dict[str, Section], name: str, section: Section) -> None:
    """Add a section by its name. If several have the same name, botocore uses the last one."""
    if name in known:
        section.replaced = (*known[name].replaced, known[name])
    known[name] = section


#: Two words without quotation marks. The shell parser would be slow for 20,000 headers.
_PLAIN_HEADER = re.compile(r"""[^\s"'\\]+ [^\s"'\\]+""")


def _shell_words(header: str) -> list[str]:
    try:
        return shlex.split(header)
    except ValueError:
        return []
