"""The sessions that a `CredentialServer` lends, by the paths of their addresses.

A session stays when the kernel moves on: a child process keeps the identity that it was started
with. Nobody says when the last child has ended, so the number of such sessions is limited.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

from ipy_awsprofile.sessions.session import expiry_of

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import ProfileSession

#: The number of sessions that stay lent although the kernel doesn't follow them any more.
MOST = 64


@dataclass(slots=True, eq=False)
class _Lent:
    path: str
    session: ProfileSession
    #: How many bindings of the kernel name the address now.
    holders: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether its credentials have expired: any process that uses them renews them."""
        expiry = expiry_of(self.session.get_credentials())
        return expiry is not None and expiry <= datetime.now(UTC)


class LentSessions:
    """Sessions by path, for several threads; one identity has one path.

    If more than `MOST` aren't followed by the kernel, one of them is dropped: the first whose
    credentials have expired, or else the one that was asked for the longest time ago. ``dropped``
    is called with its path.
    """

    def __init__(self, dropped: Callable[[str], object]) -> None:
        self._dropped = dropped
        self._lock = Lock()
        self._numbers = count(1)
        self._paths: dict[Hashable, str] = {}
        self._lent: dict[str, _Lent] = {}  # the least recently used comes first

    def add(self, session: ProfileSession) -> str:
        """Lend a session, instead of the one from before of the same identity; return its path."""
        key = session.target.key, session.principal
        with self._lock:
            path = self._paths.get(key) or f"/{next(self._numbers)}"
            self._paths[key] = path
            lent = self._lent.pop(path, None) or _Lent(path, session)
            lent.session = session
            self._lent[path] = lent
        return path

    @contextmanager
    def held(self, path: str) -> Iterator[None]:
        """Keep the session at this path in a ``with`` block."""
        with self._lock:
            lent = self._lent.get(path)
            if lent:
                lent.holders += 1
        try:
            yield
        finally:
            if lent:
                with self._lock:
                    lent.holders -= 1
                self._drop_unused()

    def get(self, path: str) -> ProfileSession | None:
        """Return the session at a path, which is thereby used; None if none is lent there."""
        with self._lock:
            lent = self._lent.pop(path, None)
            if lent is None:
                return None
            self._lent[path] = lent
            return lent.session

    def clear(self) -> None:
        """Lend nothing any more."""
        with self._lock:
            self._paths.clear()
            self._lent.clear()

    def forget_in_fork(self) -> None:
        """Forget all sessions in a forked child, whose parent goes on to lend them."""
        self._lock = Lock()  # the parent's may have been held by a thread that isn't here
        self.clear()

    def _drop_unused(self) -> None:
        while path := self._take_unused():
            self._dropped(path)

    def _take_unused(self) -> str:
        """Remove a session if there are too many, and return its path; empty if there aren't."""
        with self._lock:
            unused = [lent for lent in self._lent.values() if not lent.holders]
            if len(unused) <= MOST:
                return ""
            path = next((lent for lent in unused if lent.has_ended), unused[0]).path
            del self._lent[path]
            self._paths = {key: kept for key, kept in self._paths.items() if kept != path}
            return path
