"""The shared config and credentials files, section by section, with the line of each setting.

Which sections count and which setting wins follows botocore's own reading of the files
(``botocore.configloader`` and ``Session.full_config``). Values can be secrets here; what leaves
the package are the records of `ipy_awsprofile.config.profiles`, which have none.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ipy_awsprofile.config.environment import user_environment
from ipy_awsprofile.errors import ConfigFileError


@dataclass(frozen=True, slots=True)
class SharedFiles:
    """Which two files are read. Neither needs to exist.

    https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
    """

    config: Path
    credentials: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> SharedFiles:
        """Find the files as every SDK does: the two variables, or ``~/.aws``."""
        environ = user_environment() if environ is None else environ

        def located(variable: str, default: str) -> Path:
            # An unknown ~user stays as it is, as in botocore; Path.expanduser would raise.
            path = os.path.expandvars(environ.get(variable) or default)
            return Path(os.path.expanduser(path))

        return cls(
            config=located("AWS_CONFIG_FILE", "~/.aws/config"),
            credentials=located("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        )


Value = str | dict[str, str]


class Section(dict[str, Value]):
    """The settings of one section, and the line (from 1) that each stands on.

    Values can be secrets: this class stays within the package, and its repr shows names only.
    """

    # With 20,000 of them, what the garbage collector has to look at is most of the time.
    __slots__ = ("_over", "file", "in_credentials", "line", "lines")

    def __init__(self, file: Path, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        #: The lines of this file alone.
        self.lines: dict[str, int] = {}
        #: What the credentials file says; botocore looks for keys in one file at a time.
        self.in_credentials: frozenset[str] = frozenset()
        self._over: Section | None = None

    @property
    def origins(self) -> dict[str, tuple[Path, int]]:
        """Where each setting stands that counts."""
        own = {name: (self.file, line) for name, line in self.lines.items()}
        return own | self._over.origins if self._over else own

    @property
    def overridden(self) -> dict[str, tuple[Path, int]]:
        """Where the config file says what the credentials file says otherwise."""
        return {
            name: (self.file, self.lines[name]) for name in self._over or () if name in self.lines
        }

    @property
    def in_config(self) -> frozenset[str]:
        """What the config file says, whether or not it wins."""
        return frozenset(self) - self.in_credentials | frozenset(self.overridden)

    def text(self, name: str) -> str | None:
        """Return a plain setting; an empty or a nested one is None."""
        value = self.get(name)
        return value if isinstance(value, str) and value else None

    def override(self, other: Section) -> None:
        """Lay the settings of another section over these, as the credentials file does."""
        self._over = other
        self.in_credentials = frozenset(other)
        self.update(other)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.file}:{self.line} {sorted(self)}>"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sections:
    """One reading of both files: profiles, and the sections that profiles refer to."""

    profiles: dict[str, Section]
    sso_sessions: dict[str, Section]
    services: dict[str, Section]
    others: dict[str, Section]


def read_shared_files(files: SharedFiles) -> Sections:
    """Read both files as ``botocore.session.Session.full_config`` does. Raises ConfigFileError.

    A profile's settings in the credentials file go before those in the config file. The result is
    shared between callers, and must not be changed.
    """
    return _sections(files, _state(files.config), _state(files.credentials))


@lru_cache(maxsize=4)
def _sections(
    files: SharedFiles, config_state: _FileState, credentials_state: _FileState
) -> Sections:
    del config_state, credentials_state  # they are there for the cache's key
    sections = Sections({}, {}, {}, {})
    for header, section in _file_sections(files.config).items():
        if header.startswith("profile"):
            _add_by_quoted_name(sections.profiles, header, section)
        elif header.startswith("sso-session"):
            _add_by_quoted_name(sections.sso_sessions, header, section)
        elif header.startswith("services"):
            _add_by_quoted_name(sections.services, header, section)
        elif header == "default":
            sections.profiles[header] = section
        else:
            sections.others[header] = section
    for name, section in _file_sections(files.credentials).items():
        if name in sections.profiles:
            sections.profiles[name].override(section)
        else:
            section.in_credentials = frozenset(section)
            sections.profiles[name] = section
    return sections


def _add_by_quoted_name(target: dict[str, Section], header: str, section: Section) -> None:
    """File ``[profile NAME]`` under its name; what isn't two words names nothing."""
    words = header.split(" ") if _PLAIN_HEADER.fullmatch(header) else _shell_words(header)
    if len(words) == 2:  # noqa: PLR2004
        target[words[1]] = section


