"""The Switcher: a request in, the kernel moved, an Identity out. It owns the only state.

Magic and picker say what the user wants as a `SwitchRequest`; the Switcher proves the new session
first and then lets the bindings follow it, so that a switch that fails has changed nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ipy_awsprofile.bindings import BINDINGS, follow
from ipy_awsprofile.errors import (
    AwsProfileError,
    ProtectedProfile,
    SignInRequired,
    UnexpectedAccount,
)
from ipy_awsprofile.truth import (
    Leftover,
    libraries_in_use,
    shadowing_variables,
    stale_variables,
)

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.login import SignInAttempt
    from ipy_awsprofile.mfa import MfaPrompter
    from ipy_awsprofile.sessions import Identity, ProfileSession, SignIn
    from ipy_awsprofile.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRequest:
    """What the user wants: a profile (or a role), and what is to differ from what the files say.

    ``profile`` is the profile's name; without it, ``role_arn`` and ``source_profile`` name a role
    that no profile has. ``variable`` is the notebook's variable for the session; ``duration`` is
    in seconds. ``expect_account`` is refused unless STS names this account. ``only_session``
    leaves everything but the variable alone. ``confirmed`` says that the user means it, should
    the profile be a protected one.
    """

    profile: str | None = None
    role_arn: str | None = None
    source_profile: str | None = None
    region: str | None = None
    variable: str = "session"
    duration: int | None = None
    session_name: str | None = None
    external_id: str | None = None
    read_only: bool = False
    expect_account: str | None = None
    only_session: bool = False
    confirmed: bool = False

    @property
    def name(self) -> str:
        """The profile's name, or the role's ARN."""
        return self.profile or self.role_arn or ""


_log = logging.getLogger(__name__)

Listener = Callable[["Identity | None"], None]


@dataclass(slots=True, eq=False)
class _Layer:
    """One identity and what is bound to it. The first is the notebook's, others are scopes."""

    request: SwitchRequest
    session: ProfileSession
    identity: Identity
    bindings: ExitStack = field(default_factory=ExitStack)


@dataclass(slots=True, eq=False)
class _Scope:
    """A block that has begun and not ended, and what comes back after it."""

    before: tuple[_Layer, ...]


class _Telling(threading.local):
    """The listeners that are being called in this thread."""

    listeners: tuple[Listener, ...] = ()


