"""Notify watchers when a library or a child process gets a session's credentials.

The calls of these libraries and processes bypass this process's botocore, so they can't be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Receives the session, and the name of the library or program that gets its credentials.
Watcher = Callable[[Any, str], None]


class _Process:
    """State of the process, which its credential servers share."""

    watchers: tuple[Watcher, ...] = ()


def watch_hand_outs(watcher: Watcher) -> Callable[[], None]:
    """Call the watcher when credentials are handed out. Return a function to stop the calls."""
    _Process.watchers += (watcher,)

    def end() -> None:
        _Process.watchers = tuple(one for one in _Process.watchers if one is not watcher)

    return end


def note_hand_out(session: Any, client: str) -> None:
    """Tell the watchers that a library or a program gets the session's credentials."""
    for watcher in _Process.watchers:
        watcher(session, client)


def client_of(user_agent: str) -> str:
    """Return the program's name from a User-Agent header, or "another program"."""
    name = user_agent.partition("/")[0].strip().lower()
    if name in {"", "python-urllib"} or not name.replace("-", "").replace("_", "").isalnum():
        return "another program"
    return name[:40]
