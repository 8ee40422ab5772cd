"""Complete profiles, roles, options and Regions in the magics with the Tab key.

Completion reads files and never calls AWS.

https://ipython.readthedocs.io/en/stable/api/generated/IPython.core.completer.html
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)
from IPython.core.getipython import get_ipython

from ipy_awsprofile.config.names import AssignedName
from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.notebook.options import choices_of, flags_of
from ipy_awsprofile.text import quoted

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.assigned_roles import RoleList

#: ``%aws_profile …``, ``x = %aws_calls …``, and ``%%aws_profiles …`` up to the cursor.
_MAGIC = re.compile(r"^\s*(?:\w+\s*=\s*)?%{1,2}(?P<magic>aws_profiles?|aws_calls)\s+(?P<line>.*)$")

#: The last word before the cursor: an open quotation, or the text after the last space.
_LAST_WORD = re.compile(r"""(?:^|\s)("[^"]*|'[^']*|\S*)$""")


@context_matcher()
def complete(context: CompletionContext) -> SimpleMatcherResult:
    """Return the completions for a line with a magic. IPython's completer calls this function."""
    match = _MAGIC.match(context.text_until_cursor)
    if not match:
        return SimpleMatcherResult(completions=[])
    word = _LAST_WORD.findall(match["line"])[0]  # it can be empty
    before = match["line"].removesuffix(word).split()
    parser = get_ipython().find_line_magic(match["magic"]).parser
    try:
        candidates = list(_candidates(parser, before, word))
    except AwsProfileError:  # running the cell shows the error
        candidates = []
    previous = "".join(before[-1:])
    if not candidates and word and previous not in _FILES:
        candidates = [word]  # otherwise, IPython completes it as Python code
    return SimpleMatcherResult(
        completions=[SimpleCompletion(text=text, type="param") for text in candidates],
        matched_fragment=word,
        suppress=True,
        ordered=True,
    )


#: The options whose values are files, which IPython itself completes.
_FILES = ("--policy",)


def _candidates(parser: argparse.ArgumentParser, before: list[str], word: str) -> Iterable[str]:
    options = flags_of(parser)
    previous = "".join(before[-1:])
    if previous in options and options[previous].nargs != 0:
        return _values(previous, word)
    if word.startswith("-"):
        return [flag for flag in options if flag not in before and flag.startswith(word)]
    choices = choices_of(parser)
    if choices:
        return _beginning_with(word, choices)
    names = _names(word)
    if not names and "," in word:
        return _after_comma(word, _names)
    return names


def _values(option: str, word: str) -> Iterable[str]:
    """Return an option's values that begin with ``word``, or no values if they aren't known."""
    match option:
        case "--region":
            return _regions(word)
        case "--regions":
            return _after_comma(word, _regions)
        case "--source-profile":
            return _names(word)
        case "--sso":
            return _beginning_with(word, _sign_ins())
    return []


def _regions(word: str) -> list[str]:
    return [name for name in known_regions() if name.startswith(word)]


def _after_comma(word: str, complete_one: Callable[[str], list[str]]) -> list[str]:
    """Return completions for the last name in a comma-separated list of names."""
    before, comma, last = word.rpartition(",")
    return [f"{before}{comma}{name}" for name in complete_one(last)]


def _beginning_with(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that begin with a typed word.

    Names that need quotation marks are returned with quotation marks.
    """
    typed = word.strip("\"'").casefold()
    matching = []
    for name in dict.fromkeys(names):
        if name.casefold().startswith(typed):
            matching.append(quoted(name))
    return matching


def _names(word: str) -> list[str]:
    """Return the names of profiles and roles that begin with a typed word."""
    from ipy_awsprofile.config.listing import list_profiles

    return _beginning_with(word, [*map(str, list_profiles()), *_roles(word)])


def _sign_ins() -> dict[str, RoleList | None]:
    """Return the sign-ins to IAM Identity Center, with their cached lists of accounts and roles."""
    from ipy_awsprofile.config.files import read_config
    from ipy_awsprofile.config.sign_ins import sign_ins
    from ipy_awsprofile.sessions.assigned_roles import cached_list

    return {name: cached_list(sign_in) for name, sign_in in sign_ins(read_config()).items()}


def _roles(word: str) -> Iterator[str]:
    """Yield the sign-ins' names or, if the word has a colon, the sign-ins' accounts and roles."""
    by_id = word.partition(":")[2][:1].isdigit()
    for sign_in, listed in _sign_ins().items():
        if ":" not in word:
            yield f"{sign_in}:"
        elif listed:
            for account in listed.accounts.values():
                name = account.id if by_id else account.name
                for role in listed.roles.get(account.id, ()):
                    yield str(AssignedName(sign_in, name, role))
