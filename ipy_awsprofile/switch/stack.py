"""The stack of the notebook, blocks and code for many profiles, each with an active profile.

The whole process uses the profile of the last entry, even if the process has several shells, such
as an embedded shell. Therefore, while a thread or task is in a block, only that thread or task can
change the stack.
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
from ipy_awsprofile.gate import require_no_run
from ipy_awsprofile.kernel.leftovers import OpenedBefore
from ipy_awsprofile.kernel.show import Kernel
from ipy_awsprofile.kernel.watch import activate, changing
from ipy_awsprofile.label import Label, is_read_only
from ipy_awsprofile.place import Place
from ipy_awsprofile.sessions.session import Identity, ProfileSession


@dataclass(slots=True, eq=False)
class OpenProfile:
    """An open session with its identity, its credentials' label, and the values of all places.

    The label identifies the credentials when botocore signs a request. A place is an environment
    variable or a setting that makes libraries use the session. ``request`` is the request of the
    switch that opened the session, with all names resolved. ``identity`` is the identity at the
    time when the session was opened. If ``is_refresh`` is True, the session replaces an earlier
    session of the same request.
    """

    request: SwitchRequest
    session: ProfileSession
    identity: Identity
    label: Label
    is_refresh: bool = False
    places: Mapping[Place, object] = field(default_factory=dict)

    def note(self, event: EventName, options: str = "") -> None:
        """Record an audit event about the profile.

        Raise EventNotRecorded if the event can't be written.
        """
        name = self.session.target.name
        note(event, profile=name, arn=self.identity.arn, request=self.request, options=options)

    def current_identity(self) -> Identity:
        """Return the profile's identity with the current expiry of its credentials.

        This method doesn't call AWS or renew any credentials.
        """
        expiry = expiry_of(self.session.get_credentials())
        cached = self.identity.cached and expiry == self.identity.expiry
        return replace(self.identity, expiry=expiry, cached=cached)


def _runner() -> tuple[threading.Thread, asyncio.Task[object] | None]:
    """Return the current thread, and the current asyncio task or None."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # this thread isn't running an event loop
        task = None
    return threading.current_thread(), task


@dataclass(slots=True, eq=False)
class Entry:
    """The notebook, a block, or code for many profiles (a run), with its active profile or None.

    ``has_switched`` is True after a switch in the entry. ``is_dropped`` is True for a block in a
    generator or coroutine that was closed before the block ended. ``is_told`` is True if a line has
    told the user that the block applies to code outside the block. ``changed_before`` contains the
    places that the user had changed before the entry began. ``owner`` is the Switcher that began
    the block or made the last switch. ``threads_before`` contains the threads from before the
    entry.
    """

    opened: OpenProfile | None = None
    owner: object = None
    is_run: bool = False
    has_switched: bool = False
    is_dropped: bool = False
    is_told: bool = False
    changed_before: Mapping[Place, object] = field(default_factory=dict)
    runner: tuple[threading.Thread, asyncio.Task[object] | None] = field(default_factory=_runner)
    threads_before: list[threading.Thread] = field(default_factory=threading.enumerate)

    @property
    def is_beside(self) -> bool:
        """Whether another thread or task is in this block and can continue while this code runs."""
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
    """The stack of entries in a process.

    The class isn't thread-safe, so callers must hold ``lock`` during each call.
    """

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
        """The profile whose identity the kernel uses now, or None."""
        return self._last.opened

    @property
    def block(self) -> Entry | None:
        """The open block that began most recently, or None."""
        blocks = [entry for entry in self._entries[1:] if not entry.is_run]
        return blocks[-1] if blocks else None

    @property
    def is_in_block(self) -> bool:
        """Whether the active profile belongs to a block and ends with the block."""
        return self.block is not None

    @property
    def session_of_notebook(self) -> ProfileSession | None:
        """The session that the notebook uses outside all blocks, or None."""
        opened = self._entries[0].opened
        return opened.session if opened else None

    def opened(self) -> list[OpenProfile]:
        """Return the profiles that the kernel uses now or will use again after a block."""
        return [entry.opened for entry in self._entries if entry.opened]

    def require_changeable(self) -> None:
        """Raise AwsProfileError if another thread or task relies on the active identity.

        Otherwise, a thread or task in a block could continue with a different identity. Raise
        NotForOneProfile while code runs for many profiles.
        """
        require_no_run("A switch")
        if any(entry.is_beside for entry in self._entries[1:]):
            raise AwsProfileError(
                "Another thread or task is in a block of `using_profile` or `%%aws_profile`, which "
                "changes the identity of the whole kernel.",
                "Wait until that block has ended. In threads and tasks, use `open_session(NAME)`, "
                "which opens a separate session.",
            )

    def put(self, opened: OpenProfile, owner: object) -> None:
        """Make a profile the active profile of the last entry."""
        self.require_changeable()
        self._show(self._last, opened)
        self._last.has_switched = True
        self._last.owner = owner

    def show_again(self) -> None:
        """Set the active profile's places again, except for those that the user has changed."""
        self.require_changeable()
        self._show(self._last, self.active, kept=self.kernel.changed())

    def begin(
        self,
        entry: Entry,
        opened: OpenProfile | None,
        *,
        places: Mapping[Place, object] | None = None,
    ) -> None:
        """Begin a block with a profile, or begin code for many profiles with the given places."""
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
        """End an entry. Return whether the kernel was using the profile of this entry.

        The result is False if the entry has already ended, or if blocks overlap and another block
        is the last entry. Places that the user changed in the block keep their values. If the block
        was dropped, switches during the block remain, because other code made these switches.
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
        if entry.is_run:
            self.kernel.discard()
        else:
            kept |= self.kernel.changed()
        self._show(self._last, self.active, kept=kept)
        return True

    def end_all(self, owner: object = None) -> None:
        """Permanently end the notebook's switch and all blocks, or only the entries of ``owner``.

        When a block in a generator ends later, the block's end doesn't restore a profile.
        """
        self.require_changeable()
        notebook, *others = self._entries
        kept = [entry for entry in others if owner not in {None, entry.owner}]
        self._entries = [notebook, *kept]
        if owner in {None, notebook.owner}:
            notebook.opened = None
        self._show(self._last, self.active)

    def owns_entry(self, owner: object) -> bool:
        """Return whether a Switcher began an open block or made the last switch."""
        return any(entry.owner is owner for entry in self._entries)

    def drop(self, ended: Container[OpenProfile | None]) -> None:
        """Remove profiles permanently, so that they aren't active again at the end of a block."""
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
        outside = [entry.opened.label for entry in self._entries[:-1] if entry.opened]
        activate(
            active.label if active else None,
            is_run=self._last.is_run,
            is_in_read_only=any(is_read_only(label) for label in outside),
        )


@lru_cache(maxsize=1)
def stack_of(_process: int) -> Stack:
    """Return the stack of a process.

    A forked child process has a separate stack, because the child can't end the parent's blocks.
    """
    return Stack()
