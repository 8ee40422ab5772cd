"""Parse the magics' options, and check which options can be combined."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from typing import Any

from IPython.core.error import UsageError
from IPython.display import display

from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import InvalidOption


def parse(magic: Any, line: str) -> argparse.Namespace:
    """Return the options in a magic's line; ``help`` is True if it has ``-h`` or ``--help``.

    Quotation marks group words, a backslash is an ordinary character, and a separate ``#`` begins a
    comment. Case, dashes and underscores in an option's name don't matter: ``--readonly``. A list
    can have spaces around its commas: ``--regions a, b``. Raises InvalidOption.
    """
    lexer = shlex.shlex(_COMMENT.sub(r"\1", line), posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    hint = f"Run `%{magic.__name__}?` to see the options."
    try:
        words = list(lexer)
    except ValueError:
        raise InvalidOption("A quotation mark isn't closed.", hint) from None
    end = words.index("--") if "--" in words else len(words)
    known = magic.parser._option_string_actions  # noqa: SLF001  # argparse has no public list
    options = [_as_known(word, known) for word in words[:end] if word not in _HELP]
    try:
        given = [*join_lists(options, known), *words[end:]]
        parsed: argparse.Namespace = magic.parser.parse_args(given)
    except UsageError as error:
        advice = _similar(options, known)
        if re.match("unrecognized arguments: [^-]", str(error)):
            advice = _how_to_write_lists(options, known)
        raise InvalidOption(str(error), f"{advice} {hint}".strip()) from None
    parsed.help = not _HELP.isdisjoint(words[:end])
    return parsed


_HELP = {"-h", "--help"}

#: A quoted part, which is kept, or a comment.
_COMMENT = re.compile(r"""("[^"]*"|'[^']*')|(?:^|(?<=\s))#(?:\s.*)?$""")


def _as_known(word: str, known: Collection[str]) -> str:
    """Return the option that differs only in case, dashes or underscores, or else the word."""
    name, *value = word.split("=", 1)
    if not name.startswith("--") or name in known:
        return word
    plain = _plain(name)
    return "=".join([next((one for one in known if _plain(one) == plain), name), *value])


def join_lists(words: Iterable[str], known: Mapping[str, argparse.Action]) -> list[str]:
    """Return the words, with each list of an option as one word: ``a, b`` becomes ``a,b``."""
    joined: list[str] = []
    option = None  # the last option
    for word in words:
        if word.startswith("-"):
            option = known.get(word.split("=", 1)[0])
        elif option and _is_list(option) and (joined[-1].endswith(",") or word.startswith(",")):
            joined[-1] += word
            continue
        joined.append(word)
    return joined


def _is_list(option: argparse.Action) -> bool:
    """Return whether an option's value is a list: its help then shows one, such as ``R,R``."""
    return "," in str(option.metavar)


def _how_to_write_lists(words: Iterable[str], known: Mapping[str, argparse.Action]) -> str:
    """Return how to write several values of the first option here that takes them, or ""."""
    for word in words:
        name = word.split("=", 1)[0]
        if (option := known.get(name)) and _is_list(option):
            return f"Put commas between the values of `{name}`."
        if isinstance(option, argparse._AppendAction):  # noqa: SLF001  # has no public name
            return f"Write `{name}` before each value."
    return ""


def _plain(option: str) -> str:
    return re.sub("[-_]", "", option).casefold()


def _similar(words: Iterable[str], known: Collection[str]) -> str:
    """Return a question that suggests options similar to an unknown one, or an empty string."""
    from ipy_awsprofile.config.profiles import did_you_mean  # not needed for loading

    # Without dashes, because the dashes that all options share don't make a word similar.
    public = [one.removeprefix("--") for one in known if one != "--cell"]
    names = (word.split("=", 1)[0][2:] for word in words if word.startswith("--"))
    unknown = (name for name in names if not any(one.startswith(name) for one in public))
    question = next(filter(None, (did_you_mean(name, public) for name in unknown)), "")
    return re.sub(r"`(\w)", r"`--\1", question)


def switch_request(options: argparse.Namespace) -> SwitchRequest | None:
    """Return the switch that the options of ``%aws_profile`` describe, or None without a name.

    Raises InvalidOption for options that can't be combined.
    """
    request = _request_of(options)
    named = request.profile is not None or bool(request.name) or request.needs_name
    console = options.console is not None
    without_name = options.refresh + options.off + options.pick + console
    with_name = options.login + options.logout + options.explain
    if without_name + with_name > 1 or (named and without_name):
        raise InvalidOption(
            "Use only one of --refresh, --off, --pick, --console, --login, --logout and --explain. "
            "Only --login, --logout and --explain can be combined with a profile's name.",
            "Run `%aws_profile?` to see the options.",
        )
    if options.save and (options.cell or with_name or without_name):
        raise InvalidOption(
            "--save can't be combined with a cell, nor with another action.",
            "Run `%aws_profile --account ID --role NAME --save NAME`.",
        )
    if not named and (options.cell or request != SwitchRequest()):
        raise InvalidOption(
            "The name of a profile is missing.",
            "Write `%aws_profile NAME` and the options, or `%%aws_profile NAME` for one cell.",
        )
    for option, *names in _ACTIONS_FOR_NAMES:
        only_named = SwitchRequest(**{name: getattr(request, name) for name in names})
        if getattr(options, option) and (options.cell or request != only_named):
            raise InvalidOption(
                f"--{option} can't be combined with the options of a switch.",
                f"Run `%aws_profile --{option} NAME`.",
            )
    return request if named else None


#: Actions that take a name, and the fields of a request that contain it.
_ACTIONS_FOR_NAMES = (
    ("explain", "profile", "role_arn", "source_profile", "default"),
    ("logout", "profile", "sso"),
)


def _request_of(options: argparse.Namespace) -> SwitchRequest:
    """Return a request with the values of the options that are named like its fields."""
    values = {field.name: getattr(options, field.name, None) for field in fields(SwitchRequest)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if value is not None
    }
    return SwitchRequest(**given)


def require_no_cell_options(options: argparse.Namespace) -> None:
    """Raise InvalidOption for an option of ``%%aws_profiles`` in a line without a cell."""
    yes = options.yes and not options.save
    limits = options.read_only or options.policy is not None or options.write
    regions = options.regions is not None
    if options.into or regions or options.workers or options.no_progress or limits or yes:
        raise InvalidOption(
            "--into, --regions, --workers, --no-progress, --read-only, --policy, --write and "
            "--yes need a cell.",
            "Write `%%aws_profiles PATTERN` as the first line of the cell.",
        )


def show_help(magic: Any, *, in_cell: bool) -> None:
    """Show a magic's options. Raises InvalidOption in a cell, which would run without options."""
    if in_cell:
        raise InvalidOption(
            "--help can't be used for a cell.", f"Run `%{magic.__name__} --help` by itself."
        )
    display({"text/plain": magic.__doc__.removeprefix("::\n\n")}, raw=True)
