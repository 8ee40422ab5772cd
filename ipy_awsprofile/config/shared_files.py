"""Read the shared config and credentials files by section, with the line of each setting.

Sections and settings are the same as in botocore (``botocore.configloader`` and
``Session.full_config``). Here, values can be secrets. The public records in
`ipy_awsprofile.config.profiles` don't contain any.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ipy_awsprofile.config.parsing_errors import problem_and_line
from ipy_awsprofile.config.settings import BLOCKS, SETTINGS
from ipy_awsprofile.config.stays_in_process import StaysInProcess
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.errors import ConfigFileError


@dataclass(frozen=True, slots=True)
class SharedFiles:
    """The paths of the two shared files. Neither file needs to exist.

    https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
    """

    config: Path
    credentials: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> SharedFiles:
        """Return the absolute paths that AWS SDKs use, from the environment or in ``~/.aws``."""
        environ = user_environment() if environ is None else environ

        def located(variable: str, default: str) -> Path:
            # As in botocore, keep an unknown ~user as it is. Path.expanduser would raise an error.
            path = os.path.expandvars(environ.get(variable) or default)
            return Path(os.path.expanduser(path)).absolute()

        return cls(
            config=located("AWS_CONFIG_FILE", "~/.aws/config"),
            credentials=located("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        )


Value = str | dict[str, str]


class Section(StaysInProcess, dict[str, Value]):
    """The settings of one section, with the line (from 1) of each setting.

    Values can be secrets. Don't expose this class outside the package. Its repr shows only names.
    """

    # With 20,000 sections, garbage collection would take most of the time.
    __slots__ = ("_over", "file", "header", "in_credentials", "line", "lines", "replaced")

    def __init__(self, file: Path, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        #: The text between the brackets.
        self.header = ""
        #: Earlier sections with the same name in another spelling, which aren't read.
        self.replaced: tuple[Section, ...] = ()
        #: The lines of the settings in this file, without the other file's settings.
        self.lines: dict[str, int] = {}
        #: The settings in the credentials file. botocore looks for keys in one file at a time.
        self.in_credentials: frozenset[str] = frozenset()
        self._over: Section | None = None

    @property
    def parts(self) -> tuple[Section, ...]:
        """This section, and the credentials file's section if the profile is in both files."""
        return (self,) if self._over is None else (self, self._over)

    @property
    def origins(self) -> dict[str, tuple[Path, int]]:
        """The file and line of each effective setting."""
        own = {name: (self.file, line) for name, line in self.lines.items()}
        return own | self._over.origins if self._over else own

    @property
    def overridden(self) -> dict[str, tuple[Path, int]]:
        """The file and line of each setting that the credentials file overrides."""
        return {
            name: (self.file, self.lines[name]) for name in self._over or () if name in self.lines
        }

    @property
    def in_config(self) -> frozenset[str]:
        """The settings in the config file, including overridden ones."""
        return frozenset(self) - self.in_credentials | frozenset(self.overridden)

    def text(self, name: str) -> str | None:
        """Return the text of a setting, or None if it is missing, empty or nested."""
        value = self.get(name)
        return value if isinstance(value, str) and value else None

    def first_line(self, name: str) -> str | None:
        """Return the first line of a text for display. The lines below it can be secrets."""
        return (self.text(name) or "").partition("\n")[0] or None

    def blocks(self) -> list[str]:
        """Return the settings that have an indented block instead of a text."""
        known = SETTINGS.keys() & self.keys() - BLOCKS
        return sorted(name for name in known if isinstance(self[name], dict))

    def override(self, other: Section) -> None:
        """Override settings with a section of the credentials file."""
        self._over = other
        self.in_credentials = frozenset(other)
        self.update(other)

    def part(self, names: Iterable[str]) -> Section:
        """Return some of the settings, with their files and lines."""
        part = Section(self.file, self.line)
        part.update({name: self[name] for name in names if name in self})
        part.lines = {name: self.lines[name] for name in part if name in self.lines}
        part._over = self._over.part(part) if self._over else None
        return part

    def with_replaced(self, settings: Mapping[str, Value]) -> Section:
        """Return a copy with other values for some settings, with the original files and lines."""
        copy = Section(self.file, self.line)
        copy.update({**self, **settings})
        copy.lines, copy.in_credentials, copy._over = self.lines, self.in_credentials, self._over
        copy.header, copy.replaced = self.header, self.replaced
        return copy

    def with_renamed(self, settings: Mapping[str, Mapping[str, Value]]) -> Section:
        """Return a copy that has other settings in place of each of these settings."""
        copy = self.with_replaced({})
        copy.lines = dict(self.lines)
        for name, instead in settings.items():
            del copy[name]
            copy.update(instead)
            copy.lines |= dict.fromkeys(instead, self.origins[name][1])
            if name in self.in_credentials:
                copy.in_credentials |= instead.keys()
        return copy

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.file}:{self.line} {sorted(self)}>"


