"""Clients, device codes, access tokens and refresh tokens of IAM Identity Center.

https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_StartDeviceAuthorization.html
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.endpoints import json_refusal
from ipy_awsprofile.demo.services.sso.records import (
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


class SsoTokens:
    """All registrations, sign-ins and tokens; the state's clock decides when they expire."""

    def __init__(self, state: State) -> None:
        self.lifetimes = Lifetimes()
        self._state = state
        self._lock = threading.Lock()
        self._clients: dict[str, Client] = {}
        self._devices: dict[str, Device] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}

    def register(self, scopes: Iterable[str]) -> Client:
        """Register a client; return it."""
        expires = self._in(self.lifetimes.registration)
        client = Client(
            secrets.token_urlsafe(16), self._state.new_secret(), expires, frozenset(scopes)
        )
        self._clients[client.id] = client
        return client

    def client(self, client_id: str, secret: str) -> Client:
        """Return a client. Raises InvalidClientException if ID or secret is wrong or expired."""
        client = self._clients.get(client_id)
        if client is None or client.secret != secret or self._has_expired(client.expires):
            raise refused("InvalidClientException")
        return client

    def is_registered(self, client_id: str) -> bool:
        """Return whether a client with this ID is registered, and hasn't expired."""
        client = self._clients.get(client_id)
        return client is not None and not self._has_expired(client.expires)

    def begin(self, client: Client) -> Device:
        """Start a sign-in; return its device code and its user code."""
        letters = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(8))
        user_code = f"{letters[:4]}-{letters[4:]}"
        expires = self._in(self.lifetimes.device_code)
        device = Device(self._state.new_secret(), user_code, client.id, expires)
        with self._lock:
            self._devices[device.code] = device
        return device

    def decide(self, user_code: str, **decision: Any) -> None:
        """Set `user` or `denied` of the sign-in with this code. Raises KeyError if invalid."""
        with self._lock:
            found = (d for d in self._devices.values() if d.user_code == user_code)
            device = next(found, None)
            if device is None or self._has_expired(device.expires):
                raise KeyError(user_code)
            self._devices[device.code] = replace(device, **decision)

    def redeem(self, client: Client, device_code: str) -> Tokens:
        """Return the tokens of an allowed sign-in. Raises the OIDC service's error otherwise."""
        with self._lock:
            device = self._devices.get(device_code)
            if device is None or device.client_id != client.id:
                raise refused("InvalidGrantException", "Invalid device code provided")
            if self._has_expired(device.expires):
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
        """Return new tokens for a refresh token, and consume it."""
        with self._lock:
            grant = self._refresh.get(token)
            if grant is None or grant.client_id != client.id or self._has_expired(grant.expires):
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
        """Return new tokens for a user and a client.

        `expires_in` is how long the access token is valid, in seconds; `until` is when the refresh
        token expires. The defaults are in `lifetimes`.
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
        """Return the user of an access token. Raises the portal's UnauthorizedException."""
        grant = self._access.get(access_token)
        if grant is None or self._has_expired(grant.expires):
            message = "Session token not found or invalid"
            raise json_refusal("UnauthorizedException", {"message": message}, 401)
        return grant.user

    def end(self, access_token: str) -> None:
        """Delete all access and refresh tokens of an access token's client and user."""
        with self._lock:
            ended = self._access[access_token]
            for grants in (self._access, self._refresh):
                for token, grant in list(grants.items()):
                    if (grant.user, grant.client_id) == (ended.user, ended.client_id):
                        del grants[token]

    def expire(self, *, refresh: bool) -> int:
        """Expire all access tokens and, with `refresh`, refresh tokens; return how many ended."""
        with self._lock:
            ending = [self._access, self._refresh] if refresh else [self._access]
            valid = sum(
                not self._has_expired(g.expires) for grants in ending for g in grants.values()
            )
            for grants in ending:
                grants.clear()
        return valid

    def _in(self, seconds: int) -> datetime:
        return self._state.clock() + timedelta(seconds=seconds)

    def _has_expired(self, expires: datetime) -> bool:
        return self._state.clock() >= expires
