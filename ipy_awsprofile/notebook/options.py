"""Declare the magics' options, and parse a magic's line.

The options for a switch are the fields of `SwitchRequest`. All other options are declared in this
module.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.request import Option, SwitchRequest, arguments, option, options_of
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import quoted

#: The options and actions of ``%aws_profile`` that its help shows first.
_COMMON = (
    "region",
    "read_only",
    "variable",
    "confirmed",
    "refresh",
    "login",
    "off",
    "explain",
    "pick",
)

#: The options of a switch that apply to each profile of ``%%aws_profiles``, too.
OF_EACH_PROFILE = ("policy", "read_only", "write", "confirmed")


@dataclass
class ProfileActions:
    """The actions of ``%aws_profile`` other than a switch. A line can contain only one action."""

    refresh: bool = option(
        "Get new credentials now, and sign in if the sign-in is missing or has expired."
    )
    login: bool = option(
        "For IAM Identity Center and aws login: sign in again before the switch, even if the "
        "sign-in is still valid."
    )
    logout: bool = option(
        "End the sign-in of the profile NAME or of --sso for all programs. Without a name, end all "
        "sign-ins."
    )
    off: bool = option("Undo all switches, and restore the values from before the first switch.")
    explain: bool = option(
        "Without using the network, show how NAME or the active profile gets its credentials."
    )
    console: str | None = option(
        "Open the AWS console, or a service in the console, as the active identity, in a browser "
        "on the kernel's machine.",
        "[SERVICE]",
    )
    pick: bool = option("Show a searchable list of profiles.")
    share: str | None = option(
        "Let terminals, agents and other programs use the notebook's identity through the profiles "
        "`notebook` and `notebook-agent` until `--share off` or --off. `--share write 10m` lets "
        "programs with the profile `notebook-agent` write for ten minutes.",
        "[MODE]",
    )
    save: str | None = option(
        "Switch to the role, and preview the lines that add the role to the config file as a "
        "profile with this name. --yes writes these lines.",
        "NAME",
    )


#: The actions of ``%aws_profile`` that take neither a name nor an option of a switch.
ACTIONS_ALONE = ("off", "console", "pick")


@dataclass
class _ProfilesOptions:
    """The options of ``%aws_profiles``."""

    sso: str | None = option(
        "List the accounts and roles that you can use with a sign-in to IAM Identity Center.",
        "[NAME]",
    )
    refresh: bool = option(
        "With --sso, call AWS again instead of using the list that your kernels share for a day."
    )
    save: str | None = option(
        "With --sso, preview profiles for the roles that are assigned to you. NAMES is a template "
        'for the profiles\' names, such as "{account_name}-{role}". --yes writes the profiles to '
        "the config file.",
        "NAMES",
    )


@dataclass
class CellOptions:
    """The options of the cell magic ``%%aws_profiles``."""

    organization: bool = option(
        "Run the cell in the organization's active accounts or, if you add PATTERN, in the "
        "accounts with these words in their name or ID. The active identity lists the accounts "
        "and, in each account, assumes the role that --role names."
    )
    role: str | None = option(
        "With --organization, assume this role in each account. If the role has a path, include "
        "the path.",
        "NAME",
    )
    exclude: Iterable[str] = option(
        "Leave out the profiles or, with --organization, the accounts that match this name, ID or "
        "pattern. You can repeat this option.",
        "PATTERN",
        is_repeated=True,
    )
    into: str | None = option("Store the DataFrame in this variable instead of showing it.", "VAR")
    regions: Iterable[str] = option(
        "Run the cell in each of these Regions instead of the profile's Region. You can repeat "
        "this option.",
        "R,R",
        is_repeated=True,
    )
    workers: int = option(
        "Run the cell for at most this many profiles at the same time (default: 32).",
        "N",
        default=32,
    )
    no_progress: bool = option("Hide the progress bar.")


@dataclass
class _CallsOptions:
    """The options of ``%aws_calls``."""

    denied: bool = option("Return only the calls that AWS denied.")
    all: bool = option("Return all columns, as `recorded_calls()` does.")
    policy: str | None = option(
        "Show a draft policy for each identity's calls or, if you name a file, write the active "
        "identity's draft to the file.",
        "[FILE]",
    )


def of_aws_profile(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``%aws_profile``."""
    parser.usage = "%(prog)s [NAME] [options]"
    about = "The profile to switch to. Without NAME, the magic shows the active identity."
    parser.add_argument("profile", metavar="NAME", nargs="*", help=about)
    common = parser.add_argument_group("common options")
    switch = parser.add_argument_group("other options of a switch")
    actions = parser.add_argument_group("other actions")
    for group, declared in ((switch, SwitchRequest), (actions, ProfileActions)):
        _add_options(common.add_argument, declared, _COMMON)
        _add_options(group.add_argument, declared, options_of(declared).keys() - set(_COMMON))
    about = "Sign in with a code in any browser, even if the kernel's machine has a browser."
    actions.add_argument("--device-code", action="store_true", help=about)
    about = "Show a switch's card only if the card has a warning."
    actions.add_argument("--quiet", action="store_true", help=about)


