"""The stack of the notebook, its blocks and its runs, with the profile that is active in each.

The whole process shows the profile of the last entry, even if it has several shells, such as an
embedded one. So while a thread or task is in a block, only that thread or task can change the
stack.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ipy_awsprofile.audit import EventName, note
from ipy_awsprofile.config.private import of_process
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.sts import expiry_of
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.gate import Label, require_no_run
from ipy_awsprofile.kernel.leftovers import OpenedBefore
from ipy_awsprofile.kernel.show import Kernel
from ipy_awsprofile.kernel.watch import activate, changing
from ipy_awsprofile.place import Place
from ipy_awsprofile.sessions.session import Identity, ProfileSession


@dataclass(slots=True, eq=False)
class OpenProfile:
    """An open session with its identity, the label of its credentials, and the places to show it.

    The ``request`` is the switch that has opened the session, with the names that it was resolved
    to. The ``identity`` is from when the session was opened. A session that ``is_refresh`` replaces
    that of the same request.
    """

    request: SwitchRequest
    session: ProfileSession
    identity: Identity
    label: Label
    is_refresh: bool = False
    places: Mapping[Place, object] = field(default_factory=dict)

    def note(self, event: EventName, options: str = "") -> None:
        """Record an event about the profile. Raises EventNotRecorded."""
        name = self.session.target.name
        note(event, profile=name, arn=self.identity.arn, request=self.request, options=options)

    def current_identity(self) -> Identity:
        """Return the identity with its current expiry, without calling AWS or renewing anything."""
        expiry = expiry_of(self.session.get_credentials())
        cached = self.identity.cached and expiry == self.identity.expiry
        return replace(self.identity, expiry=expiry, cached=cached)


def _runner() -> tuple[threading.Thread, asyncio.Task[object] | None]:
    """Return the current thread and the current asyncio task, or None for the task."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # this thread isn't running an event loop
        task = None
    return threading.current_thread(), task


@dataclass(slots=True, eq=False)
class Entry:
    """The notebook, a block or a run, with the profile that is active in it, if any.

    ``has_switched`` is true after a switch in it, and ``is_dropped`` for a block in a generator or
    coroutine that ended without going on. ``changed_before`` is what the user had changed when it
    began. ``owner`` is the Switcher that has begun the block or switched last.
    """

    opened: OpenProfile | None = None
    owner: object = None
    is_run: bool = False
    has_switched: bool = False
    is_dropped: bool = False
    changed_before: Mapping[Place, object] = field(default_factory=dict)
    runner: tuple[threading.Thread, asyncio.Task[object] | None] = field(default_factory=_runner)

    @property
    def is_beside(self) -> bool:
        """Whether another thread or task is in this block, and can continue while this one runs."""
        thread, task = self.runner
        if not thread.is_alive():
            return False
        own_thread, own_task = _runner()
        if task is None:
            # In its own thread, code that isn't in a task waits for the event loop of this task.
            return thread is not own_thread
        if task.done():
            return False
        return task is not own_task


