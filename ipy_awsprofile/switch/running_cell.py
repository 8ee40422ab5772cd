"""Delay actions from clicks until the running cell has ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    action: Callable[[], object]
    dropped: Callable[[], object]


class RunningCell:
    """The running cell, if any, and the action that waits for its end.

    Hooks are registered only while an action waits.

    https://ipython.readthedocs.io/en/stable/config/callbacks.html
    """

    def __init__(self, shell: InteractiveShell | None) -> None:
        self._shell = shell
        self._lock = threading.Lock()
        self._waiting: _Waiting | None = None

    @property
    def number(self) -> int:
        """The execution count of the cell; 0 in a script."""
        return int(self._shell.execution_count) if self._shell else 0

    @property
    def is_running(self) -> bool:
        """Whether a cell is running, even if it awaits something or runs another cell."""
        if self._shell is None:
            return False
        trap = self._shell.display_trap  # it is set from the first to the last line of a cell
        active = getattr(trap, "is_active", None)
        return bool(trap._nested_level if active is None else active)  # noqa: SLF001  # IPython 8

    def when_ended(
        self, action: Callable[[], object], dropped: Callable[[], object]
    ) -> Callable[[], object]:
        """Call ``action`` when the running cell has ended; now, in this thread, if none is running.

        This replaces a waiting action and calls its ``dropped``. Return a function that drops this
        action without calling ``dropped``. Once the action no longer waits, that function does
        nothing.
        """
        waiting = _Waiting(action, dropped)
        self.drop()
        with self._lock:
            self._waiting = waiting
            if self._shell is not None:
                self._shell.events.register("post_execute", self._code_ended)
        # Check only now, because the cell can end in another thread before the hook is registered.
        if not self.is_running and (taken := self._take()):
            taken.action()
        return partial(self._take, waiting)

    def drop(self) -> None:
        """Drop the waiting action, if any."""
        if waiting := self._take():
            waiting.dropped()

    def _take(self, only: _Waiting | None = None) -> _Waiting | None:
        """Remove and return the waiting action, or return None if there isn't one."""
        with self._lock:
            waiting = self._waiting
            if waiting is None or only not in (None, waiting):
                return None
            self._waiting = None
            self._unregister()
            return waiting

    def _code_ended(self) -> None:
        """Register a hook for `post_run_cell`, which IPython triggers next.

        A cell's scope ends there, too, before hooks that are registered later.
        """
        if not self.is_running and self._shell is not None:  # neither a message nor an inner cell
            self._shell.events.register("post_run_cell", self._cell_ended)

    def _cell_ended(self, _result: object = None) -> None:
        if self.is_running or not (waiting := self._take()):
            return
        try:
            waiting.action()
        except Exception:  # noqa: BLE001  # the ended cell didn't cause this error
            _log.exception("What waited for the end of a cell failed.")

    def _unregister(self) -> None:
        if self._shell is None:
            return
        events = self._shell.events
        for event, hook in (
            ("post_execute", self._code_ended),
            ("post_run_cell", self._cell_ended),
        ):
            if hook in events.callbacks[event]:
                events.unregister(event, hook)
