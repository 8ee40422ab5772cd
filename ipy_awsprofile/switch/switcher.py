"""The Switcher, which holds a notebook's state and switches the kernel to a requested identity.

Each shell in a process has its own Switcher. All Switchers share the `Stack`, so the process has
only one identity.

The magic, the picker and `using_profile` describe a switch as a `SwitchRequest`. The Switcher
checks a new session before libraries can use the session, so a failed switch doesn't change the
identity. After a successful switch, the Switcher returns the new identity.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ipy_awsprofile.audit import note
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.organization import warnings_about_policy
from ipy_awsprofile.config.recent import note_profile
from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.config.request import Form, SessionRequest, SwitchRequest, arguments
from ipy_awsprofile.config.target import Target, login_target, target_of
from ipy_awsprofile.config.user_environment import (
    PROFILE_VARIABLES,
    REGION_VARIABLES,
)
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.errors import (
    AwsProfileError,
    CredentialsUnavailable,
    faults_as_errors,
)
from ipy_awsprofile.follower import Leftover
from ipy_awsprofile.gate import PROCESS, errors_as_lines
from ipy_awsprofile.kernel.leftovers import leftovers
from ipy_awsprofile.kernel.lending import Lending
from ipy_awsprofile.kernel.places import (
    TurnSession,
    notebook_variable,
    places_of,
    places_of_run,
)
from ipy_awsprofile.kernel.uninterrupted import Uninterrupted
from ipy_awsprofile.label import Label
from ipy_awsprofile.place import Place
from ipy_awsprofile.sessions.protection import Protection
from ipy_awsprofile.sessions.session import Identity, ProfileSession
from ipy_awsprofile.sessions.signing_in import SignedOut, needs_sign_in, sign_out
from ipy_awsprofile.switch.named_profiles import problem_of_variable, step_to_named_profile
from ipy_awsprofile.switch.opening import Opening, is_protected, open_guarded, open_identified
from ipy_awsprofile.switch.recipients import Recipients
from ipy_awsprofile.switch.running_cell import RunningCell
from ipy_awsprofile.switch.stack import Entry, OpenProfile, stack_of
from ipy_awsprofile.switch.threads import warn_about_threads
from ipy_awsprofile.switch.user_functions import (
    UserFunction,
    call_functions,
    call_in_main_thread,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


_Listener = Callable[[Identity | None], None]

_log = logging.getLogger(__name__)

#: What to do if the kernel can't lend credentials.
_NEEDS_TO_LEND = (
    "The kernel needs the address 127.0.0.1 and space for temporary files. Free some space, or set "
    "TMPDIR to another folder and restart the kernel."
)


class Switcher:
    """Switches the kernel between identities, and restores the state before the first switch."""

    def __init__(self, shell: InteractiveShell | None) -> None:
        self._shell = shell  # None in a script, which has no notebook with a variable
        self._stack = stack_of(os.getpid())
        self._stack.switchers.append(self)
        self._listeners: dict[_Listener, None] = {}  # in the order of their subscription
        self._lending: Lending | None = None
        self._closed = False
        #: How many changes of the identity are complete.
        self.completed = 0
        #: The running cell, and the action that waits for its end.
        self.cell = RunningCell(shell)
        #: Prompts the user, now and when credentials expire in a later cell.
        self.person = Person()
        #: The profiles that require confirmation, or that are read-only.
        self.protection = Protection()
        #: What uses the notebook's identity outside the kernel.
        self.recipients = Recipients(self._stack, self.protection)
        self.subscribe(self.recipients.follow)
        #: Whether the user has switched or switched off. Then the first profile isn't used anymore.
        self.has_switched = False
        #: The profile that was active before, if another one is active.
        self.previous: OpenProfile | None = None
        #: The request for the profile of the last block that has ended.
        self.ended: SwitchRequest | None = None
        #: The session name for roles if neither an option nor the profile sets one.
        self.session_name: str | None = None
        for text in warnings_about_policy():
            PROCESS.warn(text)

    @property
    def _lock(self) -> AbstractContextManager[object]:
        """The stack's lock.

        Callers need this lock because widget callbacks can run in another thread.
        """
        return self._stack.lock

    @property
    def namespace(self) -> dict[str, object]:
        """The notebook's variables, or an empty dict in a script."""
        return self._shell.user_ns if self._shell else {}

    @property
    def active(self) -> OpenProfile | None:
        """The active profile with its session, identity and request, or None."""
        with self._lock:
            return self._stack.active

    @property
    def request_before(self) -> SwitchRequest | None:
        """The request that switches back to the profile that was active before, or None.

        The request is None if switching back requires confirmation.
        """
        before = self.previous
        if before is None or is_protected(before, self.protection):
            return None
        return None if before.label == self._label else before.request

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
        """Whether the active profile belongs to a block and ends with the block."""
        with self._lock:
            return self._stack.is_in_block

    @property
    def block(self) -> Entry | None:
        """The open block that began most recently, or None."""
        with self._lock:
            return self._stack.block

    def subscribe(self, listener: _Listener) -> Callable[[], None]:
        """Call the listener with each new identity, or with None after `off`.

        The listener is called after the switch is complete, in the thread that made the switch.
        Return a function that ends the subscription and can be called more than once.
        """
        self._listeners[listener] = None
        return partial(self._listeners.pop, listener, None)

    def require_changeable(self) -> None:
        """Raise AwsProfileError if another thread or task relies on the active identity."""
        with self._lock:
            self._stack.require_changeable()

    def switch(
        self,
        request: SwitchRequest,
        opening: Opening = Opening.CACHED,
        *,
        person: Person | None = None,
    ) -> Identity:
        """Check the new identity, switch the kernel to this identity, and return the identity.

        ``opening`` says how to get the credentials. ``person`` replaces the Switcher's own prompter
        during this switch. If the switch fails, this method raises a subclass of AwsProfileError or
        an exception such as KeyboardInterrupt, and the identity doesn't change.
        """
        return self.move(self.prepare(request, opening, person=person))

    def prepare(
        self,
        request: SwitchRequest,
        opening: Opening = Opening.CACHED,
        *,
        person: Person | None = None,
        form: Form = Form.LINE,
    ) -> OpenProfile:
        """Open the session for a request and get its identity, without switching the kernel.

        ``form`` says how the user wrote the request. Raise AwsProfileError before opening the
        session if `move` can't change the identity now.
        """
        self.require_changeable()
        if self._closed:  # a picker can outlive the extension
            raise AwsProfileError(
                "The extension that this picker belongs to has been unloaded.",
                "Run `%load_ext ipy_awsprofile`, then `%aws_profile --pick` to open a new picker.",
            )
        prompted = person or self.person
        refreshed = self.active if opening is Opening.REFRESHED else None
        request = replace(request, default_session_name=self.session_name)

        def opener(target: Target) -> tuple[ProfileSession, Identity]:
            return open_identified(
                target,
                expected=request.expect_account,
                fresh=opening is not Opening.CACHED,
                person=prompted,
                # The card of a protected profile shows what STS says now.
                ask=self.protection.pattern_for(target) is not None,
            )

        with faults_as_errors():
            opened = open_guarded(
                request, self.protection, prompted, opener, refreshed=refreshed, form=form
            )
        # `person` is for this switch. Later renewals, in any cell, ask as the notebook does.
        opened.session.prompter.person = self.person
        return opened

    def move(self, opened: OpenProfile) -> Identity:
        """Switch the kernel to a profile that `prepare` has opened, and return the new identity.

        If the profile is protected, the notebook stops sharing its identity, except during a
        refresh.
        """
        before = self.active
        opened.note("switch", "--refresh" if opened.is_refresh else "")
        with self._changing():
            # Lending can fail, so it comes before the first place changes.
            opened.places = self._places(opened)
            self._stack.put(opened, self)
            if before and before.label != opened.label:
                self.previous = before
            if not opened.is_refresh:
                # Before the lock is released, because programs ask in threads.
                for switcher in self._stack.switchers:
                    switcher.recipients.end_if_protected()
            self.has_switched = True
        with errors_as_lines():
            if opened.request.profile:
                note_profile(opened.request.profile)
            self.recipients.go_on()
        return opened.identity

    def show_new_session(self) -> None:
        """Make libraries and child processes get new credentials, because AWS rejected the session.

        Places that the user has changed since the switch keep their values.
        """
        active = self.active
        if active is None:
            return
        active.session.issued.clear()
        with self._changing():
            active.places = self._places(active)
            self._stack.show_again()

    def off(self) -> list[str] | None:
        """Restore the state before the first switch, and stop sharing the identity.

        Return the names of the places that aren't restored because the user has changed them, or
        None if there was no switch to undo. Drop the action that waits for the end of the running
        cell.
        """
        self.cell.drop()
        self.require_changeable()
        self.has_switched = True
        if not self._stack.opened():
            self._end_recipients()
            return None
        self._note_off()
        with self._changing():
            kept = self._stack.kernel.kept()
            self._stack.end_all()
            self._end_recipients()
        return kept

    def _end_recipients(self) -> None:
        """Stop giving credentials to programs and workers in all shells."""
        for switcher in self._stack.switchers:
            switcher.recipients.end()

    def sign_out(self, request: SwitchRequest | None) -> tuple[SignedOut, tuple[str, ...]]:
        """End a request's sign-in or all sign-ins, and stop using identities that depend on them.

        Return the ended sign-ins and the names of the profiles that are no longer active.
        """
        self.require_changeable()
        target = login_target(request) if request else None
        signed_out = sign_out(target)
        self.cell.drop()
        self.has_switched = True
        with errors_as_lines():
            note("sign-out", detail=", ".join(signed_out.names))
        ended: list[OpenProfile] = []
        for opened in self._stack.opened():
            if needs_sign_in(opened.session.target, target):
                ended.append(opened)
        if ended:
            self._note_off()
            with self._changing():
                self._stack.drop(ended)
        return signed_out, tuple(dict.fromkeys(opened.request.name for opened in ended))

    def close(self) -> None:
        """Restore the original state and refuse further switches when the extension is unloaded."""
        with Uninterrupted():
            self._closed = True
            self.cell.drop()
            if self._stack.owns_entry(self):
                self._note_off()
                with self._changing():
                    self._stack.end_all(self)
            self._stack.switchers.remove(self)
            self.recipients.end()
            if self._lending:
                self._lending.end()

    def _note_off(self) -> None:
        """Record the end of the switch as an audit event.

        If the event can't be recorded, print a warning and continue.
        """
        with errors_as_lines():
            active = self.active
            if active:
                active.note("off")
            else:
                note("off")

    def begin(self, entry: Entry, opened: OpenProfile) -> None:
        """Begin a block with the profile that `prepare` returned."""
        opened.note("block")
        with self._changing():
            opened.places = self._places(opened)
            entry.owner = self
            self._stack.begin(entry, opened)

    @contextmanager
    def run(self) -> Iterator[None]:
        """Hide the notebook's identity while code for many profiles runs in a ``with`` block."""
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
        """End a block, and warn about variables that keep its identity, and threads that don't."""
        ended = self._label
        if entry.opened:
            self.ended = entry.opened.request
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
        if entry.opened:
            warn_about_threads(entry.opened, entry.threads_before)

    def leftovers(self) -> list[Leftover]:
        """Return the card's lines about objects and settings that don't use the active identity."""
        with self._lock:
            before = self._stack.opened_before
            target = self.active.session.target if self.active else None
            workers = self.recipients.workers
            others = leftovers(self.namespace, self._label, before, workers, target)
            changed = {leftover.name: leftover for leftover in self.changed()}
            return [*changed.values(), *(each for each in others if each.name not in changed)]

    def identities_of_objects(self) -> set[Label | None]:
        """Return the label of each identity that an open object, such as a filesystem, keeps."""
        with self._lock:
            before = self._stack.opened_before
            before.note(self.namespace, self._label)
            return {label for _, label in before.handles(self.namespace)}

    def changed(self) -> list[Leftover]:
        """Return lines about the places that the user has changed since the switch."""
        active = self.active
        if active is None:
            return []
        with self._lock:
            places = self._stack.kernel.changed()
        changed: list[Leftover] = []
        for place in places:
            if place.if_changed and place.is_used:
                undo = place.code_to_set(active.places[place])
                undo = undo or f"%aws_profile {arguments(active.request)}"
                says = f"was changed after the switch{_effect_of(place, active)} "
                says += f"To set it for `{active.request.name}` again, run `{undo}`"
                says += _step_to_use(place.shown_name, active)
                changed.append(Leftover(place.shown_name, says))
        return changed

    def copy_config_again(self) -> bool:
        """Copy the config file for child processes again.

        Return whether the child processes use a copy.
        """
        with self._lock, suppress(OSError):
            if self.active and self._lending:
                return self._lending.copy_again(self.active.session, self.active.label)
        return False

    def _places(self, opened: OpenProfile) -> dict[Place, object]:
        """Return the values of a profile's places, and serve its credentials to child processes."""
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
        """Change the stack in a ``with`` block, then call listeners and the user's functions."""
        with Uninterrupted():
            with self._lock:
                self._note_opened()
                yield
            self.completed += 1
            self._tell()

    def _note_opened(self) -> None:
        """Record the objects that use the active identity, before this identity changes."""
        for switcher in self._stack.switchers:
            self._stack.opened_before.note(switcher.namespace, self._label)

    def _tell(self) -> None:
        for switcher in list(self._stack.switchers):
            switcher.follow()
        self.call_functions(PROCESS.user_functions.values())

    def follow(self) -> None:
        """Tell the listeners about a change. A listener's error doesn't affect the change."""
        active = self.active
        identity = active.current_identity() if active else None
        for listener in list(self._listeners):
            try:
                listener(identity)
            except Exception:  # noqa: BLE001  # a listener can't fail a completed switch
                _log.exception("A function that is called after each switch failed.")

    def call_functions(self, functions: Iterable[UserFunction]) -> None:
        """Call the user's functions with the active session, in the main thread."""
        call_in_main_thread(self._shell, partial(call_functions, functions, lambda: self.session))


