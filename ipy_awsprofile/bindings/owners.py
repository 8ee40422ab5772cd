"""Whose something is that was made while a session was active: by who signs, not by the name.

The files can be edited, and the same name can then be an identity in another account.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

from ipy_awsprofile.config.arn import Arn

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.sessions.session import ProfileSession

_IN_FULL = "with the role's full permissions"


@dataclass(frozen=True, slots=True, repr=False)
class Owner:
    """What a session was opened for, and the principal that STS has named for it.

    ``lent_as`` is the profile's name by which others find the session; see `lending`.
    """

    target: Target
    principal: str | None
    lent_as: str | None

    @property
    def name(self) -> str:
        """The profile's name, or the role's ARN."""
        return self.target.name

    def difference(self, session: ProfileSession) -> str:
        """Return in what this identity differs from the session's; empty if it is the same."""
        own, other = self.target, session.target
        if own.chain != other.chain:
            return self.name
        if self.principal and session.principal not in (None, self.principal):
            return f"{self.name} {_place(self.principal, session.principal)}"
        if own.policy_arns != other.policy_arns:
            return f"{self.name} {_limits(own.policy_arns)}"
        if own.parameters != other.parameters:
            return f"{self.name} with another policy, other tags or another source identity"
        if bool(own.mfa) != bool(other.mfa):
            return f"{self.name} {'with' if own.mfa else 'without'} MFA"
        if own.session_name != other.session_name:  # CloudTrail shows who acted by it
            return f"{self.name} {_named(own.session_name)}"
        return ""


def _limits(policy_arns: tuple[str, ...]) -> str:
    """Return what session policies make of a session."""
    if not policy_arns:
        return _IN_FULL
    read_only = all(arn.endswith(":aws:policy/ReadOnlyAccess") for arn in policy_arns)
    return "read-only" if read_only else "with a session policy"


def _named(session_name: str | None) -> str:
    return f"with the session name {session_name}" if session_name else "without a session name"


def _place(principal: str, other: str | None) -> str:
    """Return in what a principal differs from another one: the account, or else the whole."""
    arn, others = Arn.parse(principal), Arn.parse(other or "")
    if arn and others and arn.account != others.account:
        return f"in account {arn.account}"
    return f"as {principal}"


class Owners:
    """Whose the credentials are that were ever switched to; unused ones drop out.

    The weak references have no callbacks, as those of a weak dictionary do: Python ignores Ctrl-C
    in a callback.
    """

    def __init__(self) -> None:
        self._noted: list[tuple[ref[Any], Owner]] = []
        self._lock = threading.Lock()

    def note(self, session: ProfileSession) -> None:
        """Note whose the session's credentials are."""
        self.note_found(session.get_credentials(), session)

    def note_found(self, credentials: Any, session: ProfileSession) -> None:
        """Note credentials that another session has found, for example in the environment."""
        with self._lock:
            used = [one for one in self._noted if one[0]() is not None]
            self._noted = [*used, (ref(credentials), owner_of(session))]

    def of(self, credentials: Any) -> Owner | None:
        """Return whose credentials these are; None if they aren't those of a switch."""
        owners = (owner for noted, owner in self._noted if noted() is credentials)
        return next(owners, None)

    def known(self) -> dict[Any, Owner]:
        """Return the credentials that are still used, and whose they are."""
        noted = [(credentials(), owner) for credentials, owner in self._noted]
        return {credentials: owner for credentials, owner in noted if credentials is not None}


def owner_of(session: ProfileSession) -> Owner:
    """Return whose something is that is made while this session is active."""
    return Owner(session.target, session.principal, lent_name(session))


def lent_name(session: ProfileSession) -> str | None:
    """Return the profile's name by which others find the session; see `lending`."""
    target = session.target
    return target.name if target.resolves_by_name else os.environ.get("AWS_PROFILE")
