"""Turn Ctrl-C in a magic into an error that says whether anything has changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipy_awsprofile.errors import SwitchInterrupted

if TYPE_CHECKING:
    from ipy_awsprofile.switch.switcher import Switcher

_TOO_LATE = "It was already complete. Run `%aws_profile` to see the active identity."


@contextmanager
def interruption_as_error(what: str, switcher: Switcher) -> Iterator[None]:
    """Raise SwitchInterrupted for KeyboardInterrupt.

    ``what`` names the interrupted action, and begins the error's message.
    """
    before = switcher.session
    try:
        yield
    except KeyboardInterrupt:
        hint = () if switcher.session is before else (_TOO_LATE,)
        raise SwitchInterrupted(what, *hint) from None
