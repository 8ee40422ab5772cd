"""Track the profile of each thread while `across_profiles` calls a function in many threads.

Each thread must use only its profile. A context variable holds the session, and asyncio copies it
to its threads and event loops. Threads that a function starts don't get the variable. They would
use the notebook's identity, so this module raises an error for them.
"""

from __future__ import annotations

import concurrent.futures.thread
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
    """State of the process, which its threads share."""

    #: During a run, the threads from before the run. Functions may have started other threads.
    known: set[threading.Thread] | None = None


@contextmanager
def working_for(session: boto3.Session) -> Iterator[None]:
    """Use the session's profile for this thread in a ``with`` block."""
    token = _session.set(session)
    try:
        yield
    finally:
        _session.reset(token)


@contextmanager
def known_threads() -> Iterator[None]:
    """Allow only currently running threads to use the notebook's session in a ``with`` block."""
    _Process.known = set(threading.enumerate())
    try:
        yield
    finally:
        _Process.known = None


def has_run() -> bool:
    """Return whether functions are being called for many profiles."""
    return _Process.known is not None


def thread_is_known() -> None:
    """Allow this thread, which the run itself started, to use the notebook's session."""
    if _Process.known is not None:
        _Process.known.add(threading.current_thread())


def _is_unknown() -> bool:
    """Return whether this thread was started during a run, possibly by a function."""
    known = _Process.known
    return known is not None and threading.current_thread() not in known


def is_of_a_pool() -> bool:
    """Return whether a ThreadPoolExecutor owns this thread; Python has no public API for this."""
    return threading.current_thread() in concurrent.futures.thread._threads_queues  # noqa: SLF001


def session_here() -> boto3.Session | None:
    """Return this thread's session; None if the thread uses the notebook's session.

    Raises NotForOneProfile in a thread that a function may have started during a run.
    """
    session = _session.get()
    if session is None and _is_unknown():
        raise NotForOneProfile(
            "A thread that was started during a run doesn't know which profile to use.",
            'Use `session` in it, for example `session.client("s3")`.',
        )
    return session


def require_notebook(what: str) -> None:
    """Raise NotForOneProfile if this thread uses one profile of a run."""
    if session_here() is not None:
        raise NotForOneProfile(
            f"{what} affects the whole notebook, so it can't be used for one profile of a run.",
            'Use the profile\'s `session`, for example `session.client("s3")`.',
        )


def require_no_run() -> None:
    """Raise NotForOneProfile while functions are called for many profiles.

    A switch would change the notebook's identity, and with it what these functions find.
    """
    require_notebook("A switch")
    if has_run():
        raise NotForOneProfile(
            "A function or cell is being run for many profiles.",
            "Wait until it has ended, then run this again.",
        )
