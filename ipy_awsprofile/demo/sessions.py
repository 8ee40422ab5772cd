"""Temporary credentials: their principals, expiration times and session policies.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp.html
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from moto.iam.models import iam_backends

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ipy_awsprofile.demo.principals import Principal

    Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Attributes:
    """The session tags and the source identity of a session.

    `transitive` are the keys of the tags that are passed to roles assumed with the session.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: frozenset[str] = frozenset()
    source_identity: str | None = None

    def context(self) -> dict[str, str]:
        """Return the condition keys of requests that are signed with the session."""
        keys = {f"aws:PrincipalTag/{key}": value for key, value in self.tags.items()}
        if self.source_identity is not None:
            keys["aws:SourceIdentity"] = self.source_identity
        return keys


#: Sessions without attributes, which are most of them, share this object.
_NONE = Attributes()


@dataclass(frozen=True, slots=True)
class Session:
    """One set of temporary credentials.

    `expiration` is a time with a time zone; `mfa_at` is when GetSessionToken checked an MFA code;
    `policies` are session policies (JSON strings), which limit the principal's permissions;
    `scopes` are the policies of GetScopedCredentials, each of which limits the session further;
    `from_session_token` says whether GetSessionToken issued the session.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime
    principal: Principal
    policies: tuple[str, ...] = ()
    mfa_at: datetime | None = None
    from_session_token: bool = False
    attributes: Attributes = _NONE
    scopes: tuple[str, ...] = ()

    def credentials(self) -> dict[str, str | datetime]:
        """Return the Credentials structure of an STS response."""
        return {
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "SessionToken": self.session_token,
            "Expiration": self.expiration,
        }


class SessionStore:
    """All sessions that STS has issued, by access key ID; it can be used from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def issue(
        self,
        principal: Principal,
        duration: int,
        *,
        policies: tuple[str, ...] = (),
        mfa_at: datetime | None = None,
        from_session_token: bool = False,
        attributes: Attributes = _NONE,
    ) -> Session:
        """Return new credentials for a principal, valid for `duration` seconds from now."""
        return self._add(
            duration,
            Session(
                access_key_id="",
                secret_access_key="",
                session_token="",
                expiration=self._clock(),
                principal=principal,
                policies=policies,
                mfa_at=mfa_at,
                from_session_token=from_session_token,
                attributes=_NONE if attributes == _NONE else attributes,
            ),
        )

    def narrow(self, session: Session, scopes: tuple[str, ...], duration: int) -> Session:
        """Return new credentials for a session, with more policies; `duration` is in seconds."""
        return self._add(duration, replace(session, scopes=(*session.scopes, *scopes)))

    def _add(self, duration: int, session: Session) -> Session:
        # moto finds the account of a request by its access key, so it has to know this key.
        key = iam_backends[session.principal.account]["aws"].create_temp_access_key()
        session = replace(
            session,
            access_key_id=key.access_key_id,
            secret_access_key=key.secret_access_key,
            session_token=secrets.token_urlsafe(192),
            expiration=self._clock().replace(microsecond=0) + timedelta(seconds=duration),
        )
        with self._lock:
            self._sessions[session.access_key_id] = session
        return session

    def find(self, access_key_id: str) -> Session | None:
        """Return the session of an access key, even if it has expired, or None."""
        with self._lock:
            return self._sessions.get(access_key_id)

    def is_expired(self, session: Session) -> bool:
        """Return whether the session has expired."""
        return self._clock() >= session.expiration

    def expire(self, access_key_id: str | None = None) -> int:
        """Expire one session or all of them now; return how many were still valid."""
        now = self._clock()
        with self._lock:
            ending = [
                session
                for session in self._sessions.values()
                if session.expiration > now and access_key_id in {None, session.access_key_id}
            ]
            for session in ending:
                self._sessions[session.access_key_id] = replace(session, expiration=now)
        return len(ending)

    def secrets(self) -> set[str]:
        """Return every secret key and session token that was issued."""
        with self._lock:
            sessions = list(self._sessions.values())
        return {secret for s in sessions for secret in (s.secret_access_key, s.session_token)}
