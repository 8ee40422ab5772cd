"""How long to wait for a user's process, and when to say so.

A credential_process or mfa_process can wait for the user, for example at a browser or security key.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

#: Seconds before the notice appears.
QUIET = 2.0

#: Receives a description of the process, and shows a notice until the context ends.
Waiting = Callable[[str], AbstractContextManager[object]]


def untold(_what: str) -> AbstractContextManager[object]:
    """Show nothing."""
    return nullcontext()


def ends_within(
    seconds: float, has_ended: Callable[[float], bool], what: str, waiting: Waiting
) -> bool:
    """Return whether a process ends within ``seconds``. Show a notice if it takes long.

    ``has_ended`` waits up to the given number of seconds, and returns whether the process ended.
    """
    quiet = min(QUIET, seconds)
    if has_ended(quiet):
        return True
    with waiting(what):
        return has_ended(seconds - quiet)
