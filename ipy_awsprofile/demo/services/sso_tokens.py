"""The sign-in of IAM Identity Center: clients, device codes, access and refresh tokens.

https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_StartDeviceAuthorization.html
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.endpoints import json_refusal
from ipy_awsprofile.demo.services.sso_records import (
    ACCOUNT_ACCESS,
    Client,
    Device,
    Grant,
    Lifetimes,
    Tokens,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ipy_awsprofile.demo.refusals import Refusal
    from ipy_awsprofile.demo.state import State


class SignIns:
    """Every registration, sign-in and token; what is over is so by the clock."""

    def __init__(self, state: State) -> None:
        self.lifetimes = Lifetimes()
        self._state = state
        self._lock = threading.Lock()
        self._clients: dict[str, Client] = {}
        self._devices: dict[str, Device] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}

    def register(self, scopes: Iterable[str]) -> Client:
        """Register a client."""
        expires = self._in(self.lifetimes.registration)
        client = Client(
            secrets.token_urlsafe(16), self._state.new_secret(), expires, frozenset(scopes)
        )
        self._clients[client.id] = client
        return client

    def client(self, client_id: str, secret: str) -> Client:
        """Return the client that proves itself, or raise InvalidClientException."""
        client = self._clients.get(client_id)
        if client is None or client.secret != secret or self._over(client.expires):
            raise refused("InvalidClientException")
        return client

    def begin(self, client: Client) -> Device:
        """Begin a sign-in."""
        letters = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(8))
        user_code = f"{letters[:4]}-{letters[4:]}"
        expires = self._in(self.lifetimes.device_code)
        device = Device(self._state.new_secret(), user_code, client.id, expires)
        with self._lock:
            self._devices[device.code] = device
        return device

    def decide(self, user_code: str, **decision: Any) -> None:
        """Set `user` or `denied` of the sign-in with this code; KeyError if there is none."""
        with self._lock:
            found = (d for d in self._devices.values() if d.user_code == user_code)
            device = next(found, None)
            if device is None or self._over(device.expires):
                raise KeyError(user_code)
            self._devices[device.code] = replace(device, **decision)

    def redeem(self, client: Client, device_code: str) -> Tokens:
        """Give the tokens of a sign-in that was allowed, or say in AWS's way that it wasn't."""
        with self._lock:
            device = self._devices.get(device_code)
            if device is None or device.client_id != client.id:
                raise refused("InvalidGrantException", "Invalid device code provided")
            if self._over(device.expires):
                raise refused("ExpiredTokenException")
            if device.denied:
                raise refused("AccessDeniedException")
            if device.user is None:
                raise self._pending(device)
            del self._devices[device_code]
        return self.grant(client, device.user)

    def _pending(self, device: Device) -> Refusal:
        now = self._state.clock()
        self._devices[device.code] = replace(device, polled=now)
        pause = timedelta(seconds=self.lifetimes.interval)
        too_fast = device.polled is not None and now - device.polled < pause
        return refused("SlowDownException" if too_fast else "AuthorizationPendingException")

    def refresh(self, client: Client, token: str) -> Tokens:
        """Give new tokens for a refresh token, which is used up by that."""
        with self._lock:
            grant = self._refresh.get(token)
            if grant is None or grant.client_id != client.id or self._over(grant.expires):
                raise refused("InvalidGrantException", "Invalid refresh token provided")
            del self._refresh[token]
        return self.grant(client, grant.user, until=grant.expires)

    def grant(
        self,
        client: Client,
        user: str,
        expires_in: int | None = None,
        *,
        until: datetime | None = None,
    ) -> Tokens:
        """Give a user's tokens to a client.

        `expires_in` is in seconds, and of the access token; `until` is when the sign-in as a
        whole is over. Both are as in `lifetimes` unless given.
        """
        if expires_in is None:
            expires_in = self.lifetimes.access_token
        if until is None:
            until = self._in(self.lifetimes.refresh_token)
        access, expires = self._state.new_secret(), self._in(expires_in)
        refresh = self._state.new_secret() if ACCOUNT_ACCESS in client.scopes else None
        with self._lock:
            self._access[access] = Grant(user, client.id, expires)
            if refresh is not None:
                self._refresh[refresh] = Grant(user, client.id, until)
        return Tokens(access, expires, refresh)

    def user(self, access_token: str) -> str:
        """Return whose access token this is, or raise the portal's UnauthorizedException."""
        grant = self._access.get(access_token)
        if grant is None or self._over(grant.expires):
            message = "Session token not found or invalid"
            raise json_refusal("UnauthorizedException", {"message": message}, 401)
        return grant.user

    def expire(self, *, refresh: bool) -> int:
        """End all access tokens, and the refresh tokens if asked; return how many were good."""
        with self._lock:
            ending = [self._access, self._refresh] if refresh else [self._access]
            good = sum(not self._over(g.expires) for grants in ending for g in grants.values())
            for grants in ending:
                grants.clear()
        return good

    def _in(self, seconds: int) -> datetime:
        return self._state.clock() + timedelta(seconds=seconds)

    def _over(self, expires: datetime) -> bool:
        return self._state.clock() >= expires
