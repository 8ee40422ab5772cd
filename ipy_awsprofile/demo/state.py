"""What the layer on moto knows while it runs."""

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
    """One request as the server saw it.

    `action` is the IAM action that it needed, such as `sts:AssumeRole` or `s3:ListAllMyBuckets`;
    `arn` is who signed it, None if the credentials were nobody's.
    """

    action: str
    arn: str | None
    access_key_id: str | None


@dataclass(slots=True)
class State:
    """What all parts share; made anew for each embedded AWS.

    `endpoints` answer before moto does; `secrets` are those beside the sessions' and the users'.
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
        """The folder that stands in for the user's home. RuntimeError unless it is served."""
        if self.home_folder is None:
            raise RuntimeError("this EmbeddedAws is not running")
        return self.home_folder

    def new_secret(self) -> str:
        """Make a token or a client's secret."""
        return self.keep_secret(secrets.token_urlsafe(64))

    def keep_secret(self, secret: str) -> str:
        """Remember a secret that is given out, and return it."""
        self.secrets.add(secret)
        return secret
