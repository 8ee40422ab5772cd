"""Colours for cards in a terminal. Notebooks would save the colour codes as characters.

https://no-color.org
"""

from __future__ import annotations

import os
import sys
from typing import Protocol

from IPython.core.getipython import get_ipython

from ipy_awsprofile.cards.styles import Tone

_BOLD, _DIM = "1", "2"

#: The parameters of ECMA-48's SGR for each tone.
_TONES = {Tone.GOOD: "32", Tone.QUIET: "39", Tone.WARNING: "33", Tone.ERROR: "31"}

#: The first characters of lines with a problem or a warning.
MARKS = {"✗": Tone.ERROR, "!": Tone.WARNING}


class Printer(Protocol):
    """The printer that IPython passes to ``_repr_pretty_``."""

    def text(self, text: str) -> None:
        """Add a text to the output."""


def show(printer: Printer, text: str, tone: Tone = Tone.QUIET, *, has_head: bool = False) -> None:
    """Print the text of a card, with its title in the tone's colour if the terminal has colours.

    ``has_head`` is True if the second line contains column names.

    https://ipython.readthedocs.io/en/stable/api/generated/IPython.lib.pretty.html
    """
    printer.text(_painted(text, tone, has_head=has_head) if has_colours() else text)


def has_colours() -> bool:
    """Return whether the output is a terminal with colours, and the user hasn't disabled them."""
    shell = get_ipython()
    return (
        sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
        and str(getattr(shell, "colors", "")).lower() != "nocolor"
    )


def _painted(text: str, tone: Tone, *, has_head: bool) -> str:
    title, *lines = text.split("\n")
    if has_head and lines:
        lines[0] = _in_colour(lines[0], _DIM)
    for number, line in enumerate(lines):
        if mark := MARKS.get(line.lstrip()[:1]):
            lines[number] = _in_colour(line, _TONES[mark])
    return "\n".join([_in_colour(title, _BOLD, _TONES[tone]), *lines])


def _in_colour(text: str, *parameters: str) -> str:
    return f"\x1b[{';'.join(parameters)}m{text}\x1b[0m"
