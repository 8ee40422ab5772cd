"""Tab completion for the magics: profiles, options, Regions, and a sign-in's accounts and roles.

A thread gets values that aren't cached from the access portal, and never prompts for a sign-in.

https://ipython.readthedocs.io/en/stable/api/generated/IPython.core.completer.html
"""

from __future__ import annotations

import argparse
import re
import shlex
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.notebook.options import join_lists
from ipy_awsprofile.text import AssignedName, quoted

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.config.sign_ins import SignIn
    from ipy_awsprofile.sessions.assigned_roles import Account

#: ``%aws_profile …``, ``x = %aws_profile …``, and ``%%aws_profiles …`` up to the cursor.
_MAGIC = re.compile(
    r"^\s*(?:\w+\s*=\s*)?(?P<mark>%{1,2})(?P<magic>aws_profiles?|aws_calls)\s+(?P<line>.*)$"
)

#: The last word before the cursor: an open quotation, or the text after the last space.
_LAST_WORD = re.compile(r"""(?:^|\s)(?P<word>"[^"]*|'[^']*|\S*)$""")


#: Options that select a role of IAM Identity Center.
ROLE_OPTIONS = ("--account", "--role", "--sso")


def matcher_for(shell: InteractiveShell) -> object:
    """Return the matcher for a shell's completer."""

    @context_matcher()
    def aws_profile_matcher(context: CompletionContext) -> SimpleMatcherResult:
        found = _MAGIC.match(context.text_until_cursor)
        if not found or (found["mark"] == "%%" and context.cursor_line != 0):
            return SimpleMatcherResult(completions=[])
        line = found["line"]
        last = _LAST_WORD.search(line)
        word = last["word"] if last else ""
        before = line[: len(line) - len(word)].split()
        many = found["magic"] == "aws_profiles"
        candidates = _candidates(shell.find_line_magic(found["magic"]), before, word, many=many)
        return SimpleMatcherResult(
            completions=[SimpleCompletion(text=text, type="param") for text in candidates],
            matched_fragment=word,
            suppress=True,
            ordered=True,
        )

    return aws_profile_matcher


def _candidates(magic: Any, before: list[str], word: str, *, many: bool) -> list[str]:
    if before and before[-1] == "--region":
        return [name for name in known_regions() if name.startswith(word)]
    *others, listed = join_lists([*before, word], magic.parser._option_string_actions)  # noqa: SLF001
    if others and others[-1] == "--regions":
        before_last = listed.rpartition(",")[0].split(",")
        first, comma, last = word.rpartition(",")
        more = (name for name in known_regions() if name not in before_last)
        return [f"{first}{comma}{name}" for name in more if name.startswith(last)]
    if before and before[-1] in ROLE_OPTIONS and (not many or before[-1] == "--sso"):
        option, typed_before = before[-1], _typed_values(before)
        values = from_portal(lambda: option_values(option, typed_before))
        return [_quoted(value) for value in values if value.casefold().startswith(_typed(word))]
    if before and before[-1] in _options_with_value(magic) and before[-1] != "--source-profile":
        return []
    if word.startswith("-"):
        return [name for name in _options(magic) if name.startswith(word) and name not in before]
    if words := _words(magic):
        return [one for one in words if one.startswith(word)]
    typed = _typed(word)
    names = [*_names(many), *from_portal(lambda: _role_names(_unescaped(word)))]
    return [_quoted(name) for name in names if name.casefold().startswith(typed)]


def _typed(word: str) -> str:
    """Return the typed beginning of a name, for case-insensitive comparison."""
    return _unescaped(word).casefold()


def _unescaped(word: str) -> str:
    """Return a typed word without quotes and IPython's escapes."""
    return re.sub(r"([{}$])\1", r"\1", word.strip("\"'"))


def _typed_values(before: list[str]) -> dict[str, str]:
    """Return the typed values of the role options, which may be in quotes."""
    try:
        words = shlex.split(" ".join(before))
    except ValueError:
        return {}
    return {option: value for option, value in pairwise(words) if option in ROLE_OPTIONS}


def _actions(magic: Any) -> list[argparse.Action]:
    parser: argparse.ArgumentParser = magic.parser
    actions = parser._actions  # noqa: SLF001  # argparse has no public list of its options
    return [action for action in actions if action.help != argparse.SUPPRESS]


