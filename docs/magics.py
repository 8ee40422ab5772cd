"""The options of the magics and their settings as tables, from the code."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ipy_awsprofile.notebook.magic import AwsProfileMagics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_magics(page: Path) -> None:
    """Write a page with the arguments and options of each magic."""
    lines = ["# Magics", ""]
    for magic in (AwsProfileMagics.aws_profile, AwsProfileMagics.aws_profiles):
        lines += [f"## `%{magic.__name__}`", "", *_described(magic.__doc__ or "")]
        for group in magic.parser._action_groups:  # noqa: SLF001  # argparse has no public list
            lines += _table(group)
    page.write_text("\n".join(lines) + "\n")


def write_settings(page: Path) -> None:
    """Write a table of the traits that can be configured."""
    traits = AwsProfileMagics.class_own_traits(config=True)
    lines = ["| name | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {' '.join(trait.help.split())} |" for name, trait in traits.items()]
    page.write_text("\n".join(lines) + "\n")


def _described(docstring: str) -> Iterator[str]:
    """Yield what the magic does; the first lines of its docstring are its usage."""
    for text in docstring.strip().split("\n\n"):
        if not text.strip().startswith(("::", "%", "positional", "options", "other", "-")):
            yield " ".join(text.replace("``", "`").split())
            yield ""


def _table(group: argparse._ArgumentGroup) -> Iterator[str]:
    actions = [one for one in group._group_actions if one.help not in (None, argparse.SUPPRESS)]  # noqa: SLF001
    if not actions:
        return
    yield from (
        f"### {(group.title or 'arguments').capitalize()}",
        "",
        "| argument | meaning |",
        "|---|---|",
    )
    for action in actions:
        value = action.metavar or ""
        name = " ".join(filter(None, (", ".join(action.option_strings), str(value))))
        yield f"| `{name.strip()}` | {str(action.help).replace('%%', '%')} |"
    yield ""