def _effect_of(place: Place, active: OpenProfile) -> str:
    """Return which code uses a changed place, as the end of a sentence."""
    problem = ""
    if place.shown_name in PROFILE_VARIABLES:
        problem = problem_of_variable(active.label)
    return f". {problem}" if problem else f": {place.if_changed}."


def _step_to_use(variable: str, active: OpenProfile) -> str:
    """Return a sentence that says how to use a variable's new value for all code, or ""."""
    value = os.environ.get(variable)
    request = active.request
    if variable in PROFILE_VARIABLES:
        return step_to_named_profile()
    if variable in REGION_VARIABLES and value in known_regions():
        line = arguments(replace(request, region=value))
        return f". To use `{value}` for `{request.name}`, run `%aws_profile {line}`"
    has_pair = variable == "AWS_ACCESS_KEY_ID" and "AWS_SECRET_ACCESS_KEY" in os.environ
    is_limited = request.read_only or request.policy  # not all keys can be limited
    if has_pair and not is_limited:
        line = arguments(SwitchRequest(default=True, region=_region_for_default(active)))
        return f". To use the keys in the variables for all code, run `%aws_profile {line}`"
    return ""


def _region_for_default(active: OpenProfile) -> str | None:
    """Return the active Region if the default credentials don't have one, or None."""
    with suppress(AwsProfileError):  # the user is still editing the config files
        if target_of(SessionRequest(default=True), read_config()).region:
            return None
    return active.session.region_name
