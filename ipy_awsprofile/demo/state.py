"""The state that all parts of one embedded AWS share while it runs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.mfa import MfaDevices
from ipy_awsprofile.demo.sessions import SessionStore

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.endpoints import Endpoints
    from ipy_awsprofile.demo.oidc import OidcProvider
    from ipy_awsprofile.demo.sessions import Clock


@dataclass(frozen=True, slots=True)
class Call:
    """One request that the server has received.

    `action` is the IAM action that it requires, such as `sts:AssumeRole` or `s3:ListAllMyBuckets`;
    `arn` is the signer's ARN, or None if it is unsigned or its credentials are invalid.
    """

    action: str
    arn: str | None
    access_key_id: str | None


@dataclass(slots=True)
class State:
    """The shared state; each embedded AWS has its own.

    `endpoints` take precedence over moto; `secrets` are all secrets, except for the secrets of
    sessions, users and MFA devices.
    """

    clock: Clock
    sessions: SessionStore = field(init=False)
    mfa: MfaDevices = field(init=False)
    calls: list[Call] = field(default_factory=list)
    latency: float = 0.0
    endpoints: Endpoints = field(default_factory=dict)
    oidc_providers: dict[str, OidcProvider] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    home_folder: Path | None = None

    def __post_init__(self) -> None:
        self.sessions = SessionStore(self.clock)
        self.mfa = MfaDevices(self.clock)

    @property
    def home(self) -> Path:
        """The folder that clients use as their home folder. Raises RuntimeError if stopped."""
        if self.home_folder is None:
            raise RuntimeError("This EmbeddedAws isn't running.")
        return self.home_folder

    def new_secret(self) -> str:
        """Return a new token or client secret."""
        return self.keep_secret(secrets.token_urlsafe(64))

    def keep_secret(self, secret: str) -> str:
        """Record an issued secret; return it."""
        self.secrets.add(secret)
        return secret
