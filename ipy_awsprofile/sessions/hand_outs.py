"""Notifications when the session's credentials are handed to a library or a child process.

Their calls don't go through this process's botocore, so nothing here can see those calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Receives a session whose credentials are handed out, and what gets them.
Watcher = Callable[[Any, str], None]


class _Process:
    """What belongs to the process, as its credential servers do."""

    watchers: tuple[Watcher, ...] = ()


def watch_hand_outs(watcher: Watcher) -> Callable[[], None]:
    """Call the watcher whenever credentials are handed out; return a function that ends this."""
    _Process.watchers += (watcher,)

    def end() -> None:
        _Process.watchers = tuple(one for one in _Process.watchers if one is not watcher)

    return end


def note_hand_out(session: Any, client: str) -> None:
    """Tell the watchers that a library or a program gets the session's credentials."""
    for watcher in _Process.watchers:
        watcher(session, client)


def client_of(user_agent: str) -> str:
    """Return the program's name in a User-Agent, or "another program" if it isn't a name."""
    name = user_agent.partition("/")[0].strip().lower()
    if name in {"", "python-urllib"} or not name.replace("-", "").replace("_", "").isalnum():
        return "another program"
    return name[:40]
