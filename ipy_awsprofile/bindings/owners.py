"""The owners of credentials: the identities that were active when they were opened or found.

A profile's name isn't enough to identify an owner. After the files are edited, the same name can be
an identity in another account.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import ref

from ipy_awsprofile.bindings.gate import watch_signatures
from ipy_awsprofile.bindings.known_identity import (
    KnownIdentity,
    identity_of_key,
    identity_of_profile,
)
from ipy_awsprofile.config.arn import Arn

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SessionRequest
    from ipy_awsprofile.config.session_policy import SessionPolicy
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.credentials.caller import CallerIdentity
    from ipy_awsprofile.sessions.session import ProfileSession

#: An entry for credentials, which begins with a weak reference to them.
_Noted = TypeVar("_Noted", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True, repr=False)
class Owner:
    """The target of a session, and the principal that STS reported for it."""

    target: Target
    principal: str | None

    @property
    def name(self) -> str:
        """The profile's name, or the role's ARN."""
        return self.target.name

    def difference(self, session: ProfileSession | None) -> str:
        """Return how this identity differs from the session's; empty if it is the same."""
        if session is None:
            return self.name
        own, other = self.target, session.target
        if own.chain != other.chain:
            return self.name
        if self.principal and session.principal not in (None, self.principal):
            return f"{self.name} {_place(self.principal, session.principal)}"
        if own.policy != other.policy:
            return f"{self.name} {_limits(own.policy)}"
        if own.parameters != other.parameters:
            return f"{self.name} with other tags or another source identity"
        if bool(own.mfa) != bool(other.mfa):
            return f"{self.name} {'with' if own.mfa else 'without'} MFA"
        if own.session_name != other.session_name:  # CloudTrail uses it to show who acted
            return f"{self.name} {_named(own.session_name)}"
        return ""


def _limits(policy: SessionPolicy | None) -> str:
    """Return how a session policy limits a session."""
    if policy is None:
        return "with its full permissions"
    return "read-only" if policy.is_read_only else f"with the session policy {policy.name}"


def _named(session_name: str | None) -> str:
    return f"with the session name {session_name}" if session_name else "without a session name"


def _place(principal: str, other: str | None) -> str:
    """Return how a principal differs from another: its account, or else its whole ARN."""
    arn, others = Arn.parse(principal), Arn.parse(other or "")
    if arn and others and arn.account != others.account:
        return f"in account {arn.account}"
    return f"as {principal}"


@dataclass(frozen=True, slots=True)
class DefaultOwner:
    """boto3's default identity while nothing follows a profile.

    ``profile`` is the default profile, and ``method`` is botocore's name for the source of its
    credentials. ``is_beside`` is true if a profile was active at that time, but only for the
    session's variable or for some of the bindings.
    """

    profile: str
    method: str
    is_beside: bool = False

    @property
    def name(self) -> str:
        """The profile's name, unless the credentials don't come from a profile."""
        outside = self.method in _WITHOUT_PROFILE
        return f"the default identity ({self.method})" if outside else self.profile

    def difference(self, session: ProfileSession | None) -> str:
        """Return the name; empty if no profile is active, or if this profile is active."""
        if session is None:
            return ""
        target = session.target
        return "" if target.resolves_by_name and target.name == self.name else self.name


#: botocore's names for sources outside the shared files.
_WITHOUT_PROFILE = {"env", "container-role", "iam-role", "boto-config"}


class DefaultProfile(str):
    """A profile name that a switch sets as a default, with its owner.

    If the user chooses the same name, it is a plain string.
    """

    __slots__ = ("owner",)
    owner: Owner

    @classmethod
    def of(cls, name: str, owner: Owner) -> DefaultProfile:
        """Return the name with its owner."""
        profile = cls(name)
        profile.owner = owner
        return profile

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # for workers, because their processes have no switch


class Notebook(Protocol):
    """The Switcher, with the active identity."""

    @property
    def sessions(self) -> tuple[ProfileSession, ...]:
        """The sessions that everything follows, the active one first."""

    @property
    def followed(self) -> ProfileSession | None:
        """The default session that a switch has set, for code that names no profile."""


class _Process:
    """Records that belong to the process, because a client can outlive the extension.

    Without them, an older client could write in a read-only notebook after the extension is loaded
    again.
    """

    noted: tuple[tuple[ref[Any], Owner | DefaultOwner], ...] = ()
    #: For credentials of a profile that the user chose: its name, and the identities that STS has
    #: reported so far.
    chosen: tuple[tuple[ref[Any], str, Mapping[str, CallerIdentity]], ...] = ()
    #: Credentials of read-only sessions, and the requests that the sessions were opened for.
    read_only: tuple[tuple[ref[Any], SessionRequest | None], ...] = ()
    lock = threading.Lock()


