"""The Switcher takes a request, moves the kernel and returns the identity. It has the only state.

Magic, picker and `using_profile` describe a switch as a `SwitchRequest`. The Switcher first checks
the new session, and then enters the bindings: a switch that fails has changed nothing.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.child_processes import ChildProcesses
from ipy_awsprofile.bindings.gate import watch_signatures
from ipy_awsprofile.bindings.names import BINDINGS
from ipy_awsprofile.bindings.no_identity import require_no_run
from ipy_awsprofile.bindings.open_readers import OpenReaders
from ipy_awsprofile.bindings.owners import Owners, owner_of
from ipy_awsprofile.calls.write_lock import locked_owners
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.interrupts import Uninterrupted
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
    from ipy_awsprofile.bindings.stale_signatures import Policy
    from ipy_awsprofile.bindings.transaction import Transaction
    from ipy_awsprofile.sessions.identity import Identity
    from ipy_awsprofile.sessions.session import ProfileSession


class Switcher:
    """Moves the kernel from identity to identity, and back to how it was before the first."""

    def __init__(self, shell: InteractiveShell | None, owners: Owners | None = None) -> None:
        self._shell = shell  # None in a script, where no notebook has a variable that could follow
        # Widget callbacks can run in another thread while a cell runs. The lock isn't held while
        # AWS or a person is asked, or a listener is called.
        self._lock = threading.RLock()
        self._layers = Layers(self._bind)
        self._listeners = Listeners()
        self._server: CredentialServer | None = None
        self._processes = ChildProcesses()
        self._closed = False
        self._ending = ExitStack()
        #: The owners of the credentials that something signs with.
        self.owners = owners or self._ending.enter_context(locked_owners())
        self.owners.notebook = self
        #: The objects that the notebook has opened in S3.
        self.readers = OpenReaders()
        #: The running cell, and what waits for its end.
        self.cell = RunningCell(shell)
        #: The person to prompt, now and when credentials expire in a later cell.
        self.person = Person()
        #: The profiles that need to be confirmed, or that are read-only.
        self.protection = Protection()
        #: The name of roles' sessions that neither an option nor their profile names.
        self.session_name: str | None = None
        #: What happens when a client from before a switch signs, and how a warning is shown.
        self.stale: Policy = "warn"
        self.warn: Callable[[str], None] = warnings.warn
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
        """The active session and, after ``--only-session``, the rest of the kernel's session."""
        active = self._active()
        return tuple(filter(None, (active.session, active.rest))) if active else ()

    @property
    def request(self) -> SwitchRequest | None:
        """What the active session was asked for with, or None before the first switch."""
        active = self._active()
        return active.request if active else None

    @property
    def followed(self) -> ProfileSession | None:
        """The session that is found without a profile's name, if a switch has set one."""
        active = self._active()
        if active is None or "environment" not in self.bindings:
            return None
        return active.rest if active.request.only_session else active.session

    @property
    def has_notebook(self) -> bool:
        """Whether there is a notebook, whose variable holds the session."""
        return self._shell is not None

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call the listener with each new identity, or with None after `off`.

        It is called after the switch is complete, in the thread of the switch, but not for switches
        that it makes itself. Return a function that ends the subscription. Calling it again does
        nothing.
        """
        return self._listeners.add(listener)

    def identity(self) -> Identity | None:
        """Return who the active session is now, or None before the first switch.

        Raises a child of `AwsProfileError` if its credentials can't be renewed.
        """
        from ipy_awsprofile.sessions.identity import who_am_i

        session = self.session
        return who_am_i(session) if session else None

    def known_identity(self) -> Identity | None:
        """Return who the active session was last, with its present expiry; AWS isn't asked."""
        active = self._active()
        return active.known() if active else None

    def switch(
        self, request: SwitchRequest, *, fresh: bool = False, person: Person | None = None
    ) -> Identity:
        """Check the new identity, then move everything to it.

        ``fresh`` gets new credentials even if good ones are cached. ``person`` is asked during
        this switch instead of the Switcher's own. Raises a child of `AwsProfileError`, or whatever
        interrupts it; then nothing has changed.
        """
        return self.move(self.prepare(request, fresh=fresh, person=person))

    def prepare(
        self, request: SwitchRequest, *, fresh: bool = False, person: Person | None = None
    ) -> Layer:
        """Open the session and get its identity from STS, as `switch` does; nothing is changed."""
        require_notebook("A switch")
        if self._closed:  # a picker outlives the extension
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
        """Move everything to what `prepare` has returned. Raises what `switch` does."""
        require_no_run()
        with Uninterrupted():
            self._become(layer)
            self._tell(layer, layer.identity)
        return layer.identity

    def _become(self, layer: Layer) -> None:
        with self._lock:
            self._note_readers()
            if layer.request.only_session and (active := self._active()):
                layer.rest = active.rest if active.request.only_session else active.session
            self._layers.become((*self._layers.bound[:-1], layer))

    def refresh(self, *, person: Person | None = None) -> Identity | None:
        """Switch to the active profile once more, with new credentials; None if none is active."""
        request = self.request
        return self.switch(request, fresh=True, person=person) if request else None

    def login(self, request: SwitchRequest, *, person: Person | None = None) -> None:
        """Ask the person to sign in for a profile, even if it isn't necessary; nothing is switched.

        Raises a child of `AwsProfileError`, InvalidOption for a profile without a sign-in.
        """
        (person or self.person).sign_in_for(login_target(request))

    def off(self, is_over: Callable[[Layer], bool] | None = None) -> bool:
        """Put everything back to before the first switch. Return whether there was one to undo.

        What waits for the end of the running cell is dropped. With ``is_over``, leave only such
        layers, for good: no scope that ends later restores them.
        """
        require_no_run()
        self.cell.drop()
        with Uninterrupted(), ExitStack() as after, self._lock:
            if not any(map(is_over or bool, self._layers.bound)):
                return False
            after.callback(lambda: self._tell(now := self._active(), now.known() if now else None))
            self._note_readers()
            self._layers.leave(is_over)
        return True

    def close(self) -> None:
        """Put everything back, and never switch again: the extension is going to be unloaded."""
        with Uninterrupted():
            self._closed = True
            self.off()
            self._ending.close()

    def begin(self, layer: Layer) -> None:
        """Begin a `Scope` with what `prepare` has returned."""
        with self._lock:
            self._note_readers()
            self._layers.begin_scope(layer)
        self._tell(layer, layer.identity)

    def end(self, layer: Layer) -> None:
        """End a scope, and call the listeners unless a later scope is still in force."""
        with self._lock:
            self._note_readers()
            if not self._layers.end_scope(layer, nothing=self._closed):
                return
            active = self._active()
        # Its credentials may have expired; nothing uses them yet, so they aren't renewed.
        self._tell(active, active.known() if active else None)

    def leftovers(self) -> list[Leftover]:
        """Return what doesn't follow the active identity; empty before the first switch."""
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
        """Note readers and processes of this identity before a different one becomes active."""
        active = self._active()
        owner = owner_of(active.session) if active else None
        self._processes.note(owner)
        self.readers.note(self.namespace, active.session if active else None)

    def _tell(self, layer: Layer | None, identity: Identity | None) -> None:
        """Call the listeners, until another identity has become active."""
        self._listeners.tell(identity, lambda: self._active() is layer)

    def _bind(self, layer: Layer, transaction: Transaction) -> ExitStack:
        """Enter the bindings of the layer; on an error, none is entered."""
        if self._closed:
            raise _unloaded()
        from ipy_awsprofile.bindings.follow import follow

        if self._server is None:  # loading the extension doesn't import what a server needs
            from ipy_awsprofile.bindings.credential_server import CredentialServer
            from ipy_awsprofile.bindings.stale_signatures import StaleSignatures
            from ipy_awsprofile.sessions.duckdb_secret import SECRETS

            self._server = CredentialServer()
            self._ending.callback(self._server.close)
            self._ending.callback(SECRETS.forget)
            self._ending.callback(watch_signatures(StaleSignatures(self.owners, self)))
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
