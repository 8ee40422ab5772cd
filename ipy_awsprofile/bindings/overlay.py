"""A config file for child processes: the user's own without secrets, and one profile more.

Its profile runs a command for its credentials, and has every other setting of the profile that it
stands for. It has a name of its own, so that no keys of the user's files shadow it. All other
profiles go on working, together with the user's own credentials file.

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
from itertools import takewhile
from pathlib import Path

from ipy_awsprofile.bindings.credential_process import command_line
from ipy_awsprofile.config.settings import CREDENTIAL_SETTINGS, About, settings_about
from ipy_awsprofile.config.shared_files import SharedFiles, Value, read_shared_files

_SECRETS = frozenset(settings_about(About.KEYS))

_NOTE = "# Made by ipy_awsprofile for the child processes of one kernel: changes here are lost.\n"


def write_overlay(
    path: Path, *, name: str, of: str, command: str, region: str | None, files: SharedFiles
) -> None:
    """Write a config file in which the profile ``name`` stands for the profile ``of``.

    ``command`` is its `credential_process`; ``region`` goes before that of the profile. ``files``
    are the user's own; a profile ``of`` that they don't have gives no settings. Keys that stand
    in the user's config file aren't copied: their profiles read them there, when they are used.

    Only the user can read the file, which is there as a whole or not at all. Raises
    ConfigFileError, and ValueError for a name that the files have already.
    """
    profiles = read_shared_files(files).profiles
    if name in profiles:
        raise ValueError(f"there is a profile {name!r} already")
    settings = _public(
        {
            setting: _text(value)
            for setting, value in profiles.get(of, {}).items()
            if setting not in CREDENTIAL_SETTINGS and not setting.startswith("sso_")
        }
    )
    settings["credential_process"] = command
    if region is not None:
        settings["region"] = region
    sections = [*_user_sections(files.config), _section(f"profile {shlex.quote(name)}", settings)]
    _write(path, "\n".join([_NOTE, *sections]))


def overlay_name(profile: str, taken: Iterable[str]) -> str:
    """Find a name for the profile that stands for this one, such as ``RoleBeta-in-kernel``.

    It is none of those that are taken, and of letters, digits, ``_``, ``.`` and ``-`` only: all
    SDKs read such a name alike. Of a role's ARN, the role's name is what counts.
    """
    known_as = re.sub("^arn:.*[:/]", "", profile)
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", known_as).strip("-") or "profile"
    taken = set(taken)
    name, number = f"{readable}-in-kernel", 1
    while name in taken:
        number += 1
        name = f"{readable}-in-kernel-{number}"
    return name


def _user_sections(config: Path) -> Iterator[str]:
    """Render each section of the user's config file anew, without comments and without secrets."""
    parser = configparser.RawConfigParser()
    # What is wrong with the file has been told by read_shared_files; here it is read for the
    # texts of indented blocks as they stand there.
    parser.read(config)
    for header in parser.sections():
        settings = dict(parser.items(header))
        public = _public(settings)
        if _is_profile(header) and settings.keys() >= _KEYS:
            # In the chain of sources, a process stands where keys of the config file do.
            public.setdefault(
                "credential_process", command_line("read", os.path.abspath(config), header)
            )
        yield _section(header, public)


_KEYS = {"aws_access_key_id", "aws_secret_access_key"}


def _is_profile(header: str) -> bool:
    return header == "default" or header.startswith("profile")


def _text(value: Value) -> str:
    """Turn an indented block into the text that stands in a file for it."""
    if isinstance(value, str):
        return value
    return "".join(f"\n{name} = {nested}" for name, nested in value.items())


def _public(settings: Mapping[str, str]) -> dict[str, str]:
    """Leave out what is secret, and what is nothing without it."""
    public = {}
    for name, text in settings.items():
        scrubbed = _scrubbed(text)
        if name not in _SECRETS and (scrubbed or not text):
            public[name] = scrubbed
    return public


def _scrubbed(text: str) -> str:
    """End a longer value where a setting with a secret is in it, indented by mistake."""
    first, *more = text.splitlines(keepends=True) or [""]
    return "".join([first, *takewhile(_has_no_secret, more)]).rstrip()


def _has_no_secret(line: str) -> bool:
    return re.split("[=:]", line)[0].strip().lower() not in _SECRETS


def _section(header: str, settings: Mapping[str, str]) -> str:
    lines = [f"{name} = {_indented(text)}\n" for name, text in settings.items()]
    return f"[{header}]\n{''.join(lines)}"


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _write(path: Path, text: str) -> None:
    """Write a file that only the user can read, at once."""
    handle, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "w") as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
