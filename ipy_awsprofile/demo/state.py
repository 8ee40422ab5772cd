"""What the layer on moto knows while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .mfa import MfaDevices
from .sessions import SessionStore

if TYPE_CHECKING:
    from .sessions import Clock


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
    """Clock, sessions, MFA devices and the list of calls; made anew for each embedded AWS."""

    clock: Clock
    sessions: SessionStore = field(init=False)
    mfa: MfaDevices = field(init=False)
    calls: list[Call] = field(default_factory=list)
    latency: float = 0.0

    def __post_init__(self) -> None:
        self.sessions = SessionStore(self.clock)
        self.mfa = MfaDevices(self.clock)
