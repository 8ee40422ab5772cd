"""Parse the options in a magic's line, and add a hint to the error if the line has a mistake."""

from __future__ import annotations

import argparse
import inspect
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics
from IPython.core.magic_arguments import MagicArgumentParser
from IPython.display import display

from ipy_awsprofile.errors import InvalidOption, ProfileNotFound
from ipy_awsprofile.label import is_read_only
from ipy_awsprofile.notebook.options import WITHOUT_QUOTATION_MARKS, has_access_key, parse
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def with_options(declare: Callable[[argparse.ArgumentParser], None]) -> Callable[[Any], Any]:
    """Return a decorator that passes parsed options to a magic instead of the magic's line.

    The decorator adds a ``parser`` attribute to the magic and sets the magic's docstring to the
    parser's help. The ``-h`` option shows the help instead of running the magic.
    """

    def decorate(magic: Any) -> Any:
        parser = MagicArgumentParser(magic.__name__, description=magic.__doc__)
        declare(parser)
        parser.add_argument("-h", "--help", action="store_true", help=argparse.SUPPRESS)

        @wraps(magic)
        def run(self: Magics, line: str, *cell: str) -> object:
            with _advice_about(self, magic.__name__, line, is_cell=bool(cell)):
                options = parse(parser, line)
                if options.help:
                    text = _help_of(parser).removeprefix("::\n\n")
                    display({"text/plain": text}, raw=True)
                    return None
                return magic(self, options, *cell)

        run.parser = parser  # type: ignore[attr-defined]
        run.__doc__ = _help_of(parser)
        return run

    return decorate


def set_help(magic: Any, epilog: str) -> None:
    """Set the string at the end of a magic's help, or remove this string if ``epilog`` is empty."""
    magic.parser.epilog = epilog or None
    magic.__func__.__doc__ = _help_of(magic.parser)


def _help_of(parser: argparse.ArgumentParser) -> str:
    """Return a parser's help, in which values such as `[NAME]` are written as in the usage.

    Without this function, IPython shows `[NAME]` as `<[NAME]>`.
    """

    def without_brackets(match: re.Match[str]) -> str:
        value, spaces = match.groups()
        return f"{value}{spaces}  " if spaces else value  # what follows stays in its column

    return re.sub(r"(?<= )<(\S+)>( *)", without_brackets, parser.format_help())


def _visible_variables(shell: InteractiveShell) -> Mapping[str, object]:
    """Return the variables of the notebook and of the function that contains the magic."""
    frame = inspect.currentframe()
    while frame and frame.f_globals is not shell.user_global_ns:
        frame = frame.f_back
    return ChainMap(dict(frame.f_locals) if frame else {}, shell.user_ns)


@contextmanager
def _advice_about(magics: Magics, magic: str, line: str, *, is_cell: bool) -> Iterator[None]:
    """If a known mistake in a magic's line causes an error, add a hint with the correct line."""
    try:
        yield
    except (InvalidOption, ProfileNotFound) as error:
        name = ""
        if isinstance(error, ProfileNotFound):
            name = error.name
        # The words of a name needn't be side by side, as in `NAME --share of`.
        words = line.translate(WITHOUT_QUOTATION_MARKS)
        is_typed = all(word in words for word in name.split())
        if not is_typed or has_access_key(line):
            raise  # it is about the cell's code, or must not be repeated
        from ipy_awsprofile.notebook.mistakes import TypedLine  # a good line doesn't need it

        parsers = {name: getattr(magics, name).parser for name in magics.magics["line"]}
        variables = _visible_variables(magics.shell)
        typed = TypedLine(magic, line, is_cell, parsers, variables, cell=magics.cell)
        switcher = magics.switcher
        if magic == "aws_profile" and switcher.active:
            is_limited = is_read_only(switcher.active.label)
            before = switcher.request_before
            typed = replace(typed, active=switcher.request, is_limited=is_limited, before=before)
        error.hint = one_line(typed.advice(name)) or error.hint
        raise
