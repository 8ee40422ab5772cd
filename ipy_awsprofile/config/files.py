"""Read the shared config and credentials files as botocore does, once for all sessions.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import locale
import os
import re
import shlex
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from configparser import (
    DuplicateOptionError,
    DuplicateSectionError,
    MissingSectionHeaderError,
    ParsingError,
)
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.configloader import build_profile_map, raw_config_parse
from botocore.exceptions import ConfigNotFound, ConfigParseError

from ipy_awsprofile.config.private import StaysInProcess, read_file
from ipy_awsprofile.config.user_environment import user_variable
from ipy_awsprofile.errors import ConfigFileError
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

#: The encoding in which botocore reads the files. On most Windows machines, it isn't UTF-8.
ENCODING = locale.getpreferredencoding(False)

#: A section's settings: strings, and dicts of strings for indented blocks. They can be secrets.
Section = Mapping[str, Any]

#: The parsed files as botocore has them.
ParsedFiles = dict[str, Any]


class Location(NamedTuple):
    """A line in a file, which is displayed in the form ``config:3``.

    The number of the first line is 1.
    """

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class SharedFiles:
    """The paths of the shared config and credentials files, which don't need to exist.

    https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
    """

    config: Path
    credentials: Path

    @classmethod
    def from_environment(cls) -> SharedFiles:
        """Return the absolute paths from the environment, or the default paths in ``~/.aws``."""
        return cls._located(user_variable)

    @classmethod
    def of_programs(cls) -> SharedFiles:
        """Return the paths that programs use, which differ from the user's during some switches."""
        return cls._located(os.environ.get)

    @classmethod
    def _located(cls, value_of: Callable[[str, str], str | None]) -> SharedFiles:
        """Return the paths from the variables whose values ``value_of`` returns."""

        def located(variable: str, default: str) -> Path:
            # As in botocore, keep an unknown ~user as it is. Path.expanduser would raise an error.
            # In botocore, an empty variable names no file.
            path = os.path.expandvars(
                value_of(variable, default) or os.path.join(os.devnull, variable)
            )
            return Path(os.path.expanduser(path)).absolute()

        return cls(
            located("AWS_CONFIG_FILE", "~/.aws/config"),
            located("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        )


#: The time (in nanoseconds), size and inode of a file, which change with its content.
FileVersion = tuple[int, int, int]


def version_of(path: Path) -> FileVersion | None:
    """Return a value that changes with a file's content, or None if the file doesn't exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Config(StaysInProcess):
    """The sections of the shared files by name, read at one point in time.

    The values of settings can be secrets. Other programs can write the files at any time, so
    callers read the files once and pass this object on. All sessions share the object and never
    change the object.
    """

    paths: SharedFiles
    profiles: MappingProxyType[str, Section]
    sso_sessions: Mapping[str, Section]
    services: Mapping[str, Section]
    #: All sections as botocore has them, but with the config file's profiles alone.
    sections: ParsedFiles
    #: The headers that aren't a profile's, such as one of three words, which botocore ignores.
    other_headers: tuple[str, ...]


def read_config(paths: SharedFiles | None = None) -> Config:
    """Return the contents of the shared files as botocore parses them.

    The files are parsed again only if they have changed. Raise ConfigFileError if botocore can't
    parse a file.
    """
    if paths is None:
        paths = SharedFiles.from_environment()
    return _read(paths, version_of(paths.config), version_of(paths.credentials))


@lru_cache(maxsize=2)
def _read(paths: SharedFiles, of_config: FileVersion | None, _: FileVersion | None) -> Config:
    parsed = _parsed(paths.config, of_config)
    sections = build_profile_map(parsed)
    profiles: dict[str, Section] = dict(sections["profiles"])
    for name, section in read_credentials(paths.credentials).items():
        profiles[name] = {**profiles.get(name, {}), **section}
    return Config(
        paths,
        profiles=MappingProxyType(profiles),
        sso_sessions=sections["sso_sessions"],
        services=sections["services"],
        sections=sections,
        other_headers=tuple(header for header in parsed if profile_in(header) is None),
    )


def read_credentials(path: Path) -> ParsedFiles:
    """Return the sections of the credentials file. All callers share the returned dict."""
    return _parsed(path, version_of(path))


@lru_cache(maxsize=4)
def _parsed(path: Path, _version: FileVersion | None) -> ParsedFiles:
    try:
        if path.is_dir():
            return {}
        read_file(path)  # botocore ignores a file that the user may not read
        return raw_config_parse(str(path))
    except (FileNotFoundError, NotADirectoryError, ConfigNotFound):
        return {}
    except OSError as error:
        raise ConfigFileError(path, f"The file can't be read ({error.strerror}).") from error
    except ConfigParseError as error:
        # Its text quotes the line, which can be a secret: don't chain it.
        raise ConfigFileError(path, *_problem(path, dict(error.kwargs)["error"])) from None


#: A header without its closing bracket.
_UNCLOSED = re.compile(r"^\[[^\]\n]*$", re.MULTILINE)

#: A line that Git writes around the lines of two versions that it couldn't merge.
_OF_MERGE = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)

#: A header without its brackets, or only with the closing one.
_BARE = re.compile(
    r"^((?P<kind>profile|sso-session|services)[ \t]+(?P<name>[^=:\[\]\n]+?)|default)\]?[ \t]*$",
    re.MULTILINE,
)

#: A header in round or curly brackets.
_OTHER_BRACKETS = re.compile(
    r"^[({][ \t]*(?:(?P<kind>profile|sso-session|services)[ \t]+)?"
    r"(?P<name>[^=:\[\](){}\n]+?)[ \t]*[)}][ \t]*$",
    re.MULTILINE,
)

#: A setting whose line ends with a header, because the file didn't end with a line break before.
_JOINED = re.compile(
    r"^[^\s#;\[][^=\n]*=[^\n\[]*[^\s\[](?P<header>\[(?:(?:profile|sso-session|services)[ \t]+)?"
    r"(?P<name>[^\[\]\n]+)\])[ \t]*$",
    re.MULTILINE,
)

#: A line of a quoted e-mail.
_QUOTED = re.compile(r"^>[ \t]?(?=\[|[\w.-]+[ \t]*=)", re.MULTILINE)

#: A setting without a value, and the lines below it to the first that isn't a nested setting.
_VALUE_BELOW = re.compile(
    r"""^([^\s#;\[][^=:\n]*?)[ \t]*[=:][ \t]*\n
    ([ \t]*([#;].*)?\n | [ \t]+[^\s#;][^=\n]*=.*\n)*
    [ \t]+[^\s#;=][^=\n]*$""",
    re.MULTILINE | re.VERBOSE,
)


def _problem(path: Path, cause: object) -> tuple[str, int | None]:
    """Return the problem that prevents botocore from parsing a file, and the problem's line number.

    If the line number is unknown, the second result is None. The description doesn't quote the
    line, which can contain a secret.
    """
    content = read_file(path)
    if content.startswith((BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE)):
        return "Save the file as UTF-8 without a byte order mark (BOM).", None
    text = content.decode(ENCODING, errors="replace").replace("\r\n", "\n")
    if isinstance(cause, UnicodeDecodeError):
        return f"Save the file as {ENCODING.upper()}.", _line_at(text, text.find("\ufffd"))
    marker = _OF_MERGE.search(text)
    if marker:
        problem = (
            "The line is a conflict marker of Git. Keep the lines of one version, and delete the "
            "others and the markers."
        )
        return problem, _line_at(text, marker.start())
    header = _UNCLOSED.search(text)
    if header:
        return "The header needs a closing bracket.", _line_at(text, header.start())
    joined = _JOINED.search(text)
    if joined:
        problem = f"Write the header {one_line(joined['header'], 80)} on its own line."
        return problem, _line_at(text, joined.start())
    quoted = _QUOTED.search(text)
    if quoted:
        problem = "Remove the `>` at the beginning of the line, and of the lines below it."
        return problem, _line_at(text, quoted.start())
    bare = _OTHER_BRACKETS.search(text) or _BARE.search(text)
    if bare:
        problem = f"Write the header in brackets: [{_header_in(path, bare)}]."
        return problem, _line_at(text, bare.start())
    below = _VALUE_BELOW.search(text)
    if below and isinstance(cause, ValueError):
        problem = (
            f"The value of `{one_line(below[1], 40)}` must be on the same line as the equals sign."
        )
        return problem, _line_at(text, below.start())
    return _problem_in_line(cause)


def location_of_joined_header(path: Path, name: str) -> Location | None:
    """Return the location of a profile's header that is at the end of a setting's line, or None."""
    with suppress(OSError):
        text = read_file(path).decode(ENCODING, errors="replace").replace("\r\n", "\n")
        for joined in _JOINED.finditer(text):
            if joined["name"].strip("\"'") == name:
                return Location(path, _line_at(text, joined.start()))
    return None


def _header_in(path: Path, bare: re.Match[str]) -> str:
    """Return the corrected header for a line that lacks brackets.

    The result doesn't include brackets.
    """
    kind, name = bare["kind"] or "profile", bare["name"] or "default"
    if name == "default" and kind == "profile":
        return name
    name = one_line(name, 80)
    with suppress(ValueError):
        if len(shlex.split(name)) > 1:
            name = shlex.quote(name)
    if kind == "profile" and path == SharedFiles.from_environment().credentials:
        return name
    return f"{kind} {name}"


def _line_at(text: str, position: int) -> int:
    """Return the number of the line that contains a position in a string, starting from 1."""
    return text[:position].count("\n") + 1


def _problem_in_line(cause: object) -> tuple[str, int | None]:
    """Return the problem that `configparser` found in a line, and the line number or None."""
    match cause:
        case DuplicateOptionError(option=name, lineno=line):
            return (
                f"`{one_line(name, 40)}` is in its section twice. Delete one of the two lines.",
                line,
            )
        case DuplicateSectionError(section=header, lineno=line):
            return (
                f"The section [{one_line(header, 80)}] exists twice. Merge the two sections.",
                line,
            )
        case MissingSectionHeaderError(lineno=line):
            return "Write a header such as [default] or [profile NAME] above this line.", line
        case ParsingError(errors=[(line, _), *_]):
            return "The line needs an equals sign, as in `region = us-east-1`.", line
    return f"botocore can't parse the file ({type(cause).__name__}).", None


def locations_of(paths: SharedFiles, header: str, setting: str = "") -> list[Location]:
    """Return the locations of a setting or of a section's header in the two shared files.

    If a setting has several locations, botocore uses the last one. ``header`` has two words, such
    as ``profile x``, even for the section [default] and for sections of the credentials file.
    """
    in_config = _locations(paths.config, version_of(paths.config))
    in_credentials = _locations(paths.credentials, version_of(paths.credentials), "profile ")
    locations = (file.get((header, setting)) for file in (in_config, in_credentials))
    return list(filter(None, locations))


_HEADER_OR_SETTING = re.compile(r"\[(?P<header>.+)\]|(?P<setting>[^\s#;\[][^=:]*?)\s*[=:]")


@lru_cache(maxsize=4)
def _locations(
    path: Path, _version: FileVersion | None, prefix: str = ""
) -> dict[tuple[str, str], Location]:
    locations: dict[tuple[str, str], Location] = {}
    header = ""
    with suppress(OSError), path.open(errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            match = _HEADER_OR_SETTING.match(line)
            if not match:
                continue
            if match["header"]:
                header = _two_words(prefix + match["header"])
            locations[header, (match["setting"] or "").lower()] = Location(path, number)
    return locations


def _two_words(header: str) -> str:
    """Return a header with single spaces, or ``profile default`` for the header [default]."""
    with suppress(ValueError):
        header = " ".join(shlex.split(header))
    return "profile default" if header == "default" else header


def profile_in(header: str) -> str | None:
    """Return the name of the profile in a header of the config file, or None for other headers."""
    if header == "default":
        return header
    with suppress(ValueError):
        kind, name = shlex.split(header)
        if kind == "profile" and header.startswith(kind):  # botocore ignores [ profile NAME ]
            return name
    return None
