"""Find out why a shared file can't be parsed, and in which line. Never quote a line or value."""

from __future__ import annotations

import configparser
from contextlib import suppress
from pathlib import Path


def problem_and_line(path: Path, error: configparser.Error) -> tuple[str, int | None]:
    """Return the problem of a file that configparser can't read, and its line (from 1) or None."""
    found = None
    # Read the file again: a traceback could show lines kept from the first reading. Meanwhile,
    # another program can have changed or deleted the file.
    with suppress(OSError, UnicodeError):
        found = _header_problem(path, error)
    return found or (_problem_of(error), _line_of(error))


def _problem_of(error: configparser.Error) -> str:
    """Describe a parsing error without quoting values, which can be secrets."""
    match error:
        case configparser.DuplicateSectionError():
            return f"The section [{error.section}] is in the file twice."
        case configparser.DuplicateOptionError():
            return f"`{error.option}` is set twice in [{error.section}]."
        case configparser.MissingSectionHeaderError(line=str(line)) if line.startswith("\ufeff"):
            return "It begins with a byte order mark: save it as UTF-8 without BOM."
        case configparser.MissingSectionHeaderError():
            return "There are settings before the first [section]."
        case _:
            return "This line is neither a [section] nor a `name = value`."


def _line_of(error: configparser.Error) -> int | None:
    """Return the line (from 1) of the problem, or None if it isn't known."""
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


def _header_problem(path: Path, error: configparser.Error) -> tuple[str, int] | None:
    """Return the problem and line of a malformed header, if it causes the error.

    configparser adds the settings below such a header to the section above.
    """
    last = _line_of(error)
    with path.open() as lines:
        for number, line in enumerate(lines, 1):
            header = line.strip("\ufeff \t\n")
            if number > (last or number):
                return None
            if header.startswith("[") and "]" not in header:
                return "The header of this section has no closing `]`.", number
            is_indented = header.startswith("[") and line[0] in " \t"
            if is_indented and isinstance(error, configparser.DuplicateOptionError):
                return (
                    "This header is indented, so its settings belong to the section above.",
                    number,
                )
    return None