def of_aws_profiles(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``%aws_profiles``."""
    about = (
        "Words to search for in the name, account, role, Region and source profile, or a pattern "
        "for the whole name, such as *-prod. Separate several patterns with commas."
    )
    parser.add_argument("pattern", metavar="PATTERN", nargs="*", help=about)
    _add_options(parser.add_argument, _ProfilesOptions)
    cell = parser.add_argument_group("options of a cell (%%aws_profiles)")
    _add_options(cell.add_argument, CellOptions)
    _add_options(cell.add_argument, SwitchRequest, OF_EACH_PROFILE)


def of_aws_calls(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``%aws_calls``."""
    parser.add_argument(
        "action",
        metavar="on|off|clear",
        nargs="?",
        choices=("on", "off", "clear"),
        help="Start or stop recording, or delete the recorded calls. Without this argument, the "
        "magic returns the recorded calls.",
    )
    _add_options(parser.add_argument, _CallsOptions)


def _add_options(
    add_argument: Callable[..., object],
    declared: type[object],
    names: Container[str] | None = None,
) -> None:
    """Add the fields of a dataclass as options.

    If you pass ``names``, add only the fields with these names.
    """
    for name, field in options_of(declared).items():
        if names is None or name in names:
            about = field.help.replace("%", "%%")
            add_argument(field.flag, dest=name, help=about, **_argument_of(field))


def _argument_of(field: Option) -> dict[str, object]:
    """Return the arguments of `add_argument` that describe an option's values."""
    if not field.metavar:
        return {"action": "store_true"}
    kind: dict[str, object] = {
        "metavar": field.metavar.strip("[]"),
        "default": field.default,
        "type": type(field.default or ""),  # a number for an option whose default is a number
    }
    if field.is_repeated:
        kind |= {"action": "append", "default": []}
    else:
        kind["action"] = _StoreOnce
    if field.metavar.startswith("["):  # the option can be without a value
        kind |= {"nargs": "?", "const": ""}
    return kind


class _StoreOnce(argparse.Action):
    """An argparse action that stores an option's value and rejects a second, different value."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002  # argparse passes it by position
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Store the value. Raise `InvalidOption` if the option already has another value."""
        earlier = getattr(namespace, self.dest)
        if earlier not in (self.default, values):
            raise InvalidOption(
                f"The line has two values for `{option_string}`: `{earlier}` and `{values}`.",
                "Remove one of the two values.",
            )
        setattr(namespace, self.dest, values)


def flags_of(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Return the options of a parser, except for its help option."""
    flags: dict[str, argparse.Action] = {}
    for action in parser._actions:  # noqa: SLF001  # has no public list
        if action.help == argparse.SUPPRESS:
            continue
        for flag in action.option_strings:
            flags[flag] = action
    return flags


def choices_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return the words that a magic accepts as its argument, such as ``on`` and ``off``.

    The list is empty if the magic accepts any word.
    """
    choices: list[str] = []
    for action in parser._actions:  # noqa: SLF001  # has no public list
        if action.choices and not action.option_strings:
            choices += action.choices
    return choices


def chosen(options: argparse.Namespace, declared: type[object]) -> dict[str, Any]:
    """Return the typed options that are fields of a dataclass, by field name."""
    typed = {}
    for name, field in options_of(declared).items():
        value = getattr(options, name)
        # An option that can be repeated is an empty list if it wasn't typed.
        if value not in (field.default, []):
            typed[name] = value
    return typed


def lacks_name(options: argparse.Namespace) -> bool:
    """Return whether a line of ``%aws_profile`` has options for a switch but names no identity."""
    given = chosen(options, SwitchRequest)
    request = SwitchRequest(joined(options.profile), **given)
    if options.profile or request.name or request.has_parts:
        return False
    if options.share not in (None, "", "off"):
        return False  # the name of a profile, or `write`, whose options limit what programs write
    if options.share is not None or options.save is not None:
        given.pop("confirmed", None)  # it confirms the changes to the config file
    return bool(given)


def arguments_with_name(options: argparse.Namespace, active: SwitchRequest) -> str:
    """Return the arguments of a line without a name, completed with the active profile's switch.

    The line's options replace the active switch's options.
    """
    meant = active.with_changes(chosen(options, SwitchRequest))
    meant = meant.with_one_identity(read_config().profiles) or meant
    return arguments(meant, *words_of_action(options))


def words_of_action(options: argparse.Namespace) -> list[str]:
    """Return the words of a line that name its action, and ``--device-code`` if it was typed."""
    words: list[str] = []
    for name, value in chosen(options, ProfileActions).items():
        words.append(f"--{name}")
        if isinstance(value, str) and value:
            words.append(quoted(value))
    if options.device_code:
        words.append("--device-code")
    return words


def parse(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace:
    """Parse a magic's line, and return its options.

    Quotation marks group words, a backslash is an ordinary character, and ``#`` begins a comment.
    Raise `InvalidOption` if the line is invalid or contains an access key.
    """
    if has_access_key(line):
        raise InvalidOption(
            "The line contains an access key.",
            "Never put keys into a notebook: delete them here, and deactivate them if anyone else "
            f"can read it. Save keys with `aws configure`: {_KEYS_PAGE}",
        )
    try:
        return parser.parse_args(words_in(line))
    except (ValueError, UsageError) as error:  # such as a quotation mark that isn't closed
        hint = f"Run `%{parser.prog}?` to see the options."
        without_value = _WITHOUT_VALUE.match(str(error))
        if without_value:
            action = flags_of(parser)[without_value[1]]
            hint = f"Write `{without_value[1]} {action.metavar}`. {action.help}"
        raise InvalidOption(f"{error}.", hint) from None


#: The error of argparse for an option that lacks its value.
_WITHOUT_VALUE = re.compile(r"argument (--[\w-]+): expected one argument")

#: What `words_in` removes from a line, as an argument of `str.translate`.
WITHOUT_QUOTATION_MARKS = str.maketrans("", "", "'\"")


def words_in(line: str) -> list[str]:
    """Split a line with a magic into words. Raise `ValueError` if a quotation mark isn't closed."""
    lexer = shlex.shlex(line.replace("\xa0", " "), posix=True)  # web pages and chats have them
    lexer.whitespace_split = True
    lexer.escape = ""
    return list(lexer)


def has_access_key(line: str) -> bool:
    """Return whether a line contains an access key ID."""
    return re.search(_ACCESS_KEY, line) is not None


#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
_ACCESS_KEY = re.compile(r"\bA[KS]IA[A-Z0-9]{16}\b")
_KEYS_PAGE = "https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html"


def joined(words: list[str]) -> str | None:
    """Join words into a name, which may contain spaces. Return None if there are no words."""
    return " ".join(words) if words else None
