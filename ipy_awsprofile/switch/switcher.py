"""The Switcher, which has a notebook's state. It takes a request and switches the kernel.

Several shells of a process have a Switcher each. They share the `Stack`, so there is one identity.

The magic, the picker and `using_profile` describe a switch as a `SwitchRequest`. The Switcher
checks the new session before it shows it, so a failed switch changes nothing. It returns the
identity.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ipy_awsprofile.config.organization import warnings_about_policy
from ipy_awsprofile.config.recent import note_profile
from ipy_awsprofile.config.request import SwitchRequest, arguments
from ipy_awsprofile.config.target import Target, login_target
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.errors import (
    AwsProfileError,
    CredentialsUnavailable,
    InvalidOption,
    faults_as_errors,
)
from ipy_awsprofile.follower import Leftover
from ipy_awsprofile.gate import PROCESS, Label, require_no_run
from ipy_awsprofile.kernel.leftovers import leftovers
from ipy_awsprofile.kernel.lending import Lending
from ipy_awsprofile.kernel.places import (
    TurnSession,
    notebook_variable,
    places_of,
    places_of_run,
)
from ipy_awsprofile.kernel.sharing import Receipts, Sharing, Window
from ipy_awsprofile.kernel.uninterrupted import Uninterrupted
from ipy_awsprofile.place import Place
from ipy_awsprofile.sessions.protection import Protection
from ipy_awsprofile.sessions.session import Identity, ProfileSession
from ipy_awsprofile.sessions.signing_in import SignedOut, needs_sign_in, sign_out
from ipy_awsprofile.switch.opening import open_guarded, open_identified
from ipy_awsprofile.switch.running_cell import RunningCell
from ipy_awsprofile.switch.stack import Entry, OpenProfile, stack_of
from ipy_awsprofile.switch.user_functions import (
    UserFunction,
    call_functions,
    call_in_main_thread,
)
from ipy_awsprofile.text import quoted

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.kernel.workers import Workers

_Listener = Callable[[Identity | None], None]

_log = logging.getLogger(__name__)

#: What to do if the kernel can't lend or share credentials.
_NEEDS_TO_LEND = (
    "The kernel needs the address 127.0.0.1 and space for temporary files. Free some space, or set "
    "TMPDIR to another folder and restart the kernel."
)
_NEEDS_TO_SHARE = (
    "The kernel needs the address 127.0.0.1 and a cache folder that only you can use. Free some "
    "space there, or set XDG_CACHE_HOME to a folder that belongs to you."
)


class Switcher:
    """Switches the kernel between identities, and back to its state before the first switch."""

    def __init__(self, shell: InteractiveShell | None) -> None:
        self._shell = shell  # None in a script, which has no notebook with a variable
        self._stack = stack_of(os.getpid())
        self._stack.switchers.append(self)
        self._listeners: set[_Listener] = set()
        self._lending: Lending | None = None
        #: Shares the notebook's identity with programs outside the kernel, if the user wants it.
        self.sharing: Sharing | None = None
        #: What programs outside the kernel got.
        self.receipts = Receipts()
        #: Whether each switch to a profile that isn't protected begins to share.
        self.shares = False
        #: The workers of clusters that use the notebook's identity, by the cluster's address.
        self.workers: dict[str, Workers] = {}
        self._closed = False
        #: How many changes of the identity are complete.
        self.completed = 0
        #: The running cell, and the action that waits for its end.
        self.cell = RunningCell(shell)
        #: Prompts the user, now and when credentials expire in a later cell.
        self.person = Person()
        #: The profiles that require confirmation, or that are read-only.
        self.protection = Protection()
        #: Whether the user has switched or switched off. Then the first profile isn't used anymore.
        self.has_switched = False
        #: The profile that was active before, if another one is active.
        self.previous: OpenProfile | None = None
        #: The session name for roles if neither an option nor the profile sets one.
        self.session_name: str | None = None
        for text in warnings_about_policy():
            PROCESS.warn(text)

    @property
    def _lock(self) -> AbstractContextManager[object]:
        """The stack's lock: widget callbacks can run in another thread while a cell runs."""
        return self._stack.lock

    @property
    def namespace(self) -> dict[str, object]:
        """The notebook's variables; empty in a script."""
        return self._shell.user_ns if self._shell else {}

    @property
    def active(self) -> OpenProfile | None:
        """The active profile with its session, identity and request, or None."""
        with self._lock:
            return self._stack.active

    @property
    def _label(self) -> Label | None:
        active = self.active
        return active.label if active else None

    @property
    def session(self) -> ProfileSession | None:
        """The active session, or None."""
        active = self.active
        return active.session if active else None

    @property
    def request(self) -> SwitchRequest | None:
        """The request for the active session, or None."""
        active = self.active
        return active.request if active else None

    @property
    def is_in_block(self) -> bool:
        """Whether the active profile is a block's, and ends with it."""
        with self._lock:
            return self._stack.is_in_block

    def subscribe(self, listener: _Listener) -> Callable[[], None]:
        """Call the listener with each new identity, or with None after `off`.

        It is called after the switch is complete, in the thread of the switch. Return a function
        that ends the subscription. Calling it again does nothing.
        """
        self._listeners.add(listener)
        return partial(self._listeners.discard, listener)

    def require_changeable(self) -> None:
        """Raise AwsProfileError while another thread or task is in a block, or during a run."""
        with self._lock:
            self._stack.require_changeable()

    def switch(
        self,
        request: SwitchRequest,
        *,
        fresh: bool = False,
        again: bool = False,
        person: Person | None = None,
    ) -> Identity:
        """Check the new identity, then switch everything to it.

        ``fresh`` gets new credentials even if valid ones are cached. ``again`` says that the
        request is the active one, so a protected profile needs no confirmation. ``person`` replaces
        the Switcher's own prompter during this switch. Raises a subclass of `AwsProfileError`, or
        an interrupting exception such as KeyboardInterrupt; then nothing has changed.
        """
        self.require_changeable()
        opened = self.prepare(request, fresh=fresh, again=again, person=person)
        return self.move(opened, again=again)

    def prepare(
        self,
        request: SwitchRequest,
        *,
        fresh: bool = False,
        again: bool = False,
        person: Person | None = None,
    ) -> OpenProfile:
        """Open the session and get its identity, as `switch` does, without changing anything."""
        require_no_run("A switch")
        if self._closed:  # a picker can outlive the extension
            raise AwsProfileError(
                "The extension that this belongs to has been unloaded.",
                "Run `%load_ext ipy_awsprofile`, then `%aws_profile --pick` for a new picker.",
            )
        prompted = person or self.person
        active = self.active if again else None
        request = replace(request, default_session_name=self.session_name)

        def opener(target: Target) -> tuple[ProfileSession, Identity]:
            # The card of a protected profile shows what STS says now.
            ask = again or self.protection.pattern_for(target) is not None
            expected = request.expect_account
            return open_identified(target, expected=expected, fresh=fresh, person=prompted, ask=ask)

        with faults_as_errors():
            opened = open_guarded(request, self.protection, prompted, opener, active=active)
        opened.session.prompter.person = self.person
        return opened

    def move(self, opened: OpenProfile, *, again: bool = False) -> Identity:
        """Switch everything to the profile that `prepare` returned.

        Unless it is the active request ``again``, a protected profile isn't shared anymore.
        """
        before = self.active
        with self._changing():
            opened.places = self._places(opened)
            self._stack.put(opened, self)
            if before and before.label != opened.label:
                self.previous = before
            if not again:
                self._stop_sharing_protected()
            self.has_switched = True
        with _after_change():
            if opened.request.profile:
                note_profile(opened.request.profile)
            self._share_again()
        _log.debug("Switched to %s, %s.", opened.label.name, opened.identity.arn)
        return opened.identity

    def show_new_session(self) -> None:
        """Let everything that keeps credentials get new ones, because AWS rejected the session.

        What the user has changed since the switch stays.
        """
        active = self.active
        if active is None:
            return
        active.session.issued.clear()
        with self._changing():
            active.places = self._places(active)
            self._stack.show_again()

    def _stop_sharing_protected(self) -> None:
        """Share the active identity no longer, in each shell in which it is protected."""
        for switcher in self._stack.switchers:
            if switcher.is_protected:
                switcher.stop_sharing()

    def _share_again(self) -> None:
        """Go on sharing or begin to share the notebook's identity, unless a block's is active."""
        if self.is_in_block:
            return
        if self.sharing:
            self.sharing.grant.try_keys()
        elif self.shares and not self.is_protected:
            self.share()

    @property
    def is_protected(self) -> bool:
        """Whether the active profile requires confirmation; False without one."""
        active = self.active
        if active is None:
            return False
        target = active.session.target
        return self.protection.pattern_for(target, active.identity.account) is not None

    def share(self) -> None:
        """Share the notebook's identity with programs outside the kernel, now and after switches.

        Another notebook that has shared its identity so far doesn't anymore. If this one shares it,
        a window stays open. Raises CredentialsUnavailable.
        """
        if self.sharing and self.sharing.is_newest:
            return
        try:
            newer = Sharing(lambda: self._stack.session_of_notebook, self._lock, self.receipts)
        except OSError as error:
            raise CredentialsUnavailable(
                f"The notebook's identity can't be shared: {error}.", _NEEDS_TO_SHARE
            ) from error
        if self.sharing:
            self.sharing.close()
        self.sharing = newer
        newer.grant.try_keys()

    def require_sharing(self) -> Sharing:
        """Return the sharing of an identity that may write, outside of blocks and runs.

        Raises InvalidOption, and NotForOneProfile in a run.
        """
        require_no_run("`--share write`")
        if self.sharing is None or not self.sharing.is_newest:
            raise InvalidOption(
                "The notebook doesn't share its identity.", "Run `%aws_profile --share` first."
            )
        if self.is_in_block:
            raise InvalidOption(
                "A block has its own identity, which isn't shared.", "Run the line in its own cell."
            )
        request = self.request
        if request and request.read_only:
            raise InvalidOption(
                f"`{request.name}` is read-only in this notebook, so programs can't write either.",
                f"Run `%aws_profile {quoted(request.name)} --write` first.",
            )
        return self.sharing

    @property
    def window(self) -> Window | None:
        """The time in which programs can write as the active identity, or None."""
        with self._lock:
            if self.sharing is None or self.session is None or self.is_in_block:
                return None
            return self.sharing.window

    def close_window(self) -> None:
        """Let programs only read from now on, if they can write."""
        if self.sharing:
            self.sharing.close_window()

    def stop_sharing(self) -> None:
        """Give programs and workers no more credentials."""
        if self.sharing:
            self.sharing.close()
        self.sharing = None
        while self.workers:
            self.workers.popitem()[1].close()

    def session_to_lend(self, what: str) -> ProfileSession:
        """Return the notebook's session, for workers of a cluster, which follow it in `workers`.

        Raises InvalidOption if no profile is active, and NotForOneProfile in a run, in which
        ``what`` can't be used.
        """
        require_no_run(what)
        session = self._stack.session_of_notebook
        if session is None:
            raise InvalidOption("No profile is active.", "Run `%aws_profile NAME` first.")
        return session

    def off(self) -> list[str] | None:
        """Restore the state before the first switch, and share nothing anymore.

        Return the names of what stays, because the user has changed it since, or None if there was
        no switch to undo. The action that waits for the end of the running cell is dropped.
        """
        self.cell.drop()
        self.require_changeable()
        self.has_switched = True
        if not self._stack.opened():
            self._stop_sharing_anywhere()
            return None
        with self._changing():
            kept = self._stack.kernel.kept()
            self._stack.end_all()
            self._stop_sharing_anywhere()
        _log.debug("Switched off.")
        return kept

    def _stop_sharing_anywhere(self) -> None:
        for switcher in self._stack.switchers:
            switcher.stop_sharing()

    def sign_out(self, request: SwitchRequest | None) -> tuple[SignedOut, tuple[str, ...]]:
        """End the sign-in of a request, or all sign-ins, and leave the identities that need it.

        Return the ended sign-ins, and the profiles that aren't active anymore, even after a block.
        """
        self.require_changeable()
        target = login_target(request) if request else None
        signed_out = sign_out(target)
        self.cell.drop()
        self.has_switched = True
        ended: list[OpenProfile] = []
        for opened in self._stack.opened():
            if needs_sign_in(opened.session.target, target):
                ended.append(opened)
        if ended:
            with self._changing():
                self._stack.drop(ended)
            _log.debug("Switched off.")
        return signed_out, tuple(dict.fromkeys(opened.request.name for opened in ended))

    def close(self) -> None:
        """Restore everything and refuse further switches, before the extension is unloaded."""
        with Uninterrupted():
            self._closed = True
            self.cell.drop()
            if self._stack.owns_entry(self):
                with self._changing():
                    self._stack.end_all(self)
            self._stack.switchers.remove(self)
            self.stop_sharing()
            if self._lending:
                self._lending.end()

    def begin(self, entry: Entry, opened: OpenProfile) -> None:
        """Begin a block with the profile that `prepare` returned."""
        with self._changing():
            opened.places = self._places(opened)
            entry.owner = self
            self._stack.begin(entry, opened)
        _log.debug("Began a block as %s, %s.", opened.label.name, opened.identity.arn)

    @contextmanager
    def run(self) -> Iterator[None]:
        """Hide the notebook's identity during a run over many profiles."""
        entry = Entry(owner=self, is_run=True)
        active = self.active
        shown = places_of_run()
        if active and self._shell:
            shown[notebook_variable(active.request.variable, self._shell)] = TurnSession()
        try:
            with self._lock:
                self._stack.begin(entry, active, places=shown)
            yield
        finally:
            with Uninterrupted(), self._lock:
                self._stack.end(entry)

    def end(self, entry: Entry) -> None:
        """End a block, and warn about variables that keep its identity."""
        ended = self._label
        with Uninterrupted():
            with self._lock:
                self._note_opened()
                was_active = self._stack.end(entry)
            if was_active:
                self._tell()
        if ended is None or ended == self._label:
            return
        for leftover, label in self._stack.opened_before.handles(self.namespace):
            if label == ended:
                PROCESS.warn(str(leftover))

    def leftovers(self) -> list[Leftover]:
        """Return what doesn't follow the active identity."""
        with self._lock:
            before = self._stack.opened_before
            others = leftovers(self.namespace, self._label, before, self.workers)
            return [*self.changed(), *others]

    def identities_of_objects(self) -> set[Label | None]:
        """Return the identities of the open objects that keep their own, such as filesystems."""
        with self._lock:
            before = self._stack.opened_before
            before.note(self.namespace, self._label)
            return {label for _, label in before.handles(self.namespace)}

    def changed(self) -> list[Leftover]:
        """Return what the user has changed since the switch, and how to undo that."""
        active = self.active
        if active is None:
            return []
        undo = f"To undo that, run `%aws_profile {arguments(active.request)}`"
        with self._lock:
            places = self._stack.kernel.changed()
        changed: list[Leftover] = []
        for place in places:
            if place.if_changed:
                says = f"was changed after the switch: {place.if_changed}. {undo}"
                changed.append(Leftover(place.name, says))
        return changed

    def copy_config_again(self) -> bool:
        """Let child processes see changes of the config file. Return whether they have a copy."""
        with self._lock, suppress(OSError):
            if self.active and self._lending:
                return self._lending.copy_again(self.active.session, self.active.label)
        return False

    def _places(self, opened: OpenProfile) -> dict[Place, object]:
        """Return the places for a profile, whose session is lent to child processes."""
        try:
            self._lending = self._lending or Lending()
            lent = self._lending.variables(opened.session, opened.label)
        except OSError as error:
            raise CredentialsUnavailable(
                f"Child processes can't get credentials from the kernel: {error}.", _NEEDS_TO_LEND
            ) from error
        shown = places_of(opened.session, lent)
        if self._shell:
            shown[notebook_variable(opened.request.variable, self._shell)] = opened.session
        return shown

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the stack in a ``with`` block, then call the listeners and the functions."""
        with Uninterrupted():
            with self._lock:
                self._note_opened()
                yield
            self.completed += 1
            self._tell()

    def _note_opened(self) -> None:
        """Record what was opened as the active identity, before that changes."""
        for switcher in self._stack.switchers:
            self._stack.opened_before.note(switcher.namespace, self._label)

    def _tell(self) -> None:
        for switcher in list(self._stack.switchers):
            switcher.follow()
        self.call_functions(PROCESS.user_functions.values())

    def follow(self) -> None:
        """Let the workers and listeners follow a change, which is complete whatever they do."""
        for workers in self.workers.values():
            with _after_change():
                workers.move(self._stack.session_of_notebook)
        active = self.active
        identity = active.current_identity() if active else None
        for listener in list(self._listeners):
            try:
                listener(identity)
            except Exception:  # noqa: BLE001  # a listener can't fail a completed switch
                _log.exception("A listener of a switch failed.")

    def call_functions(self, functions: Iterable[UserFunction]) -> None:
        """Call the user's functions with the active session, in the main thread."""
        call_in_main_thread(self._shell, partial(call_functions, functions, lambda: self.session))


@contextmanager
def _after_change() -> Iterator[None]:
    """Do something after a change, which is complete: an error is a line, and fails nothing."""
    try:
        with faults_as_errors():
            yield
    except AwsProfileError as error:
        PROCESS.warn(f"{error} {error.hint}".strip())
