"""Functions to call after each switch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import Identity

Listener = Callable[["Identity | None"], None]

_log = logging.getLogger(__name__)


class _BeingTold(threading.local):
    """The listeners that this thread is calling."""

    listeners: tuple[Listener, ...] = ()


class Listeners:
    """Functions that are called with the new identity, or with None if none is active."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._being_told = _BeingTold()

    def add(self, listener: Listener) -> Callable[[], None]:
        """Add a listener. Return a function that removes it; calling it again does nothing."""
        self._listeners.append(listener)

        def remove() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return remove

    def tell(self, identity: Identity | None, is_current: Callable[[], bool]) -> None:
        """Call each listener that isn't already being called, while the identity ``is_current``."""
        outer = self._being_told.listeners
        for listener in list(self._listeners):
            if listener in outer or not is_current():
                continue
            self._being_told.listeners = (*outer, listener)
            try:
                listener(identity)
            except Exception:  # noqa: BLE001  # a listener can't fail a completed switch
                _log.exception("A listener of a switch failed.")
            finally:
                self._being_told.listeners = outer
