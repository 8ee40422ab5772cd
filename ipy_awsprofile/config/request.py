"""Requests for a session and for a switch, as the magic, the picker and Python make them.

Nothing is checked or imported here, so that loading the extension stays cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ipy_awsprofile.text import may_name_account

#: Seconds, a timedelta, or a text such as ``3600``, ``15m`` or ``1h30m``.
Duration = float | timedelta | str


def account_text(account: str | int) -> str:
    """Return an account's ID as text: as a number, it has lost its leading zeros."""
    return f"{account:012}" if isinstance(account, int) else account


#: The notebook's variable for the session, unless the request names another.
SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """A profile or a role, and the options that take precedence over the profile's settings.

    ``profile`` is the profile's name, or that of a role of IAM Identity Center, such as
    ``corp:123456789012/Admin`` or ``corp:team-dev/Admin``. Without it, ``role_arn`` names a role
    that has no profile, which ``source_profile`` or the default credentials assume, or ``account``
    (its ID or name) and ``role`` name one of IAM Identity Center, with the [sso-session] ``sso`` if
    there are several.
    ``default`` is for the default credentials themselves: see `default_chain`. ``region`` takes
    precedence over the profile's own. ``session_name`` and ``external_id`` replace
    ``role_session_name`` and ``external_id`` of a role profile.

    ``read_only`` and ``policy`` (a JSON file; for a role, also the ARN of a managed policy) limit
    what the session can do. ``duration`` (seconds, a timedelta, or a text such as ``15m``; 900 to
    43200 seconds for a role, to 129600 for anything else) limits how long it lasts. ``mfa`` gets a
    session with MFA for the long-term keys of a profile with an ``mfa_serial``.

    ``source_identity``, ``tags`` (keys and values) and ``transitive_tags`` (keys) say who is behind
    a role's session. ``default_session_name`` is used where neither an option nor the profile names
    the session; if it is None, the variable AWS_ROLE_SESSION_NAME is.

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

    @property
    def name(self) -> str:
        """The profile's name, the role's ARN, or words for the default credentials."""
        return self.profile or self.role_arn or ("the default credentials" if self.default else "")

    @property
    def needs_name(self) -> bool:
        """Whether it names a role of Identity Center without the account's ID, or in parts."""
        names = self.profile or "", self.source_profile or ""
        return bool(self.account or self.role or self.sso) or any(map(may_name_account, names))


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRequest(SessionRequest):
    """A request for a session, and what the notebook does with the session.

    ``variable`` is the notebook's variable for the session. The switch is refused unless STS names
    the account ``expect_account``. ``only_session`` sets only the variable. ``confirmed`` allows a
    switch to a protected profile, and ``write`` one that isn't read-only to a profile that
    otherwise always is.
    """

    variable: str = SESSION
    expect_account: str | int | None = None
    only_session: bool = False
    confirmed: bool = False
    write: bool = False