def _options(magic: Any) -> list[str]:
    return [option for action in _actions(magic) for option in action.option_strings]


def _options_with_value(magic: Any) -> set[str]:
    actions = (action for action in _actions(magic) if action.nargs != 0)
    return {option for action in actions for option in action.option_strings}


def _words(magic: Any) -> list[str]:
    """Return the words that a magic accepts besides its options, or [] if it accepts any name."""
    actions = (action for action in _actions(magic) if not action.option_strings)
    return [str(choice) for action in actions for choice in action.choices or ()]


def _names(with_roles: bool) -> list[str]:
    """Return the names of the profiles and, for a pattern, which matches both, of their roles."""
    from ipy_awsprofile.config.profiles import list_profiles

    try:
        profiles = list_profiles()
    except AwsProfileError:  # running the cell shows the error
        return []
    roles = [profile.role for profile in profiles if profile.role] if with_roles else []
    return list(dict.fromkeys([*(profile.name for profile in profiles), *roles]))


def _role_names(word: str) -> list[str]:
    """Return the IAM Identity Center role names that begin with a word, up to the next part.

    The parts are the sign-ins; after ``corp:``, the accounts (by name, or by ID after a digit); and
    after ``corp:team-dev/``, the account's roles. Raises AwsProfileError.
    """
    from ipy_awsprofile.config.files import read_config
    from ipy_awsprofile.config.sign_ins import sign_in_of_pattern, sign_ins

    config = read_config()
    if ":" not in word:
        return [f"{name}:" for name in sign_ins(config)]
    sign_in = sign_in_of_pattern(word, config)
    if sign_in is None:
        return []
    from ipy_awsprofile.sessions.assigned_roles import role_names

    rest = word.partition(":")[2]
    account, slash, _ = rest.rpartition("/")
    if slash:
        roles = role_names(account, sign_ins(config)[sign_in])
        return [str(AssignedName(sign_in, account, role)) for role in roles]
    by_id, accounts = rest[:1].isdigit(), _accounts(sign_ins(config)[sign_in])
    names = (account.id if by_id else account.name for account in accounts)
    return [str(AssignedName(sign_in, name, "")) for name in names]


def _accounts(sign_in: SignIn) -> Collection[Account]:
    """Return the accounts from the cache, or list them."""
    from ipy_awsprofile.sessions.assigned_roles import cached_list, list_accounts

    return (cached_list(sign_in) or list_accounts(sign_in)).accounts.values()


def _quoted(name: str) -> str:
    """Return the name quoted, so that the magic reads it as one word and not an option.

    An incomplete name, such as ``corp:Team Dev/``, has no closing quotation mark.
    """
    word = quoted(name)
    if name.endswith("/") and not word.endswith("/"):
        word = word[:-1]
    return f"-- {word}" if name.startswith("-") else word


#: Seconds that Tab waits for AWS; later answers are available to the next Tab.
_PATIENCE = 2.0


def from_portal(ask_for_values: Callable[[], list[str]]) -> list[str]:
    """Return values from the access portal, or an empty list after an error or a timeout."""
    values: Future[list[str]] = Future()

    def ask() -> None:
        try:
            values.set_result(ask_for_values())
        except AwsProfileError:  # running the cell shows the error
            values.set_result([])

    threading.Thread(target=ask, name="Tab", daemon=True).start()
    try:
        return values.result(_PATIENCE)
    except TimeoutError:
        return []


def option_values(option: str, options: dict[str, str]) -> list[str]:
    """Return the possible values of an option, given the options that are already typed."""
    from ipy_awsprofile.config.files import read_config
    from ipy_awsprofile.config.sign_ins import find_sign_in, sign_ins
    from ipy_awsprofile.sessions.assigned_roles import role_names

    config = read_config()
    if option == "--sso":
        return list(sign_ins(config))
    sign_in = find_sign_in(options.get("--sso"), config)
    if option == "--role":
        account = options.get("--account")
        return list(role_names(account, sign_in)) if account else []
    accounts = _accounts(sign_in)
    return list(dict.fromkeys([*(one.name for one in accounts), *(one.id for one in accounts)]))
