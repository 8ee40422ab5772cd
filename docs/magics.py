"""Generate the tables of the magics' options and settings from the code.

`make docs` writes this page to ``docs/reference/options.md``. The page is committed so that it
can be read in the repository, too. A test compares both.
"""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from ipy_awsprofile.notebook.magic import AwsProfileMagics

if TYPE_CHECKING:
    from collections.abc import Iterator


def options_page() -> str:
    """Return a page with the arguments and options of each magic, and the settings."""
    lines = ["# Options and settings", ""]
    so_far = dict[str, str]()
    for magic in (
        AwsProfileMagics.aws_profile,
        AwsProfileMagics.aws_profiles,
        AwsProfileMagics.aws_calls,
    ):
        lines += [f"## `%{magic.__name__}`", "", *_described(magic.__doc__ or "")]
        for group in magic.parser._action_groups:  # noqa: SLF001  # argparse has no public list
            lines += _table(group, so_far)
    traits = AwsProfileMagics.class_own_traits(config=True)
    lines += ["## Settings", ""]
    lines += ["To change the settings, see [Configuration](configuration.md).", ""]
    lines += ["| name | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {_cell(trait.help)} |" for name, trait in traits.items()]
    return "\n".join(lines) + "\n"


def _described(docstring: str) -> Iterator[str]:
    """Yield the description of the magic, without the usage at the start of its docstring."""
    for text in docstring.strip().split("\n\n"):
        if not text.strip().startswith(
            ("::", "%", "positional", "common", "options", "other", "-")
        ):
            yield " ".join(text.replace("``", "`").split())
            yield ""


def _table(group: argparse._ArgumentGroup, so_far: dict[str, str]) -> Iterator[str]:
    """Yield the lines for a group. ``so_far`` has the options above it, with their help."""
    every = [
        argument
        for argument in group._group_actions  # noqa: SLF001
        if argument.help not in (None, argparse.SUPPRESS)
    ]
    if not every:
        return
    actions = [
        argument
        for argument in every
        if so_far.get("".join(argument.option_strings)) != argument.help
    ]
    so_far |= {"".join(argument.option_strings): str(argument.help) for argument in actions}
    if not every[0].option_strings:
        yield from (f"`{every[0].metavar}`: {_cell(str(every[0].help))}", "")
        return
    yield from (
        f"### {(group.title or 'arguments').capitalize()}",
        "",
        "| argument | meaning |",
        "|---|---|",
    )
    for action in actions:
        value = str(action.metavar or "")
        if action.option_strings and action.nargs == "?":  # the value is optional
            value = f"[{value}]"
        name = " ".join(filter(None, (", ".join(action.option_strings), value)))
        yield f"| `{name.strip()}` | {_cell(str(action.help).replace('%%', '%'))} |"
    yield ""
    if again := [
        f"`{argument.option_strings[0]}`" for argument in every if argument not in actions
    ]:
        yield from (f"{', '.join(again)}: as for `%aws_profile`.", "")


def _cell(text: str) -> str:
    """Return a text in one line, with options and arguments as code."""
    return re.sub(r"(?<![\w`])--[a-z][a-z-]*", r"`\g<0>`", " ".join(text.split()))
