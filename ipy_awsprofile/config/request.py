"""Requests for a session and for a switch, as created by the magic, the picker and Python code.

This module imports nothing from botocore, so that the extension loads fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

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
    ``corp:123456789012/Admin`` or ``corp:team-dev/Admin``. Without ``profile``, ``role_arn`` is a
    role to assume with ``source_profile`` or with the default credentials. Alternatively,
    ``account`` (ID or name) and ``role`` name a role of IAM Identity Center, and ``sso`` names its
    [sso-session] if there are several.
    ``default`` requests the default credentials: see `default_chain`. ``region`` takes precedence
    over the profile's Region. ``session_name`` and ``external_id`` replace ``role_session_name``
    and ``external_id`` of a role profile.

    ``read_only`` and ``policy`` (a JSON file or, for a role, the ARN of a managed policy) limit
    what the session can do. ``duration`` limits how long it lasts: seconds, a timedelta, or a text
    such as ``15m``, from 900 to 43200 seconds for a role, and to 129600 otherwise. ``mfa`` gets an
    MFA session for the access keys of a profile with an ``mfa_serial``.

    ``source_identity``, ``tags`` (keys and values) and ``transitive_tags`` (keys) identify the user
    of a role's session. ``default_session_name`` is used if neither an option nor the profile names
    the session. If it is None, the variable AWS_ROLE_SESSION_NAME is used.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
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
    reports the account ``expect_account``. ``only_session`` sets only the variable. ``confirmed``
    allows a switch to a protected profile, and ``write`` allows a session that isn't read-only for
    a profile that is otherwise always read-only. ``caller`` is the magic or the function that the
    user called, such as ``%%aws_profile``, for hints to call it with other options.
    """

    variable: str = SESSION
    expect_account: str | int | None = None
    only_session: bool = False
    confirmed: bool = False
    write: bool = False
    caller: str = "%aws_profile"
