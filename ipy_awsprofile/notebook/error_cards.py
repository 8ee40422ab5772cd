"""Errors of a magic: a card in a front end that renders HTML, and always an error of the cell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from IPython.display import display

from ipy_awsprofile.errors import AwsProfileError, InvalidCell, SwitchInterrupted
from ipy_awsprofile.notebook.prompts import renders_html

if TYPE_CHECKING:
    from ipy_awsprofile.switch.switcher import Switcher

_TOO_LATE = "It was already complete. Run `%aws_profile` to see the active identity."


@contextmanager
def errors_as_cards(what: str, switcher: Switcher) -> Iterator[None]:
    """Show an error as a card, and raise it; an interruption becomes SwitchInterrupted.

    A terminal doesn't render cards: IPython prints the error there. A cell that isn't valid Python
    has no card, only its line. ``what`` is what the user can interrupt, the first words of that
    error's message.
    """
    before = switcher.session
    try:
        yield
    except AwsProfileError as error:
        _show(error)
        raise
    except KeyboardInterrupt:
        hint = () if switcher.session is before else (_TOO_LATE,)
        interrupted = SwitchInterrupted(what, *hint)
        _show(interrupted)
        raise interrupted from None


def _show(error: AwsProfileError) -> None:
    if renders_html() and not isinstance(error, InvalidCell):
        from ipy_awsprofile.cards import cards

        display(cards.error_card(error))
        error.shown = True
