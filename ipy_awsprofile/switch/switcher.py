"""The Switcher, which has the only state. It takes a request and switches the kernel.

The magic, the picker and `using_profile` describe a switch as a `SwitchRequest`. The Switcher
checks the new session before it enters the bindings, so a failed switch changes nothing. It returns
the identity.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.child_processes import ChildProcesses
from ipy_awsprofile.bindings.gate import watch_signatures
from ipy_awsprofile.bindings.names import BINDINGS
from ipy_awsprofile.bindings.open_readers import OpenReaders
from ipy_awsprofile.bindings.owner import owner_of
from ipy_awsprofile.bindings.owners import Owners
from ipy_awsprofile.bindings.stale_signatures import Policy, StaleSignatures
from ipy_awsprofile.bindings.uninterrupted import Uninterrupted
from ipy_awsprofile.calls.write_lock import locked_owners
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.run_isolation import require_notebook
from ipy_awsprofile.switch.layers import Layer, Layers
from ipy_awsprofile.switch.listeners import Listener, Listeners
from ipy_awsprofile.switch.opening import login_target, open_allowed
from ipy_awsprofile.switch.protection import Protection
from ipy_awsprofile.switch.running_cell import RunningCell

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.bindings.credential_server import CredentialServer
    from ipy_awsprofile.bindings.leftovers import Leftover
    from ipy_awsprofile.bindings.transaction import Transaction
    from ipy_awsprofile.sessions.session import Identity, ProfileSession


class Switcher:
    """Switches the kernel between identities, and back to its state before the first switch."""

    def __init__(self, shell: InteractiveShell | None, owners: Owners | None = None) -> None:
        self._shell = shell  # None in a script, which has no notebook with a variable
        # Widget callbacks can run in another thread while a cell runs. The lock isn't held during
        # calls to AWS, prompts and calls of listeners.
        self._lock = threading.RLock()
        self._layers = Layers(self._bind)
        self._listeners = Listeners()
        self._server: CredentialServer | None = None
        self._processes = ChildProcesses()
        self._closed = False
        self._ending = ExitStack()
        #: The owners of the credentials that are used to sign.
        self.owners = owners or self._ending.enter_context(locked_owners())
        self.owners.notebook = self
        #: The objects that the notebook has opened in S3.
        self.readers = OpenReaders()
        #: The running cell, and the action that waits for its end.
        self.cell = RunningCell(shell)
        #: Prompts the user, now and when credentials expire in a later cell.
        self.person = Person()
        #: The profiles that require confirmation, or that are read-only.
        self.protection = Protection()
        #: The session name for roles if neither an option nor the profile sets one.
        self.session_name: str | None = None
        #: How to handle signatures of clients from before a switch, and how to show a warning.
        self.stale: Policy = "warn"
        self.warn: Callable[[str], None] = warnings.warn
        self._ending.callback(watch_signatures(StaleSignatures(self.owners, self)))
        #: Which of `BINDINGS` follow a switch.
        self.bindings: tuple[str, ...] = BINDINGS

    @property
    def namespace(self) -> dict[str, Any]:
        """The notebook's variables; empty in a script."""
        return self._shell.user_ns if self._shell else {}

    @property
    def session(self) -> ProfileSession | None:
        """The active session, or None before the first switch."""
        active = self._active()
        return active.session if active else None

    @property
    def sessions(self) -> tuple[ProfileSession, ...]:
        """The active session and, after ``--only-session``, the session of everything else."""
        active = self._active()
        return tuple(filter(None, (active.session, active.rest))) if active else ()

    @property
    def request(self) -> SwitchRequest | None:
        """The request for the active session, or None before the first switch."""
        active = self._active()
        return active.request if active else None

    @property
    def followed(self) -> ProfileSession | None:
        """The default session that a switch has set, for code that names no profile."""
        active = self._active()
        if active is None or "environment" not in self.bindings:
            return None
        return active.rest if active.request.only_session else active.session

    @property
    def has_notebook(self) -> bool:
        """Whether there is a notebook with a variable for the session."""
        return self._shell is not None

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call the listener with each new identity, or with None after `off`.

        It is called after the switch is complete, in the thread of the switch, but not for switches
        that it makes itself. Return a function that ends the subscription. Calling it again does
        nothing.
        """
        return self._listeners.add(listener)

    def identity(self) -> Identity | None:
        """Return the active session's current identity, or None before the first switch.

        Raises a subclass of `AwsProfileError` if its credentials can't be renewed.
        """
        from ipy_awsprofile.sessions.session import who_am_i

        session = self.session
        return who_am_i(session) if session else None

    def known_identity(self) -> Identity | None:
        """Return the active session's last known identity and its expiry, without calling AWS."""
        active = self._active()
        return active.known() if active else None

    def require_changeable(self) -> None:
        """Raise AwsProfileError while another thread or task is in a `Scope`, or during a run."""
        with self._lock:
            self._layers.require_changeable()

    def switch(
        self, request: SwitchRequest, *, fresh: bool = False, person: Person | None = None
    ) -> Identity:
        """Check the new identity, then switch everything to it.

        ``fresh`` gets new credentials even if valid ones are cached. ``person`` replaces the
        Switcher's own prompter during this switch. Raises a subclass of `AwsProfileError`, or an
        interrupting exception such as KeyboardInterrupt; then nothing has changed.
        """
        self.require_changeable()
        return self.move(self.prepare(request, fresh=fresh, person=person))

    def prepare(
        self, request: SwitchRequest, *, fresh: bool = False, person: Person | None = None
    ) -> Layer:
        """Open the session and get its identity, as `switch` does, without changing anything."""
        require_notebook("A switch")
        if self._closed:  # a picker can outlive the extension
            raise _unloaded()
        # The active profile needs no confirmation; its pattern may be newer than the switch.
        is_new = request is not self.request
        person, protection = person or self.person, self.protection
        request = protection.resolve_name(request, person)
        if request.default_session_name != self.session_name:
            request = replace(request, default_session_name=self.session_name)
        request, session, identity = open_allowed(
            request, protection, is_new=is_new, fresh=fresh, person=person
        )
        session.person, session.is_of_switch = self.person, True
        self.owners.note(session)
        return Layer(request, session, identity)

    def move(self, layer: Layer) -> Identity:
        """Switch everything to the layer that `prepare` returned. Raises the errors of `switch`."""
        self._change(partial(self._layers.replace_active, layer))
        return layer.identity

    def refresh(self, *, person: Person | None = None) -> Identity | None:
        """Switch to the active profile again with new credentials, or return None without one."""
        request = self.request
        return self.switch(request, fresh=True, person=person) if request else None

    def login(self, request: SwitchRequest, *, person: Person | None = None) -> None:
        """Prompt the user to sign in for a profile, even if it isn't necessary, without switching.

        Raises a subclass of `AwsProfileError`, such as InvalidOption for a profile without a
        sign-in.
        """
        (person or self.person).sign_in_for(login_target(request))

    def off(self, is_over: Callable[[Layer], bool] | None = None) -> bool:
        """Restore the state before the first switch. Return whether there was a switch to undo.

        The action that waits for the end of the running cell is dropped. With ``is_over``,
        permanently leave only these layers, so that no scope restores them later. Raises the error
        of `require_changeable`.
        """
        self.require_changeable()
        self.cell.drop()
        return self._change(partial(self._layers.leave, is_over))

    def close(self) -> None:
        """Restore everything and refuse further switches, before the extension is unloaded."""
        with Uninterrupted():
            self._closed = True
            self.cell.drop()
            self._change(self._layers.close)
            self._ending.close()

    def begin(self, layer: Layer) -> None:
        """Begin a `Scope` with the layer that `prepare` returned. Raises the errors of `switch`."""
        self._change(partial(self._layers.begin_scope, layer))

    def end(self, layer: Layer) -> None:
        """End a scope, and call the listeners unless a later scope is still active."""
        self._change(partial(self._layers.end_scope, layer))

    def leftovers(self) -> list[Leftover]:
        """Return what doesn't follow the active identity. It is empty before the first switch."""
        from ipy_awsprofile.bindings import leftovers  # loading the extension doesn't need it
        from ipy_awsprofile.bindings.changed_since_switch import changed_since_switch

        with self._lock:
            active = self._active()
            if active is None:
                return []
            names, owners = self.namespace, self.owners
            request, session = active.request, active.session
            left = list(leftovers.identity_of_the_rest(active.rest))
            left += leftovers.stale_variables(names, session, owners, request.variable)
            left += leftovers.readers_from_before(self.readers, names, session)
            left += leftovers.processes_from_before(self._processes, session)
            left += leftovers.stale_secrets(names, session, owners)
            if bound := active.rest or (None if request.only_session else session):
                left += changed_since_switch(bound, self.bindings)
            return left + list(leftovers.libraries_in_use(names))

    def _active(self) -> Layer | None:
        with self._lock:
            return self._layers.bound[-1] if self._layers.bound else None

    def _note_readers(self) -> None:
        """Record readers and processes of this identity before a different one becomes active."""
        active = self._active()
        owner = owner_of(active.session) if active else None
        self._processes.note(owner)
        self.readers.note(self.namespace, active.session if active else None)

    def _change(self, change: Callable[[], None]) -> bool:
        """Change the layers, and call the listeners. Return whether other layers are bound now."""
        with Uninterrupted(), ExitStack() as after, self._lock:
            self._note_readers()
            before = self._layers.bound
            try:
                change()
            finally:
                if has_changed := self._layers.bound != before:
                    after.callback(self._tell)
        return has_changed

    def _tell(self) -> None:
        """Call the listeners, until another identity has become active. This renews nothing."""
        active = self._active()
        known = active.known() if active else None
        self._listeners.tell(known, lambda: self._active() is active)

    def _bind(self, layer: Layer, transaction: Transaction) -> ExitStack:
        """Enter the bindings of the layer; on an error, enter none of them."""
        if self._closed:
            raise _unloaded()
        from ipy_awsprofile.bindings.follow import follow

        if self._server is None:  # loading the extension must not import these
            from ipy_awsprofile.bindings.credential_server import CredentialServer
            from ipy_awsprofile.sessions.duckdb_secret import SECRETS

            self._server = CredentialServer()
            self._ending.callback(self._server.close)
            self._ending.callback(SECRETS.forget)
        request, session = layer.request, layer.session
        chosen = (*self.bindings, "namespace") if request.only_session else self.bindings
        rest = layer.rest if request.only_session else session
        shell, variable, server = self._shell, request.variable, self._server
        return follow(shell, variable, session, chosen, server, rest=rest, transaction=transaction)


def _unloaded() -> AwsProfileError:
    return AwsProfileError(
        "The extension that this belongs to has been unloaded.",
        "Run `%load_ext ipy_awsprofile`, then `%aws_profile --pick` for a new picker.",
    )
