"""Delay an action triggered by a click until the running cell has ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ipy_awsprofile.config.private import of_process

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    """An action that waits for a cell to end, and the function to call if the action is dropped."""

    action: Callable[[], object]
    dropped: Callable[[], object]


class RunningCell:
    """Tracks whether a cell is running and keeps the action that waits for the cell to end.

    https://ipython.readthedocs.io/en/stable/config/callbacks.html
    """

    def __init__(self, shell: InteractiveShell | None) -> None:
        self._shell = shell
        self._lock = of_process(self, name="_lock", create=threading.Lock)
        self._waiting: _Waiting | None = None
        #: Whether the cell is a ``%%aws_profile`` cell.
        self.is_block = False

    @property
    def is_running(self) -> bool:
        """Whether a cell is running, even while the cell awaits a result or runs another cell."""
        if self._shell is None:
            return False
        trap = self._shell.display_trap  # it is set from the first to the last line of a cell
        if hasattr(trap, "is_active"):
            return bool(trap.is_active)
        return bool(trap._nested_level)  # noqa: SLF001  # IPython 8

    def when_ended(self, action: Callable[[], object], dropped: Callable[[], object]) -> None:
        """Call ``action`` when the running cell has ended, or now if no cell is running.

        If another action is waiting, drop that action and call its function ``dropped``.
        """
        self.drop()
        with self._lock:
            self._waiting = _Waiting(action, dropped)
        if self._shell is not None:
            self._shell.events.register("post_run_cell", self._cell_ended)
        # Check only now, because the cell can end in another thread before the hook is registered.
        if not self.is_running and self._take():
            action()

    def drop(self) -> None:
        """Drop any action that is waiting for the end of the cell."""
        waiting = self._take()
        if waiting:
            waiting.dropped()

    def _take(self) -> _Waiting | None:
        """Remove and return the waiting action, or return None if no action is waiting."""
        with self._lock:
            waiting = self._waiting
            if waiting is None:
                return None
            self._waiting = None
        if self._shell is not None:
            self._shell.events.unregister("post_run_cell", self._cell_ended)
        return waiting

    def _cell_ended(self, _result: object = None) -> None:
        if self.is_running:
            return
        waiting = self._take()
        if waiting:
            try:
                waiting.action()
            except Exception:  # noqa: BLE001  # the ended cell didn't cause this error
                _log.exception("A delayed action failed after the cell ended.")