class FileVersion(NamedTuple):
    """The time (in nanoseconds), size and inode of a file, which change with its content."""

    time: int
    size: int
    inode: int


def version_of(path: Path) -> FileVersion | None:
    """Return the version of a file's content, or None if the file doesn't exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return FileVersion(status.st_mtime_ns, status.st_size, status.st_ino)


def file_sections(path: Path) -> dict[str, Section]:
    """Return the sections of one file, parsed by configparser as in botocore.

    Callers share the result until the file changes, and must not change it. Raises ConfigFileError.
    """
    return _read_sections(path, version_of(path))


@lru_cache(maxsize=4)  # both files, before and after a change of their paths
def _read_sections(path: Path, version: FileVersion | None) -> dict[str, Section]:
    del version  # part of the cache key
    try:
        if not path.is_file():  # raises PermissionError for a folder that can't be searched
            return {}
        with path.open() as lines:
            return _parsed(path, lines)
    except configparser.Error as error:
        # configparser quotes the line that it can't read, which can be a secret: don't chain it.
        raise ConfigFileError(path, *problem_and_line(path, error)) from None
    except UnicodeDecodeError as error:
        raise ConfigFileError(path, f"The file isn't {error.encoding} text.") from None
    except OSError as error:
        problem = f"The file can't be read: {error.strerror}."
        raise ConfigFileError(path, problem) from error


def _parsed(path: Path, lines: Iterable[str]) -> dict[str, Section]:
    created: list[Section] = []
    line_number = 0

    def counted() -> Iterator[str]:
        nonlocal line_number
        for line in lines:
            line_number += 1
            yield line

    def create_section() -> Section:
        created.append(Section(path, line_number))
        return created[-1]

    class Parser(configparser.RawConfigParser):
        """A parser that records the line of each setting."""

        def optionxform(self, optionstr: str) -> str:
            name = super().optionxform(optionstr)
            created[-1].lines.setdefault(name, line_number)
            return name

    parser = Parser(dict_type=create_section)  # type: ignore[call-overload]  # it accepts any factory
    parser.converters.clear()  # they would add unused methods to each section
    of_the_parser = len(created)
    parser.read_file(counted(), source=str(path))
    sections = dict(zip(parser.sections(), created[of_the_parser:], strict=True))
    for header, section in sections.items():
        section.header = header
        _complete(section, parser.defaults())
    return sections


def _complete(section: Section, defaults: Mapping[str, str]) -> None:
    """Add the settings of [DEFAULT], which apply to every section, and parse indented blocks."""
    for name in defaults.keys() - section.keys():
        section[name] = defaults[name]
        section.lines[name] = section.line
    for name, text in section.items():
        if isinstance(text, str) and text.startswith("\n"):
            section[name] = _block(text, section.file, section.lines[name])


def _block(text: str, path: Path, line_number: int) -> dict[str, str]:
    """Return the settings in an indented block, such as the lines below ``s3 =``."""
    nested = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals:
            problem = "A line of the indented block has no `=`."
            if line.startswith("["):
                problem = "A [section] below is indented, so it is read as part of this setting."
            raise ConfigFileError(path, problem, line_number)
        nested[name.strip()] = value.strip()
    return nested


def line_below(path: Path, first: int, text: str) -> int:
    """Return the line (from 1) of a text below line ``first``, or ``first`` if it isn't found."""
    try:
        with path.open() as lines:
            for number, line in enumerate(lines, 1):
                if number > first and line.strip() == text:
                    return number
    except (OSError, UnicodeError):
        pass
    return first
