"""Requests for a session and for a switch, as created by the magic, the picker and Python code.

This module imports nothing from botocore, so that the extension loads fast.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from inspect import Parameter, Signature
from typing import Any, Self

from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import may_name_account

#: Seconds, a timedelta, or a text such as ``3600``, ``15m`` or ``1h30m``.
Duration = float | timedelta | str


def account_text(account: str | int) -> str:
    """Return an account ID as text, and restore the leading zeros that a number has lost."""
    return f"{account:012}" if isinstance(account, int) else account


def require_name(value: object) -> None:
    """Raise InvalidOption if a value can't be the name of a profile, for example a session."""
    if not isinstance(value, str):
        raise InvalidOption(
            f"The name of a profile is a string, not a value of type {type(value).__name__}.",
            "`list_profiles()` returns the profiles: pass one of them, or its name.",
        )


#: The notebook's default variable for the session.
SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """A profile or a role, and the options that take precedence over the profile's settings.

    ``profile`` is the name of a profile, or of a role of IAM Identity Center such as
    ``corp:123456789012/Admin``. Without it, ``role_arn`` is a role to assume with
    ``source_profile`` or the default credentials, ``account`` and ``role`` name a role of the
    sign-in ``sso``, or ``default`` requests the default credentials. `open_session` explains the
    options. ``default_session_name`` is used if neither an option nor the profile names the
    session.
    """

    profile: str | None = None
    role_arn: str | None = None
    source_profile: str | None = None
    account: str | int | None = None
    role: str | None = None
    sso: str | None = None
    default: bool = False
    region: str | None = None
    duration: Duration | None = None
    session_name: str | None = None
    external_id: str | None = None
    source_identity: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    transitive_tags: tuple[str, ...] = ()
    policy: str | None = None
    default_session_name: str | None = None
    read_only: bool = False
    mfa: bool = False

    def __post_init__(self) -> None:
        """Raise InvalidOption if Python code passes something else instead of a name."""
        if self.profile is not None:
            require_name(self.profile)

    @classmethod
    def of(
        cls,
        *,
        tags: Mapping[str, str] | None = None,
        transitive_tags: Iterable[str] = (),
        policy: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> Self:
        """Return a request from the arguments of a Python function, which has a dict of tags."""
        return cls(
            tags=tuple((tags or {}).items()),
            transitive_tags=tuple(transitive_tags),
            policy=os.fspath(policy) if policy is not None else None,
            **options,
        )

    @classmethod
    def signature(cls) -> Signature:
        """Return the signature of a function whose keyword arguments are passed to `of`."""
        types = {"tags": "Mapping[str, str] | None", "policy": "str | os.PathLike[str] | None"}
        profile, *others = (
            Parameter(
                one.name,
                Parameter.KEYWORD_ONLY,
                default=one.default,
                annotation=types.get(one.name, one.type),
            )
            for one in fields(cls)
            if one.name != "default_session_name"
        )
        return Signature([profile.replace(kind=Parameter.POSITIONAL_OR_KEYWORD), *others])

    @property
    def name(self) -> str:
        """The profile's name, the role's ARN, or a description of the default credentials."""
        return self.profile or self.role_arn or ("the default credentials" if self.default else "")

    @property
    def needs_name(self) -> bool:
        """Whether a role of Identity Center is named without an account ID, or by its parts."""
        names = self.profile or "", self.source_profile or ""
        return bool(self.account or self.role or self.sso) or any(map(may_name_account, names))


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRequest(SessionRequest):
    """A request for a session, and what to do with the session in the notebook.

    ``variable`` is the notebook's variable for the session. The switch is refused unless STS
    reports the account ``expect_account``. ``confirmed`` allows a protected profile, and ``write``
    a session that isn't read-only for a profile that otherwise is.
    """

    variable: str = SESSION
    expect_account: str | int | None = None
    confirmed: bool = False
    write: bool = False
