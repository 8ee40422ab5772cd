"""What configparser finds wrong in a file, in words without a value, which can be a secret."""

from __future__ import annotations

import configparser


def problem_of(error: configparser.Error) -> str:
    """Return what is wrong, without quoting a value."""
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


def line_of(error: configparser.Error) -> int | None:
    """Return the line (from 1) of the problem, if it is known."""
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
