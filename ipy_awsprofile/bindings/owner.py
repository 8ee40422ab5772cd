"""The owner of credentials: the identity that was active when they were opened or found.

A profile's name isn't enough to identify an owner. After the files are edited, the same name can be
an identity in another account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.text import Arn

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.sessions.session import ProfileSession


@dataclass(frozen=True, slots=True, repr=False)
class Owner:
    """The target of a session, and the principal that STS reported for it."""

    target: Target
    principal: str | None

    @property
    def name(self) -> str:
        """The profile's name, or the role's ARN."""
        return self.target.name

    def difference(self, session: boto3.Session | None) -> str:
        """Return how this identity differs from the session's; empty if it is the same."""
        own, other = self.target, getattr(session, "target", None)
        if other is None or own.names != other.names:
            return self.name
        principal = getattr(session, "principal", None)
        if self.principal and principal not in (None, self.principal):
            return f"{self.name} {_place(self.principal, principal)}"
        if _limits(own) != _limits(other):
            return f"{self.name} {_limits(own)}"
        if own.parameters != other.parameters:
            return f"{self.name} with other tags or another source identity"
        if bool(own.mfa) != bool(other.mfa):
            return f"{self.name} {'with' if own.mfa else 'without'} MFA"
        name, others = (one.chain[0].text("role_session_name") for one in (own, other))
        if name != others:  # CloudTrail uses it to show who acted
            return f"{self.name} {f'with the session name {name}' if name else _UNNAMED}"
        return ""


_UNNAMED = "without a session name"


def _limits(target: Target) -> str:
    """Return how a session policy limits a session."""
    if target.request.read_only:
        return "read-only"
    policy = target.request.policy
    return f"with the session policy {policy}" if policy else "with its full permissions"


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

    def difference(self, session: boto3.Session | None) -> str:
        """Return the name; empty if no profile is active, or if this profile is active."""
        if session is None:
            return ""
        target = getattr(session, "target", None)
        is_it = target and target.resolves_by_name and target.name == self.name
        return "" if is_it else self.name


@dataclass(frozen=True, slots=True, repr=False)
class SentOwner:
    """The profile of a session that was sent to a worker, whose keys aren't renewed."""

    name: str
    key: str | None

    def difference(self, session: boto3.Session | None) -> str:
        """Return the name; empty if the session has the same access key."""
        is_it = session and key_of(session.get_credentials()) == self.key
        return "" if is_it else self.name


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


def owner_of(session: ProfileSession) -> Owner:
    """Return the owner of everything created while this session is active."""
    return Owner(session.target, session.principal)


def owner_of_row(session: boto3.Session) -> Owner | SentOwner:
    """Return the owner of a row's credentials, in the kernel or in a worker."""
    target: Target | None = getattr(session, "target", None)
    if target is None:
        return SentOwner(session.profile_name, key_of(session.get_credentials()))
    return Owner(target, getattr(session, "principal", None))


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