#: Two words that need no shell parser, which is what most of 20,000 headers are.
_PLAIN_HEADER = re.compile(r"""[^\s"'\\]+ [^\s"'\\]+""")


def _shell_words(header: str) -> list[str]:
    try:
        return shlex.split(header)
    except ValueError:
        return []


_FileState = tuple[int, int, int] | None


def _state(path: Path) -> _FileState:
    """Say what tells one content of a file from the next, without reading it."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _file_sections(path: Path) -> dict[str, Section]:
    """Parse one file by the rules of configparser, which are botocore's."""
    try:
        if not path.is_file():  # raises where a folder above it may not be searched
            return {}
        with path.open() as lines:
            return _parsed(path, lines)
    except configparser.Error as error:
        # The parser quotes the line that it can't read, and that may be a secret: don't chain it.
        raise ConfigFileError(path, _complaint(error), _line_of(error)) from None
    except UnicodeDecodeError as error:
        raise ConfigFileError(path, f"The file isn't {error.encoding} text.") from None
    except OSError as error:
        problem = f"The file can't be read: {error.strerror}."
        raise ConfigFileError(path, problem) from error


def _parsed(path: Path, lines: Iterable[str]) -> dict[str, Section]:
    made: list[Section] = []
    at = 0

    def counted() -> Iterator[str]:
        nonlocal at
        for line in lines:
            at += 1
            yield line

    def make_section() -> Section:
        made.append(Section(path, at))
        return made[-1]

    class Parser(configparser.RawConfigParser):
        """Notes the line at which each setting is read."""

        def optionxform(self, optionstr: str) -> str:
            name = super().optionxform(optionstr)
            made[-1].lines.setdefault(name, at)
            return name

    parser = Parser(dict_type=make_section)  # type: ignore[call-overload]  # any maker serves
    parser.converters.clear()  # or each section gets methods that nobody calls
    its_own = len(made)
    parser.read_file(counted(), source=str(path))
    sections = dict(zip(parser.sections(), made[its_own:], strict=True))
    for section in sections.values():
        _complete(section, parser.defaults())
    return sections


def _complete(section: Section, defaults: Mapping[str, str]) -> None:
    """Add the settings of [DEFAULT], which stand in no section, and read indented blocks."""
    for name in defaults.keys() - section.keys():
        section[name] = defaults[name]
        section.lines[name] = section.line
    for name, text in section.items():
        if isinstance(text, str) and text.startswith("\n"):
            section[name] = _block(text, section.file, section.lines[name])


def _block(text: str, path: Path, line_number: int) -> dict[str, str]:
    """Read an indented block (``s3 =`` and lines below it) as settings of its own."""
    nested = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals:
            raise ConfigFileError(path, "A line of the indented block has no `=`.", line_number)
        nested[name.strip()] = value.strip()
    return nested


def _complaint(error: configparser.Error) -> str:
    """Say what is wrong without quoting the file."""
    match error:
        case configparser.DuplicateSectionError():
            return f"The section [{error.section}] stands here a second time."
        case configparser.DuplicateOptionError():
            return f"`{error.option}` stands a second time in [{error.section}]."
        case configparser.MissingSectionHeaderError():
            return "Settings stand here before the first [section]."
        case _:
            return "This line is neither a [section] nor a `name = value`."


def _line_of(error: configparser.Error) -> int | None:
    match error:
        case (
            configparser.DuplicateSectionError()
            | configparser.DuplicateOptionError()
            | configparser.MissingSectionHeaderError()
        ):
            return error.lineno
        case configparser.ParsingError() if error.errors:
            return error.errors[0][0]
        case _:
            return None
