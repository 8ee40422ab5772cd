"""The stack of the notebook, and of the blocks and runs in it.

The whole kernel shows the identity of the last entry. So while a thread or task is in a block, only
that thread or task can change the entries.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.gate import GATE, Label, require_no_run
from ipy_awsprofile.kernel.show import Kernel, Place
from ipy_awsprofile.kernel.watch import activate

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.sessions.session import Identity, ProfileSession


@dataclass(slots=True, eq=False)
class Layer:
    """An open session with its identity, the label of its credentials, and the places to show it.

    The ``identity`` is from when the session was opened.
    """

    session: ProfileSession
    identity: Identity
    label: Label
    places: Mapping[Place, Any] = field(default_factory=dict)

    @property
    def request(self) -> SwitchRequest:
        """The switch that has opened the session, with the names that it was resolved to."""
        return cast("SwitchRequest", self.session.target.request)

    def current_identity(self) -> Identity:
        """Return the identity with its current expiry, without calling AWS or renewing anything."""
        from ipy_awsprofile.sessions.session import expiry_of

        expiry = expiry_of(self.session.get_credentials())
        cached = self.identity.cached and expiry == self.identity.expiry
        return replace(self.identity, expiry=expiry, cached=cached)


def _runner() -> tuple[threading.Thread, asyncio.Task[Any] | None]:
    """Return the current thread and its asyncio task, if any."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # this thread isn't running an event loop
        task = None
    return threading.current_thread(), task


@dataclass(slots=True, eq=False)
class Entry:
    """The notebook, a block or a run, with the layer that is active in it, if any.

    ``has_switched`` is true after a switch in it, and ``is_dropped`` for a block in a generator or
    coroutine that ended without going on. ``changed_before`` is what the user had changed when it
    began.
    """

    layer: Layer | None = None
    is_run: bool = False
    has_switched: bool = False
    is_dropped: bool = False
    changed_before: Mapping[Place, Any] = field(default_factory=dict)
    runner: tuple[threading.Thread, Any] = field(default_factory=_runner)

    @property
    def is_beside(self) -> bool:
        """Whether another thread or task is in this block, and can go on now.

        A thread or task that has ended can't. Neither can code that isn't in a task while its own
        thread runs a task, because that code waits for the event loop.
        """
        thread, task = self.runner
        if not thread.is_alive() or (task and task.done()):
            return False
        own_thread, own_task = _runner()
        if thread is not own_thread:
            return True
        # In the same thread, only another task can go on: what isn't in a task waits for this one.
        return task not in (None, own_task)


class Layers:
    """The stack. This class isn't thread-safe: the Switcher holds its lock during every call."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self._stack = [Entry()]

    @property
    def _last(self) -> Entry:
        return self._stack[-1]

    @property
    def active(self) -> Layer | None:
        """The layer that the kernel shows, or None."""
        return self._last.layer

    @property
    def session_of_notebook(self) -> ProfileSession | None:
        """The notebook's session outside of all blocks and runs, or None."""
        layer = self._stack[0].layer
        return layer.session if layer else None

    def labels(self) -> list[Label]:
        """Return the labels of the identities that the kernel shows, now or after a block."""
        return [entry.layer.label for entry in self._stack if entry.layer]

    def require_changeable(self) -> None:
        """Raise AwsProfileError if another thread or task relies on the active identity.

        It can be in a block, and would continue with a different identity, or in a run.
        """
        require_no_run("A switch")
        if any(entry.is_beside for entry in self._stack[1:]):
            raise AwsProfileError(
                "Another thread or task is in a block of `using_profile` or `%%aws_profile`, which "
                "the whole kernel follows.",
                "Wait until its block has ended. In threads and tasks, use `open_session(NAME)`, "
                "whose session is separate.",
            )

    def put(self, layer: Layer | None) -> None:
        """Show a layer instead of the active one, or none. Raises `require_changeable`'s errors."""
        self.require_changeable()
        self._show(self._last, layer)
        self._last.has_switched = True

    def begin(
        self, entry: Entry, layer: Layer | None, *, places: Mapping[Place, Any] | None = None
    ) -> None:
        """Begin a block that shows a layer until `end`, or a run that shows these places.

        Raises the errors of `require_changeable`.
        """
        self.require_changeable()
        entry.changed_before = self.kernel.changed()
        self._stack.append(entry)
        try:
            self._show(entry, layer, places=places)
        except BaseException:
            self._stack.remove(entry)
            self._activate()
            raise

    def end(self, entry: Entry) -> None:
        """End a block or a run. Ending it again does nothing.

        If blocks overlap, the most recent one is active until it ends. What the user has changed in
        a block stays. If the block was dropped, so does a switch, which was made elsewhere.
        """
        if entry not in self._stack:
            return
        was_active = self._last is entry
        self._stack.remove(entry)
        if not was_active:
            return
        if entry.is_dropped and entry.has_switched:
            self._last.layer = entry.layer
            self._last.has_switched = True
            return
        kept = dict(entry.changed_before)
        if not entry.is_run:
            kept |= self.kernel.changed()
        self._show(self._last, self.active, kept=kept)

    def drop(self, is_over: Callable[[Layer], bool] = lambda _layer: True) -> None:
        """Remove layers for good, so that the end of a block doesn't bring them back."""
        self.require_changeable()
        for entry in self._stack:
            if entry.layer and is_over(entry.layer):
                entry.layer = None
        self._show(self._last, self.active)

    def _show(
        self,
        entry: Entry,
        layer: Layer | None,
        *,
        places: Mapping[Place, Any] | None = None,
        kept: Mapping[Place, Any] = MappingProxyType({}),
    ) -> None:
        if places is None:
            places = layer.places if layer else {}
        self.kernel.show(places, kept)
        entry.layer = layer
        self._activate()

    def _activate(self) -> None:
        active = self.active
        activate(active.label if active else None)
        GATE.is_run = self._last.is_run
