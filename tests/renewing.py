"""A role session that is always about to expire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import ProfileSession

#: Longer than any session.
_ALWAYS = 10**6


def renew_at_each_use(session: ProfileSession) -> ProfileSession:
    """Make botocore assume the session's role again each time its credentials are used."""
    credentials: Any = session.get_credentials()
    credentials._advisory_refresh_timeout = _ALWAYS
    credentials._refresh_using.args[1].__self__._expiry_window_seconds = _ALWAYS
    return session
