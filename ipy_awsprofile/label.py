"""Describe the identity of credentials with a label, which the credentials keep after a switch."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

    from ipy_awsprofile.config.request import Origin

#: The description of a session without permissions to write.
READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True)
class Label:
    """The identity that credentials belonged to when they were loaded.

    ``limits`` describes the session's limits, such as ``read-only``. ``options`` contains the
    session's other options, such as tags. ``principal`` is the ARN that STS reported. ``server`` is
    the endpoint that reported the ARN, or an empty string for AWS. Two servers can report the same
    ARN. A role's label doesn't contain an S3 endpoint, because the endpoint doesn't change the
    role's credentials.

    ``is_chosen`` is true if the user's code names the profile. ``run`` is the number of the run
    over many profiles in which the code named the profile, or 0 (see `current_run`). ``is_default``
    is true if no profile was active when the credentials were loaded. ``environment`` identifies
    credentials in environment variables that the user set while a profile was active (see
    `identity_in_environment`). Credentials from environment variables count as the user's choice
    until the variables change again. ``credentials`` is the credentials object of an active
    session, and ``region`` is the session's Region. ``origin`` contains the request that opened the
    session, as the user wrote the request. ``active_before`` is the identity that was active when
    `storage_options` returned the profile's name, or None if the user wrote the name.
    """

    profile: str
    limits: str = ""
    options: str = ""
    principal: str | None = None
    server: str = ""
    is_chosen: bool = field(default=False, compare=False)
    run: int = field(default=0, compare=False)
    is_default: bool = field(default=False, compare=False)
    environment: int | None = field(default=None, compare=False, repr=False)
    credentials: Credentials | None = field(default=None, compare=False, repr=False)
    region: str | None = field(default=None, compare=False, repr=False)
    origin: Origin | None = field(default=None, compare=False, repr=False)
    active_before: Label | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The profile's name with the session's limits, such as ``RoleBeta, read-only``."""
        return ", ".join(filter(None, (self.profile, self.limits)))

    def text_beside(self, other: Label | None) -> str:
        """Return the label's name, with an explanation if ``other`` has the same name.

        For example, the result is ``RoleBeta with other options`` if both labels are for
        ``RoleBeta``.
        """
        if other is None or other.name != self.name:
            return self.name
        if self.server != other.server:
            return f"{self.name} on {self.server or 'AWS'}"
        if self.principal == other.principal:
            return f"{self.name} with other options"
        return f"{self.name} as {self.principal or 'another user'}"


def is_read_only(label: Label | None) -> bool:
    """Return whether a label describes an identity with read-only permissions."""
    return label is not None and READ_ONLY in label.limits


def label_of(credentials: object) -> Label | None:
    """Return the label of credentials, or None if the credentials don't have a label."""
    return getattr(credentials, "_ipy_awsprofile", None)


class ActiveProfile(str):
    """The name of the active profile in a library's options, with the identity's label.

    The label shows that code still uses the options after a switch. A copy in another process is a
    plain string.
    """

    __slots__ = ("label",)
    label: Label

    def __new__(cls, name: str, label: Label) -> ActiveProfile:
        """Return the name with the label."""
        created = super().__new__(cls, name)
        created.label = label
        return created

    def __repr__(self) -> str:
        """Return the name as code that differs from the code of a plain string with this name.

        fsspec compares the code of arguments. With the same code, it would use the same filesystem.
        """
        return f'"{self}"'

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Pickle the name without the label, which contains credentials."""
        return str, (str(self),)

    def __deepcopy__(self, _memo: object) -> ActiveProfile:
        return self


@dataclass(frozen=True, slots=True)
class Signature:
    """The credentials that signed a request, with their label.

    ``credentials`` is None if the request wasn't signed. ``token_variable`` is the environment
    variable with the token that the request was sent with instead, or an empty string.
    """

    credentials: Credentials | None
    label: Label | None
    token_variable: str = ""


def put_label(credentials: Any, label: Label) -> None:
    """Attach a label to credentials."""
    credentials._ipy_awsprofile = label  # noqa: SLF001  # ours


class IssuedKeys:
    """The temporary keys that sessions have had, so that copies of the keys can be recognized.

    Long-term keys aren't noted, because in code they are the user's own choice.
    """

    #: The number of keys that are remembered. Each renewal of a session adds one.
    maximum = 5000

    def __init__(self) -> None:
        self._owners: OrderedDict[str, list[Label]] = OrderedDict()

    def note(self, keys: ReadOnlyCredentials, label: Label) -> None:
        """Record that an identity has these keys."""
        if not keys.token:
            return
        owners = self._owners.setdefault(str(keys.access_key), [])
        if not any(owner == label and owner.is_chosen == label.is_chosen for owner in owners):
            owners.append(replace(label, credentials=None))
        if len(self._owners) > self.maximum:
            self._owners.popitem(last=False)

    def owners(self, credentials: object) -> list[Label]:
        """Return the identities whose keys the user's code has passed as explicit keys."""
        if getattr(credentials, "method", "explicit") != "explicit":
            return []  # botocore found and renews them
        if not getattr(credentials, "token", None):
            return []  # AWS refuses temporary keys without their token, and the error says so
        return self._owners.get(getattr(credentials, "access_key", ""), [])