class Switcher:
    """Moves the kernel from identity to identity, and back to how it was before the first."""

    def __init__(self, shell: InteractiveShell | None) -> None:
        self._shell = shell  # None in a script: there is no notebook whose variable could follow
        # Widget callbacks can run in a thread of their own while a cell runs. Nobody holds the lock
        # while AWS or a person is asked, or a listener told.
        self._lock = threading.RLock()
        self._layers: list[_Layer] = []
        self._scopes: list[_Scope] = []
        #: Whose the credentials are that were ever switched to; those that nobody holds drop out.
        self._owners: WeakKeyDictionary[Any, Target] = WeakKeyDictionary()
        self._listeners: list[Listener] = []
        self._telling = _Telling()
        self._closed = False
        #: Gives MFA codes without a person, and goes before whoever asks one.
        self.mfa_process: MfaPrompter | None = None
        #: Who is turned to when credentials need a person: now, and when they end in a later cell.
        self.mfa_prompter: MfaPrompter | None = None
        self.sign_in: SignIn | None = None
        #: Patterns (``*prod*``, in any case) of profiles that need to be confirmed.
        self.protected: tuple[str, ...] = ()
        #: Which of `BINDINGS` follow a switch.
        self.bindings: tuple[str, ...] = BINDINGS

    @property
    def session(self) -> ProfileSession | None:
        """The active session, or None before the first switch."""
        active = self._active()
        return active.session if active else None

    @property
    def request(self) -> SwitchRequest | None:
        """What the active session was asked for with, or None before the first switch."""
        active = self._active()
        return active.request if active else None

    @property
    def has_notebook(self) -> bool:
        """Say whether there is a notebook, whose variable holds the session."""
        return self._shell is not None

    def is_protected(self, profile: str) -> bool:
        """Say whether a switch to this profile has to be confirmed."""
        folded = profile.casefold()
        return any(fnmatchcase(folded, pattern.casefold()) for pattern in self.protected)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call the listener with each new identity, or with None after `off`.

        It is called after the switch is complete, in the thread that made it; of switches that
        it makes itself, it isn't told. Returns what ends the subscription; to end it twice is
        nothing more.
        """
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def identity(self) -> Identity | None:
        """Say who the active session is now, or None before the first switch.

        Raises a child of `AwsProfileError` if its credentials can't be renewed.
        """
        from ipy_awsprofile.sessions import who_am_i

        session = self.session
        return who_am_i(session) if session else None

    def switch(
        self,
        request: SwitchRequest,
        *,
        fresh: bool = False,
        mfa_prompter: MfaPrompter | None = None,
    ) -> Identity:
        """Prove the new identity, then let everything follow it.

        ``fresh`` asks for new credentials where good ones are cached. Raises a child of
        `AwsProfileError`, or whatever interrupts it; then nothing has changed.
        """
        layer = self._proved(request, fresh, mfa_prompter)
        with self._lock:
            self._replace_top(layer)
        self._tell(layer, layer.identity)
        return layer.identity

    def refresh(self, *, mfa_prompter: MfaPrompter | None = None) -> Identity | None:
        """Switch to the active profile once more, with new credentials; None if none is active."""
        request = self.request
        if request is None:
            return None
        return self.switch(request, fresh=True, mfa_prompter=mfa_prompter)

    def login(self, request: SwitchRequest) -> None:
        """Let a person sign in for a profile, whether that is due or not; nothing is switched.

        Raises a child of `AwsProfileError`, InvalidOption for a profile without a sign-in.
        """
        target = _target(request)
        if self.sign_in is None:
            raise SignInRequired(target.name, target.names[-1])
        self.sign_in(target)

    def begin_sign_in(self, request: SwitchRequest) -> SignInAttempt:
        """Begin what `login` does, for whoever waits in another way. Raises AwsProfileError."""
        from ipy_awsprofile.login import begin_sign_in

        return begin_sign_in(_target(request))

    def off(self) -> bool:
        """Put everything back to before the first switch. Say whether there was one to undo."""
        with ExitStack() as after, self._lock:
            if not self._layers:
                return False
            after.callback(self._tell, None, None)
            self._unwind(0)
        return True

    def close(self) -> None:
        """Put everything back, and never switch again: the extension is going to be unloaded."""
        self._closed = True
        self.off()

    @contextmanager
    def scope(self, request: SwitchRequest) -> Iterator[boto3.Session]:
        """Work as another identity for a while, then go on exactly as before.

        That holds for errors, for scopes in scopes, and if the block itself switches: whatever is
        active in the end, what was before it comes back. Of scopes that overlap, as those of
        threads and tasks can, the one that began last is in force until it ends.
        """
        layer = self._proved(request)
        scope = _Scope(())
        try:
            with self._lock:
                scope.before = tuple(self._layers)
                self._scopes.append(scope)
                self._bind(layer)
            self._tell(layer, layer.identity)
            yield layer.session
        finally:
            self._leave(scope)

    def leftovers(self) -> list[Leftover]:
        """Name what doesn't follow the active identity; empty before the first switch."""
        with self._lock:
            active = self._active()
            if active is None:
                return []
            names = self._shell.user_ns if self._shell else {}
            left = list(stale_variables(names, active.session, self._owners))
            if not active.request.only_session and "environment" in self.bindings:
                left += shadowing_variables()
            return left + list(libraries_in_use(names))

    def _active(self) -> _Layer | None:
        with self._lock:
            return self._layers[-1] if self._layers else None

    def _tell(self, layer: _Layer | None, identity: Identity | None) -> None:
        """Tell each listener, unless it is being told, or somebody else has become active."""
        outer = self._telling.listeners
        for listener in list(self._listeners):
            if listener in outer or self._active() is not layer:
                continue
            self._telling.listeners = (*outer, listener)
            try:
                listener(identity)
            except Exception:  # noqa: BLE001  # the switch is done, whatever they make of it
                _log.exception("A listener of a switch failed.")
            finally:
                self._telling.listeners = outer

    def _proved(
        self,
        request: SwitchRequest,
        fresh: bool = False,
        mfa_prompter: MfaPrompter | None = None,
    ) -> _Layer:
        """Open the session and let STS say who it is, before anything is changed."""
        from ipy_awsprofile.sessions import open_session, who_am_i

        if self._closed:  # a picker outlives the extension
            raise _unloaded()
        # Who is active needs no consent to go on; a pattern may have come after the switch.
        is_new = request is not self.request
        if is_new and self.is_protected(request.name) and not request.confirmed:
            raise ProtectedProfile(request.name)
        session = open_session(
            request.profile,
            region=request.region,
            role_arn=request.role_arn,
            source_profile=request.source_profile,
            duration=request.duration,
            session_name=request.session_name,
            external_id=request.external_id,
            read_only=request.read_only,
            fresh=fresh,
            mfa_prompter=self.mfa_process or mfa_prompter or self.mfa_prompter,
            sign_in=None if mfa_prompter else self.sign_in,
        )
        session.mfa_prompter = self.mfa_process or self.mfa_prompter or session.mfa_prompter
        session.sign_in = self.sign_in
        identity = who_am_i(session)
        if request.expect_account and identity.account != request.expect_account:
            raise UnexpectedAccount(request.name, identity.account, request.expect_account)
        with self._lock:
            self._owners[session.get_credentials()] = session.target
        return _Layer(request, session, identity)

    def _leave(self, scope: _Scope) -> None:
        """End a scope. If a later one is still in force, it is that one which returns further."""
        from ipy_awsprofile.sessions import expiry_of

        with self._lock:
            if scope not in self._scopes:  # it hasn't begun
                return
            later = self._scopes[self._scopes.index(scope) + 1 :]
            self._scopes.remove(scope)
            if later:
                ended = set(later[0].before) - set(scope.before)
                later[0].before = scope.before
                for one in later[1:]:
                    one.before = tuple(layer for layer in one.before if layer not in ended)
                return
            self._return_to(() if self._closed else scope.before)
            layer = self._active()
        if layer is None:
            self._tell(None, None)
        else:  # its credentials may have ended; nobody uses them yet, so nobody is asked
            self._tell(layer, replace(layer.identity, expiry=expiry_of(layer.session)))

    def _replace_top(self, layer: _Layer) -> None:
        """Take the bindings off the active session and put them on this one, or change nothing."""
        before = tuple(self._layers)
        try:
            self._unwind(max(len(before) - 1, 0))
            self._bind(layer)
        except BaseException:
            self._return_to(before)
            raise

    def _unwind(self, depth: int) -> None:
        """Take off all layers but the lowest; an error or Ctrl-C doesn't end that halfway."""
        with ExitStack() as closing:
            for layer in self._layers[depth:]:
                closing.callback(layer.bindings.close)
            del self._layers[depth:]

    def _return_to(self, layers: tuple[_Layer, ...]) -> None:
        """Close what isn't among these layers, and bind those again that were closed meanwhile."""
        kept = 0
        for ours, theirs in zip(self._layers, layers, strict=False):
            if ours is not theirs:
                break
            kept += 1
        self._unwind(kept)
        for layer in layers[kept:]:
            self._bind(layer)

    def _bind(self, layer: _Layer) -> None:
        """Let everything that shall follow the layer's session do so; on an error, nothing does."""
        if self._closed:
            raise _unloaded()
        chosen = ("namespace",) if layer.request.only_session else self.bindings
        layer.bindings = follow(self._shell, layer.request.variable, layer.session, chosen)
        self._layers.append(layer)


def _unloaded() -> AwsProfileError:
    return AwsProfileError(
        "The extension that this belongs to has been unloaded.",
        "Run `%load_ext ipy_awsprofile`, then `%aws_profile --pick` for a new picker.",
    )


def _target(request: SwitchRequest) -> Target:
    from ipy_awsprofile.targets import target_of  # which reads files, as loading doesn't

    role, source = request.role_arn, request.source_profile
    return target_of(request.profile, role_arn=role, source_profile=source)


def running_switcher() -> Switcher:
    """Return the Switcher of the running IPython shell, loading the extension if need be.

    Outside of IPython it is a new one, without a notebook.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return Switcher(None)
    if "AwsProfileMagics" not in shell.magics_manager.registry:
        shell.extension_manager.load_extension("ipy_awsprofile")
    switcher: Switcher = shell.magics_manager.registry["AwsProfileMagics"].switcher
    return switcher