class Stack:
    """A process's entries. The class isn't thread-safe, so hold its lock during every call."""

    def __init__(self) -> None:
        #: Held while the entries change, but not during calls to AWS, prompts and listeners.
        self.lock = of_process(self, name="lock", create=threading.RLock)
        self.kernel = Kernel()
        self.opened_before = OpenedBefore()
        #: The Switchers of all shells, until they are closed.
        self.switchers: list[Any] = []
        self._entries = [Entry()]

    @property
    def _last(self) -> Entry:
        return self._entries[-1]

    @property
    def active(self) -> OpenProfile | None:
        """The profile that the kernel shows, or None."""
        return self._last.opened

    @property
    def is_in_block(self) -> bool:
        """Whether a block has begun. The active profile then ends with the block."""
        return any(not entry.is_run for entry in self._entries[1:])

    @property
    def session_of_notebook(self) -> ProfileSession | None:
        """The notebook's session outside of all blocks and runs, or None."""
        opened = self._entries[0].opened
        return opened.session if opened else None

    def opened(self) -> list[OpenProfile]:
        """Return the profiles that the kernel shows now, or will show after a block."""
        return [entry.opened for entry in self._entries if entry.opened]

    def require_changeable(self) -> None:
        """Raise AwsProfileError if another thread or task relies on the active identity.

        It can be in a block, and would continue with a different identity, or in a run.
        """
        require_no_run("A switch")
        if any(entry.is_beside for entry in self._entries[1:]):
            raise AwsProfileError(
                "Another thread or task is in a block of `using_profile` or `%%aws_profile`, which "
                "the whole kernel follows.",
                "Wait until its block has ended. In threads and tasks, use `open_session(NAME)`, "
                "whose session is separate.",
            )

    def put(self, opened: OpenProfile, owner: object) -> None:
        """Show a profile instead of the active one."""
        self.require_changeable()
        self._show(self._last, opened)
        self._last.has_switched = True
        self._last.owner = owner

    def show_again(self) -> None:
        """Show the active profile again, with new places. Places that the user has changed stay."""
        self.require_changeable()
        self._show(self._last, self.active, kept=self.kernel.changed())

    def begin(
        self,
        entry: Entry,
        opened: OpenProfile | None,
        *,
        places: Mapping[Place, object] | None = None,
    ) -> None:
        """Begin a block that shows a profile until `end`, or a run that shows these places."""
        self.require_changeable()
        entry.changed_before = self.kernel.changed()
        self._entries.append(entry)
        try:
            self._show(entry, opened, places=places)
        except BaseException:
            self._entries.remove(entry)
            self._activate()
            raise

    def end(self, entry: Entry) -> bool:
        """End a block or a run. Return whether the kernel was showing its profile.

        It hasn't if the entry has ended before, or if another block is the last one, because blocks
        overlap. What the user has changed in a block stays. If the block was dropped, so does a
        switch, which was made elsewhere.
        """
        if entry not in self._entries:
            return False
        is_last = self._last is entry
        self._entries.remove(entry)
        if not is_last:
            return False
        if entry.is_dropped and entry.has_switched:
            self._last.opened = entry.opened
            self._last.owner = entry.owner
            self._last.has_switched = True
            return True
        # What the user had changed before the block returns, although it isn't the switch's value.
        # What they have changed in the block stays. A run sets keys that don't exist, so nothing
        # that its functions have changed may stay.
        kept = dict(entry.changed_before)
        if not entry.is_run:
            kept |= self.kernel.changed()
        self._show(self._last, self.active, kept=kept)
        return True

    def end_all(self, owner: object = None) -> None:
        """End the notebook's switch and all blocks for good, or only those of one Switcher.

        Then the end of a block, such as a generator's, brings nothing back.
        """
        self.require_changeable()
        notebook, *others = self._entries
        kept = [entry for entry in others if owner not in {None, entry.owner}]
        self._entries = [notebook, *kept]
        if owner in {None, notebook.owner}:
            notebook.opened = None
        self._show(self._last, self.active)

    def owns_entry(self, owner: object) -> bool:
        """Return whether a Switcher has begun a block, or has switched last."""
        return any(entry.owner is owner for entry in self._entries)

    def drop(self, ended: Container[OpenProfile | None]) -> None:
        """Remove profiles permanently, so that the end of a block doesn't bring them back."""
        self.require_changeable()
        for entry in self._entries:
            if entry.opened in ended:
                entry.opened = None
        self._show(self._last, self.active)

    def _show(
        self,
        entry: Entry,
        opened: OpenProfile | None,
        *,
        places: Mapping[Place, object] | None = None,
        kept: Mapping[Place, object] = MappingProxyType({}),
    ) -> None:
        if places is None and opened:
            places = opened.places
        with changing():
            self.kernel.show(places or {}, kept)
            entry.opened = opened
            self._activate()

    def _activate(self) -> None:
        active = self.active
        activate(active.label if active else None, is_run=self._last.is_run)


@lru_cache(maxsize=1)
def stack_of(_process: int) -> Stack:
    """Return the stack of a process.

    A forked child has a separate one, because nothing in it ends what the parent has begun.
    """
    return Stack()
