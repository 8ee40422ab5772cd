"""The sessions that a `CredentialServer` lends, by the paths of their addresses.

A session stays lent after a switch, so a child process keeps the identity that it was started with.
The server can't tell when the last child process has ended, so the number of such sessions is
limited.
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

#: The maximum number of sessions that stay lent although the kernel no longer follows them.
MOST = 64


@dataclass(slots=True, eq=False)
class _Lent:
    path: str
    session: ProfileSession
    #: How many bindings of the kernel currently use the address.
    holders: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether the credentials have expired. A process that used them would renew them."""
        expiry = expiry_of(self.session.get_credentials())
        return expiry is not None and expiry <= datetime.now(UTC)


class LentSessions:
    """Sessions by path, for use in several threads. Each identity has one path.

    If the kernel no longer follows more than `MOST` sessions, one of them is dropped: the first
    with expired credentials, or else the least recently used. ``dropped`` is called with its path.
    """

    def __init__(self, dropped: Callable[[str], object]) -> None:
        self._dropped = dropped
        self._lock = Lock()
        self._numbers = count(1)
        self._paths: dict[Hashable, str] = {}
        self._lent: dict[str, _Lent] = {}  # the least recently used comes first

    def add(self, session: ProfileSession) -> str:
        """Lend a session, replacing a former session of the same identity. Return its path."""
        key = session.target.fingerprint, session.principal
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
        """Return the session at a path and mark it as used, or return None if there isn't one."""
        with self._lock:
            lent = self._lent.pop(path, None)
            if lent is None:
                return None
            self._lent[path] = lent
            return lent.session

    def clear(self) -> None:
        """Stop lending all sessions."""
        with self._lock:
            self._paths.clear()
            self._lent.clear()

    def forget_in_fork(self) -> None:
        """Forget all sessions in a forked child, because the parent continues to lend them."""
        self._lock = Lock()  # a thread that exists only in the parent may hold it
        self.clear()

    def _drop_unused(self) -> None:
        while path := self._take_unused():
            self._dropped(path)

    def _take_unused(self) -> str:
        """Remove a session if there are too many. Return its path, or an empty string."""
        with self._lock:
            unused = [lent for lent in self._lent.values() if not lent.holders]
            if len(unused) <= MOST:
                return ""
            path = next((lent for lent in unused if lent.has_ended), unused[0]).path
            del self._lent[path]
            self._paths = {key: kept for key, kept in self._paths.items() if kept != path}
            return path