class Owners:
    """The owners of credentials that a switch has opened, or that a session found by default.

    Credentials that the user chose by profile name or by keys don't have an owner. Entries for
    unused credentials are removed. Unlike in a weak dictionary, the weak references have no
    callbacks, because Python ignores Ctrl-C in a callback.
    """

    def __init__(self) -> None:
        #: The Switcher, once it exists.
        self.notebook: Notebook | None = None

    def note(self, session: ProfileSession) -> None:
        """Record the owner of the session's credentials."""
        self._add(session.get_credentials(), owner_of(session))

    def note_found(self, session: Any, credentials: Any) -> None:
        """Record the owner of a botocore session's credentials, unless the user chose them."""
        if getattr(session, "is_read_only", False):
            entry = ref(credentials), getattr(session, "request", None)
            with _Process.lock:
                _Process.read_only = (*_in_use(_Process.read_only), entry)
        profile = session.instance_variables().get("profile")
        if is_users_choice(profile):
            chosen = ref(credentials), str(profile), getattr(session, "callers", {})
            with _Process.lock:
                _Process.chosen = (*_in_use(_Process.chosen), chosen)
            return
        owner = profile.owner if profile else self._default_owner(session, credentials.method)
        if owner:
            self._add(credentials, owner)

    def _default_owner(self, session: Any, method: str) -> Owner | DefaultOwner | None:
        """Return the owner of credentials that a session without a profile name has found."""
        if followed := self.notebook and self.notebook.followed:
            # A switch removes keys from the environment, so the user has set these keys since.
            return None if method == "env" else owner_of(followed)
        profile = session.get_config_variable("profile") or "default"
        return DefaultOwner(profile, method, bool(self.notebook and self.notebook.sessions))

    def _add(self, credentials: Any, owner: Owner | DefaultOwner) -> None:
        with _Process.lock:
            _Process.noted = (*_in_use(_Process.noted), (ref(credentials), owner))

    def identity_of(self, credentials: Any) -> KnownIdentity:
        """Return the identity of these credentials, as far as it is known without calling AWS."""
        if credentials is None:  # dead references return None, too
            return KnownIdentity()
        for active in self.notebook.sessions if self.notebook else ():
            if active.get_credentials() is credentials:
                return KnownIdentity(active.target.name, active.principal)
        if isinstance(owner := self.of(credentials), Owner):
            return KnownIdentity(owner.name, owner.principal)
        if owner is not None:
            return identity_of_profile(owner.name)
        for noted, profile, callers in _Process.chosen:
            if noted() is credentials:
                caller = callers.get(key_of(credentials) or "")
                return (
                    KnownIdentity(profile, caller.arn) if caller else identity_of_profile(profile)
                )
        return self.identity_with_key(key_of(credentials) or "")

    def identity_with_key(self, key: str) -> KnownIdentity:
        """Return the identity of the credentials with this access key ID, as far as it is known."""
        for active in self.notebook.sessions if self.notebook else ():
            if key in known_keys(active) or key in active.callers:
                return KnownIdentity(active.target.name, active.principal)
        if isinstance(owner := self.with_key(key), Owner):
            return KnownIdentity(owner.name, owner.principal)
        return identity_of_key(key)

    def is_read_only(self, credentials: Any) -> bool:
        """Return whether these credentials belong to a read-only session, or are lent by one."""
        if any(noted() is credentials for noted, _ in _Process.read_only):
            return True
        owner = self.of(credentials)
        return isinstance(owner, Owner) and owner.target.is_read_only

    def request_of(self, credentials: Any) -> SessionRequest | None:
        """Return the request that the session of these credentials was opened for, if known.

        It is known for the sessions of a switch, and for read-only sessions.
        """
        if isinstance(owner := self.of(credentials), Owner):
            return owner.target.request
        requests = (request for noted, request in _Process.read_only if noted() is credentials)
        return next(requests, None)

    def of(self, credentials: Any) -> Owner | DefaultOwner | None:
        """Return the owner of credentials, or None if the user chose them.

        After ``--only-session``, the default credentials count as the user's choice until the
        kernel follows a profile.
        """
        owners = (owner for noted, owner in _Process.noted if noted() is credentials)
        owner = next(owners, None)
        is_beside = isinstance(owner, DefaultOwner) and owner.is_beside
        return owner if not is_beside or (self.notebook and self.notebook.followed) else None

    def with_key(self, key: str) -> Owner | DefaultOwner | None:
        """Return the owner of the credentials that currently have this access key ID."""
        owners = (owner for noted, owner in _Process.noted if key_of(noted()) == key)
        return next(owners, None)


def _in_use(noted: tuple[_Noted, ...]) -> tuple[_Noted, ...]:
    """Return the entries for credentials that still exist."""
    return tuple(one for one in noted if one[0]() is not None)


def is_users_choice(profile: str | None) -> bool:
    """Return whether the user, and not a switch, gave a session its profile name."""
    return bool(profile) and not isinstance(profile, DefaultProfile)


def key_of(credentials: Any) -> str | None:
    """Return the current access key of credentials without renewing them, which could call AWS."""
    values = vars(credentials) if credentials else {}
    return values.get("_access_key") or values.get("access_key")


def known_keys(session: ProfileSession) -> set[str | None]:
    """Return the session's current access keys: its own key, and the key that it lends."""
    return {key_of(session.get_credentials()), session.issued and session.issued[1].access_key}


@contextmanager
def watched_owners() -> Iterator[Owners]:
    """Record the owners of credentials that botocore sessions find, in a ``with`` block."""
    owners = Owners()
    end = watch_signatures(noter=owners.note_found)
    default = getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)
    if default and (credentials := default._session._credentials):  # noqa: SLF001
        owners.note_found(default._session, credentials)  # noqa: SLF001
    try:
        yield owners
    finally:
        end()


def owner_of(session: ProfileSession) -> Owner:
    """Return the owner of everything created while this session is active."""
    return Owner(session.target, session.principal)
