"""How long to wait for a user's process, and when to say so.

A credential_process or mfa_process can wait for its person: at a browser, or at a security key.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

#: Seconds after which the user sees a notice.
QUIET = 2.0

#: Receives a description of the process, and shows a notice as long as the context lasts.
Waiting = Callable[[str], AbstractContextManager[object]]


def untold(_what: str) -> AbstractContextManager[object]:
    """Show nothing."""
    return nullcontext()


def ends_within(
    seconds: float, has_ended: Callable[[float], bool], what: str, waiting: Waiting
) -> bool:
    """Return whether something ends in this time; show a notice if it takes long.

    ``has_ended`` waits for at most as many seconds as it is given, and returns whether it did.
    """
    quiet = min(QUIET, seconds)
    if has_ended(quiet):
        return True
    with waiting(what):
        return has_ended(seconds - quiet)
