"""How long a process of the user is waited for, and when a person is told that it is.

A credential_process or mfa_process can wait for its person: at a browser, or at a security key.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

#: Seconds after which a person is told.
QUIET = 2.0

#: Gets what is waited for, in words, and tells a person as long as the context lasts.
Waiting = Callable[[str], AbstractContextManager[object]]


def untold(_what: str) -> AbstractContextManager[object]:
    """Tell nobody."""
    return nullcontext()


def ends_within(
    seconds: float, has_ended: Callable[[float], bool], what: str, waiting: Waiting
) -> bool:
    """Return whether something ends in this time; a person is told if it isn't soon.

    ``has_ended`` waits for at most as many seconds as it is given, and returns whether it did.
    """
    quiet = min(QUIET, seconds)
    if has_ended(quiet):
        return True
    with waiting(what):
        return has_ended(seconds - quiet)
