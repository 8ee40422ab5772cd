"""The Switcher: a request in, the kernel moved, an Identity out. It owns the only state.

Magic and picker say what the user wants as a `SwitchRequest`; the Switcher proves the new session
first and then lets the bindings follow it, so that a switch that fails has changed nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ipy_awsprofile.bindings.namespace import session_variable, signers
from ipy_awsprofile.errors import ProtectedProfile
from ipy_awsprofile.profiles import profile_with_key

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.resolver import MfaPrompter
    from ipy_awsprofile.sessions import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRequest:
    """What the user wants: the profile's name, and what is to differ from what the files say.

    ``variable`` is the notebook's variable for the session; ``duration`` is in seconds;
    ``confirmed`` says that the user means it, should the profile be a protected one.
    """

    profile: str
    region: str | None = None
    variable: str = "session"
    duration: int | None = None
    session_name: str | None = None
    confirmed: bool = False


Listener = Callable[["Identity | None"], None]


@dataclass(frozen=True, slots=True)
class StaleVariable:
    """A variable of the notebook that signs requests as somebody else than the active identity."""

    name: str
    signs_as: str


@dataclass(frozen=True, slots=True)
class _Active:
    request: SwitchRequest
    session: boto3.Session
    bindings: ExitStack


class Switcher:
    """Moves the kernel from identity to identity, and back to how it was before the first."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        # Widget callbacks can run in a thread of their own while a cell runs.
        self._lock = threading.RLock()
        self._active: _Active | None = None
        #: Whose the credentials are that were ever switched to; those that nobody holds drop out.
        self._owners: WeakKeyDictionary[Any, Identity] = WeakKeyDictionary()
        self._listeners: list[Listener] = []
        #: Patterns (``*prod*``, in any case) of profiles that need to be confirmed.
        self.protected: tuple[str, ...] = ()

    @property
    def session(self) -> boto3.Session | None:
        """The active session, or None before the first switch."""
        return self._active.session if self._active else None

    @property
    def request(self) -> SwitchRequest | None:
        """What the active session was asked for with, or None before the first switch."""
        return self._active.request if self._active else None

    def is_protected(self, profile: str) -> bool:
        """Say whether a switch to this profile has to be confirmed."""
        folded = profile.casefold()
        return any(fnmatchcase(folded, pattern.casefold()) for pattern in self.protected)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call the listener with each new identity, or with None after `off`.

        It is called after the switch is complete, in the thread that made it. Returns what ends
        the subscription; to end it twice is nothing more.
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

        with self._lock:
            return who_am_i(self._active.session) if self._active else None

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
        from ipy_awsprofile.sessions import open_session, who_am_i

        with self._lock:
            if self.is_protected(request.profile) and not request.confirmed:
                raise ProtectedProfile(request.profile)
            session = open_session(
                request.profile,
                region=request.region,
                duration=request.duration,
                session_name=request.session_name,
                fresh=fresh,
                mfa_prompter=mfa_prompter,
            )
            identity = who_am_i(session)
            self._owners[session.get_credentials()] = identity
            self._rebind(request, session)
            self._tell(identity)
            return identity

    def refresh(self, *, mfa_prompter: MfaPrompter | None = None) -> Identity | None:
        """Switch to the active profile once more, with new credentials; None if none is active."""
        with self._lock:
            if self._active is None:
                return None
            return self.switch(self._active.request, fresh=True, mfa_prompter=mfa_prompter)

    def off(self) -> bool:
        """Put everything back to before the first switch. Say whether there was one to undo."""
        with self._lock:
            if self._active is None:
                return False
            self._active.bindings.close()
            self._active = None
            self._tell(None)
            return True

    def stale_variables(self) -> list[StaleVariable]:
        """List the notebook's clients, resources and sessions of other identities, by name."""
        with self._lock:
            if self._active is None:
                return []
            active = self._active.session.get_credentials()
            chain = self._owners[active].chain
            stale = []
            for name, credentials in signers(self._shell.user_ns):
                owner = self._owners.get(credentials)
                if credentials is active or (owner and owner.chain == chain):
                    continue
                signs_as = (owner and owner.profile) or _profile_of(credentials)
                if signs_as != chain[0]:
                    stale.append(StaleVariable(name, signs_as))
            return stale

    def _tell(self, identity: Identity | None) -> None:
        for listener in list(self._listeners):
            listener(identity)

    def _rebind(self, request: SwitchRequest, session: boto3.Session) -> None:
        """Take the bindings off the former session and put them on this one, or leave all as is."""
        former = self._active
        if former:
            former.bindings.close()
        try:
            self._active = self._bound(request, session)
        except BaseException:
            self._active = self._bound(former.request, former.session) if former else None
            raise

    def _bound(self, request: SwitchRequest, session: boto3.Session) -> _Active:
        with ExitStack() as bindings:
            bindings.enter_context(session_variable(self._shell, request.variable, session))
            return _Active(request, session, bindings.pop_all())


def _profile_of(credentials: Any) -> str:
    """Name the profile whose keys these are, or else where botocore got them from."""
    from botocore.credentials import Credentials

    # Of those that refresh, the key isn't asked for: that could call AWS.
    key = credentials.access_key if type(credentials) is Credentials else None
    return (key and profile_with_key(key)) or f"somebody else ({credentials.method})"
