"""The records of a sign-in with IAM Identity Center, and the errors of its OIDC service.

https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.endpoints import json_refusal

if TYPE_CHECKING:
    from datetime import datetime

    from ipy_awsprofile.demo.refusals import Refusal

#: A client that registers with this scope also gets refresh tokens.
ACCOUNT_ACCESS = "sso:account:access"
_ERRORS = {
    "AccessDeniedException": ("access_denied", "Access denied", 400),
    "AuthorizationPendingException": (
        "authorization_pending",
        "Authorization is still pending",
        400,
    ),
    "ExpiredTokenException": ("expired_token", "Device code has expired", 400),
    "InvalidClientException": ("invalid_client", "Invalid client provided", 401),
    "InvalidGrantException": ("invalid_grant", "Invalid grant provided", 400),
    "InvalidRequestException": ("invalid_request", "Invalid request", 400),
    "SlowDownException": ("slow_down", "Too many requests", 400),
    "UnsupportedGrantTypeException": ("unsupported_grant_type", "Unsupported grant type", 400),
}


def refused(code: str, description: str | None = None) -> Refusal:
    """Return an error of the OIDC service, with its usual description unless one is given."""
    error, usual, status = _ERRORS[code]
    return json_refusal(code, {"error": error, "error_description": description or usual}, status)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Validity periods in seconds; `interval` is the minimum time between two polls."""

    registration: int = 90 * 24 * 3600
    device_code: int = 600
    access_token: int = 3600
    refresh_token: int = 8 * 3600
    role: int = 3600
    interval: int = 1


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client program."""

    id: str
    secret: str = field(repr=False)
    expires: datetime
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Device:
    """A started sign-in; `user` is the user who allowed it, `polled` the time of the last poll.

    RFC 8628 calls it a device authorization.
    """

    code: str = field(repr=False)
    user_code: str
    client_id: str
    expires: datetime
    user: str | None = None
    denied: bool = False
    polled: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """The grant of an access token or a refresh token."""

    user: str
    client_id: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that a sign-in or a refresh returns."""

    access: str = field(repr=False)
    access_expires: datetime
    refresh: str | None = field(repr=False)
