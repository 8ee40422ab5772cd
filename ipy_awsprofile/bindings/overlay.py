"""A config file for child processes: a copy of the user's file without secrets, plus one profile.

This profile has a command for its credentials, and all other settings of the profile that it
represents. Its name is new, so no keys in the user's credentials file take precedence over it. All
other profiles still work, together with the user's credentials file. If the config file is very
large, it isn't copied, and child processes find only this profile.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ipy_awsprofile.bindings.credential_process import command_line
from ipy_awsprofile.config.files import Config, FileVersion, version_of
from ipy_awsprofile.config.settings import CREDENTIALS, KEYS
from ipy_awsprofile.errors import ConfigFileError
from ipy_awsprofile.text import Arn

#: The maximum size of a config file to copy, in bytes: 50,000 profiles, which take some seconds.
LARGEST = 5_000_000

_NOTE = "# Created by ipy_awsprofile for the child processes of one kernel. Changes are lost.\n"


def write_overlay(
    path: Path,
    *,
    name: str,
    of: str,
    command: str,
    region: str | None,
    config: Config,
    without_section: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write a config file in which the profile ``name`` represents the profile ``of``.

    ``command`` is its `credential_process`, and ``region`` takes precedence over the profile's
    Region. ``config`` contains the user's files. If they have no profile ``of``, the other settings
    come from ``without_section``. Keys in the user's config file aren't copied. Their profiles read
    them from that file when they are used.

    Only the user can read the file. It is written completely or not at all. Raises ConfigFileError,
    and ValueError if the files already have a profile ``name``.
    """
    profiles = config.profiles
    if name in profiles:
        raise ValueError(f"there already is a profile {name!r}")
    settings = _public(
        {
            setting: _text(value)
            for setting, value in profiles.get(of, without_section).items()
            if setting not in CREDENTIALS and not setting.startswith("sso_")
        }
    )
    settings["credential_process"] = command
    if region is not None:
        settings["region"] = region
    others = _copied(config, settings.get("services", ""))
    _write(path, "\n".join([_NOTE, others, _section(f"profile {shlex.quote(name)}", settings)]))


def overlay_name(profile: str, taken: Iterable[str]) -> str:
    """Return a name for the profile that represents this one, such as ``RoleBeta-in-kernel``.

    The name isn't in ``taken``. It contains only letters, digits, ``_``, ``.`` and ``-``, which all
    SDKs read in the same way. If ``profile`` is the ARN of a role, the role's name is used.
    """
    arn = Arn.parse(profile)
    label = arn.role.rpartition("/")[2] if arn else profile
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", label).strip("-") or "profile"
    taken = set(taken)
    name, number = f"{readable}-in-kernel", 1
    while name in taken:
        number += 1
        name = f"{readable}-in-kernel-{number}"
    return name


def _copied(config: Config, services: str) -> str:
    """Return the sections of the user's config file, or only these services if it is very large."""
    version = version_of(config.paths.config)
    if version and version[1] > LARGEST:
        section = config.services.get(services)
        texts = {name: _text(value) for name, value in (section or {}).items()}
        return _section(f"services {shlex.quote(services)}", _public(texts)) if texts else ""
    return _all_copied(config.paths.config, version)


@lru_cache(maxsize=1)
def _all_copied(config: Path, _version: FileVersion | None) -> str:
    return "\n".join(_user_sections(config))


def _user_sections(config: Path) -> Iterator[str]:
    """Yield the sections of the user's config file, without comments and secrets."""
    try:
        text = config.read_text() if config.exists() else ""
        # The settings of [DEFAULT] apply to every section.
        for part in [text] if _DEFAULT in text else _HEADER.split(text):
            if _DEFAULT in part or _NAME_OF_SECRET.search(part.lower()):
                yield from _parsed_sections(config, part)
            else:
                yield _COMMENTS.sub("", part)
    except (configparser.Error, UnicodeDecodeError, OSError):  # the messages can quote a secret
        raise ConfigFileError(config, "The file was changed while it was read.") from None


def _parsed_sections(config: Path, part: str) -> Iterator[str]:
    """Parse a part of the config file, and yield each section without secrets."""
    parser = configparser.RawConfigParser()
    parser.read_string(part, source=str(config))
    for header in parser.sections():
        settings = dict(parser.items(header))
        public = _public(settings)
        if _is_profile(header) and settings.keys() >= _KEYS:
            # As a role's source, a process has the same precedence as keys in the config file.
            public.setdefault(
                "credential_process", command_line("read", os.path.abspath(config), header)
            )
        yield _section(header, public)


_DEFAULT = f"[{configparser.DEFAULTSECT}]"

#: Matches before each header at the start of a line. configparser parses the other lines.
_HEADER = re.compile(r"^(?=\[.+\])", re.MULTILINE)

_NAME_OF_SECRET = re.compile("|".join(map(re.escape, sorted(KEYS))))

#: Lines that configparser ignores.
_COMMENTS = re.compile(r"^[^\S\n]*[#;].*\n?", re.MULTILINE)

_KEYS = {"aws_access_key_id", "aws_secret_access_key"}


def _is_profile(header: str) -> bool:
    return header == "default" or header.startswith("profile")


def _text(value: Any) -> str:
    """Return a value as written in a config file. A nested value becomes an indented block."""
    if isinstance(value, str):
        return value
    return "".join(f"\n{name} = {nested}" for name, nested in value.items())


def _public(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings without secrets, omitting settings that contain nothing else."""
    public = {}
    for name, text in settings.items():
        shown = _without_secrets(text)
        if name not in KEYS and (shown or not text):
            public[name] = shown
    return public


def _without_secrets(text: str) -> str:
    """Return a value up to the first line with a secret, which was indented by mistake."""
    first, *more = text.splitlines(keepends=True) or [""]
    return "".join([first, *takewhile(_has_no_secret, more)]).rstrip()


def _has_no_secret(line: str) -> bool:
    return re.split("[=:]", line)[0].strip().lower() not in KEYS


def _section(header: str, settings: Mapping[str, str]) -> str:
    lines = [f"{name} = {_indented(text)}\n" for name, text in settings.items()]
    return f"[{header}]\n{''.join(lines)}"


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _write(path: Path, text: str) -> None:
    """Write a file that only the user can read, in one step."""
    handle, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "w") as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
