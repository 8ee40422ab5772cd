"""Record the owners of credentials, as long as the credentials exist."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from ipy_awsprofile.bindings.gate import watch_signatures
from ipy_awsprofile.bindings.known_identity import (
    KnownIdentity,
    identity_of_key,
    identity_of_profile,
)
from ipy_awsprofile.bindings.owner import (
    DefaultOwner,
    Owner,
    is_users_choice,
    key_of,
    known_keys,
    owner_of,
)
from ipy_awsprofile.bindings.row_owners import RowOwner, row_owner, row_owners
from ipy_awsprofile.bindings.weak_notes import WeakNotes

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SessionRequest
    from ipy_awsprofile.credentials.sts import CallerIdentity
    from ipy_awsprofile.sessions.session import ProfileSession


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

    owners: WeakNotes[Owner | DefaultOwner] = WeakNotes()
    #: For credentials of a profile that the user chose: its name, and the identities that STS has
    #: reported so far.
    chosen: WeakNotes[tuple[str, Mapping[str, CallerIdentity]]] = WeakNotes()
    #: For credentials of read-only sessions: the request that the session was opened for, if known.
    read_only: WeakNotes[SessionRequest | None] = WeakNotes()


class Owners:
    """The owners of credentials that a switch has opened, or that a session found by default.

    Credentials that the user chose by profile name or by keys don't have an owner. The owners of
    rows are the same for all Switchers of the process.
    """

    def __init__(self) -> None:
        #: The Switcher, once it exists.
        self.notebook: Notebook | None = None

    def note(self, session: ProfileSession) -> None:
        """Record the owner of the session's credentials."""
        _Process.owners.add(session.get_credentials(), owner_of(session))

    def note_found(self, session: Any, credentials: Any) -> None:
        """Record the owner of a botocore session's credentials, unless the user chose them."""
        if getattr(session, "is_read_only", False):
            _Process.read_only.add(credentials, getattr(session, "request", None))
        profile = session.instance_variables().get("profile")
        if is_users_choice(profile):
            _Process.chosen.add(credentials, (str(profile), getattr(session, "callers", {})))
            return
        owner = profile.owner if profile else self._default_owner(session, credentials.method)
        if owner:
            _Process.owners.add(credentials, owner)

    def _default_owner(self, session: Any, method: str) -> Owner | DefaultOwner | None:
        """Return the owner of credentials that a session without a profile name has found."""
        if followed := self.notebook and self.notebook.followed:
            # A switch removes keys from the environment, so the user has set these keys since.
            return None if method == "env" else owner_of(followed)
        profile = session.get_config_variable("profile") or "default"
        return DefaultOwner(profile, method, bool(self.notebook and self.notebook.sessions))

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
        if chosen := _Process.chosen.get(credentials):
            profile, callers = chosen
            caller = callers.get(key_of(credentials) or "")
            return KnownIdentity(profile, caller.arn) if caller else identity_of_profile(profile)
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
        if credentials in _Process.read_only:
            return True
        owner = self.of(credentials)
        return isinstance(owner, Owner) and owner.target.request.read_only

    def request_of(self, credentials: Any) -> SessionRequest | None:
        """Return the request that the session of these credentials was opened for, if known.

        It is known for the sessions of a switch, and for read-only sessions.
        """
        if isinstance(owner := self.of(credentials), Owner):
            return owner.target.request
        return _Process.read_only.get(credentials)

    def of(self, credentials: Any) -> Owner | DefaultOwner | RowOwner | None:
        """Return the owner of credentials, or None if the user chose them.

        After ``--only-session``, the default credentials count as the user's choice until the
        kernel follows a profile.
        """
        owner = _Process.owners.get(credentials)
        if isinstance(owner, DefaultOwner) and owner.is_beside:
            return owner if self.notebook and self.notebook.followed else None
        return owner or row_owner(credentials)

    def with_key(self, key: str) -> Owner | DefaultOwner | RowOwner | None:
        """Return the owner of the credentials that currently have this access key ID."""
        noted = chain(_Process.owners.items(), row_owners())
        return next((owner for one, owner in noted if key_of(one) == key), None)


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
