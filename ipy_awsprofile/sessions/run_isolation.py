"""For which profile of a run this code works: `across_profiles` calls a function in many threads.

What a thread does by itself must be that profile's: the session is in a context variable, which
asyncio takes along into its threads and event loops. A thread that a function starts doesn't get
it. It would work as the notebook, so it is refused here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from ipy_awsprofile.errors import NotForOneProfile

if TYPE_CHECKING:
    import boto3

_session: ContextVar[boto3.Session | None] = ContextVar("session of a run's profile", default=None)


class _Process:
    """What belongs to the process, as its threads and its children do."""

    #: During a run, the threads that were there before: a function can have started any other.
    known: set[threading.Thread] | None = None


@contextmanager
def working_for(session: boto3.Session) -> Iterator[None]:
    """Let this thread work for the session's profile in a ``with`` block."""
    token = _session.set(session)
    try:
        yield
    finally:
        _session.reset(token)


@contextmanager
def known_threads() -> Iterator[None]:
    """Let only the threads that exist now work for the notebook in a ``with`` block."""
    _Process.known = set(threading.enumerate())
    try:
        yield
    finally:
        _Process.known = None


def thread_is_known() -> None:
    """Let this thread, which was started by a run itself, do what the notebook's threads do."""
    if _Process.known is not None:
        _Process.known.add(threading.current_thread())


def _is_unknown() -> bool:
    """Return whether this thread was started during a run, maybe by one of its functions."""
    known = _Process.known
    return known is not None and threading.current_thread() not in known


def session_here() -> boto3.Session | None:
    """Return the session that this thread works for; None if it works for the notebook.

    Raises NotForOneProfile in a thread that a function of a run can have started.
    """
    session = _session.get()
    if session is None and _is_unknown():
        raise NotForOneProfile(
            "A thread that was started during a run doesn't know for which profile it works.",
            'Use `session` in it, for example `session.client("s3")`.',
        )
    return session


def require_notebook(what: str) -> None:
    """Raise NotForOneProfile if this thread works for one profile of a run."""
    if session_here() is not None:
        raise NotForOneProfile(
            f"{what} concerns the whole notebook, and not one profile of a run.",
            'Use `session`, which is the profile\'s, for example `session.client("s3")`.',
        )
