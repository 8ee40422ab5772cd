"""The codes of the authorization code grant with PKCE, each of which works once.

https://www.rfc-editor.org/rfc/rfc7636
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    from ipy_awsprofile.demo.state import State

User = TypeVar("User")

_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Code(Generic[User]):
    """The request and the user for which a code was issued."""

    client_id: str
    redirect_uri: str
    challenge: str
    user: User
    expires: datetime


class IssuedCodes(Generic[User]):
    """The codes that a page has issued, and their users."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._codes: dict[str, _Code[User]] = {}

    def issue(self, asked: Any, user: User) -> str:
        """Return a new code for a program's request that the user has allowed."""
        secret = self._state.new_secret()
        self._codes[secret] = _Code(
            asked["client_id"],
            asked["redirect_uri"],
            asked["code_challenge"],
            user,
            self._state.clock() + _LIFETIME,
        )
        return secret

    def redeem(self, client_id: str | None, body: dict[str, Any]) -> User | None:
        """Return the user who allowed the request, or None if the code isn't valid."""
        code = self._codes.pop(body.get("code", ""), None)
        digest = sha256(str(body.get("codeVerifier", "")).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            code is None
            or self._state.clock() >= code.expires
            or code.client_id != client_id
            or code.redirect_uri != body.get("redirectUri")
            or code.challenge != challenge
        ):
            return None
        return code.user
