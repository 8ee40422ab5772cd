"""The credentials of the rows of runs over many profiles, in the kernel and in workers.

A function can keep a client after its row, for example with ``functools.cache``. Another row and
the notebook must not sign with it by mistake, so each row's credentials are stored with their
owner.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from ipy_awsprofile.bindings.weak_notes import WeakNotes

if TYPE_CHECKING:
    import boto3


class RowOwner(Protocol):
    """The identity of a row."""

    @property
    def name(self) -> str:
        """The profile's name, or the role's ARN."""

    def difference(self, session: boto3.Session | None) -> str:
        """Return how this identity differs from the session's; empty if it is the same."""


class _Process:
    """State of the process, because a worker keeps clients between its tasks."""

    lock = threading.Lock()
    owners: WeakNotes[RowOwner] = WeakNotes()
    #: The sessions that functions are currently called with.
    running: tuple[boto3.Session, ...] = ()


@contextmanager
def running_row(session: boto3.Session, owner: RowOwner) -> Iterator[None]:
    """Store the owner of a row's credentials. The row is running in a ``with`` block."""
    _Process.owners.add(session.get_credentials(), owner)
    with _Process.lock:
        _Process.running += (session,)
    try:
        yield
    finally:
        with _Process.lock:
            _Process.running = tuple(one for one in _Process.running if one is not session)


def row_owner(credentials: Any) -> RowOwner | None:
    """Return the owner of a row's credentials, or None for credentials of no row."""
    return _Process.owners.get(credentials)


def row_owners() -> Iterator[tuple[Any, RowOwner]]:
    """Yield the credentials of rows that still exist, with their owners."""
    return _Process.owners.items()


def can_be_its_thread(owner: RowOwner, session: boto3.Session | None) -> bool:
    """Return whether a thread that works for this session can work for the owner's row.

    Without a session, the thread can work for any row that is running.
    """
    sessions = _Process.running if session is None else (session,)
    return any(not owner.difference(one) for one in sessions)
