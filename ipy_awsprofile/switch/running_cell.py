"""What a click asks for while a cell runs is done when the cell has ended."""

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
    """The cell that runs now, if any, and the one action that waits for its end.

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
        """Whether a cell runs, even if it awaits something or runs another cell."""
        if self._shell is None:
            return False
        trap = self._shell.display_trap  # it is set from the first line of a cell to the last one
        active = getattr(trap, "is_active", None)
        return bool(trap._nested_level if active is None else active)  # noqa: SLF001  # IPython 8

    def when_ended(
        self, action: Callable[[], object], dropped: Callable[[], object]
    ) -> Callable[[], object]:
        """Call ``action`` when the running cell has ended; now, in this thread, if none runs.

        It replaces a waiting one, and calls its ``dropped``. Return a function that drops
        this one without calling ``dropped``; later it does nothing.
        """
        waiting = _Waiting(action, dropped)
        self.drop()
        with self._lock:
            self._waiting = waiting
            if self._shell is not None:
                self._shell.events.register("post_execute", self._code_ended)
        # Only now: in another thread, the cell can end before the hook is registered.
        if not self.is_running and (taken := self._take()):
            taken.action()
        return partial(self._take, waiting)

    def drop(self) -> None:
        """Drop the action that waits, if one does."""
        if waiting := self._take():
            waiting.dropped()

    def _take(self, only: _Waiting | None = None) -> _Waiting | None:
        """Return the action that waits, which then no longer waits; or None."""
        with self._lock:
            waiting = self._waiting
            if waiting is None or only not in (None, waiting):
                return None
            self._waiting = None
            self._unregister()
            return waiting

    def _code_ended(self) -> None:
        """Wait for `post_run_cell`, whose hooks are called next: the last one ends the waiting.

        A cell's scope ends there, too, before functions that are registered later.
        """
        if not self.is_running and self._shell is not None:  # not a message, nor an inner cell
            self._shell.events.register("post_run_cell", self._cell_ended)

    def _cell_ended(self, _result: object = None) -> None:
        if self.is_running or not (waiting := self._take()):
            return
        try:
            waiting.action()
        except Exception:  # noqa: BLE001  # it isn't an error of the cell that has ended
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
