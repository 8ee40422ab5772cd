"""Sessions that STS issues for long-term keys, with the code of an MFA device.

The AWS CLI has no such sessions. They are in its cache of assumed roles, so that all notebooks of
the user share them.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha1
from typing import Any

from botocore.credentials import (
    CachedCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)

from ipy_awsprofile.config.mfa import MfaSession
from ipy_awsprofile.credentials.cli_caches import RoleCache
from ipy_awsprofile.credentials.mfa_prompt import MfaPrompter


def get_session_token(
    sts: Any,
    *,
    serial: str | None = None,
    ask: Callable[[], str] = str,
    duration: int | None = None,
) -> Any:
    """Return STS's response with short-lived credentials. Raises botocore's errors.

    ``serial`` is the number of an MFA device, of which ``ask`` returns a code. ``duration`` is in
    seconds; by default it is twelve hours.
    """
    lasts = {"DurationSeconds": duration} if duration is not None else {}
    # Neither the code nor the response is in a variable, which a traceback could show.
    return sts.get_session_token(
        **lasts, **({"SerialNumber": serial, "TokenCode": ask()} if serial else {})
    )


def cache_key(access_key: str, session: MfaSession) -> str:
    """Return the key of a session in the cache, which botocore makes of arguments in this way."""
    arguments: dict[str, Any] = {"AccessKeyId": access_key, "SerialNumber": session.serial}
    if session.duration is not None:
        arguments["DurationSeconds"] = session.duration
    text = json.dumps(arguments, sort_keys=True)
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


class MfaSessionProvider(CredentialProvider):
    """Provides a session with MFA for the long-term keys that other providers find."""

    METHOD = "session-token"

    def __init__(
        self,
        keys: CredentialResolver,
        create_client: Callable[..., Any],
        session: MfaSession,
        ask: MfaPrompter,
        cache: RoleCache,
    ) -> None:
        super().__init__()
        self._keys = keys
        self._more = (create_client, session, ask, cache)

    def load(self) -> Any:
        """Return credentials that are got when they are needed; None without long-term keys."""
        keys = self._keys.load_credentials()
        if keys is None:
            return None
        fetcher = _Fetcher(keys, *self._more)
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)


class _Fetcher(CachedCredentialFetcher):
    """Gets the session from the cache, or else from STS with a code."""

    def __init__(
        self,
        keys: Any,
        create_client: Callable[..., Any],
        session: MfaSession,
        ask: MfaPrompter,
        cache: RoleCache,
    ) -> None:
        self._keys = keys
        self._create_client = create_client
        self._session = session
        self.serial = session.serial
        self._ask = ask
        super().__init__(cache)

    def fetch_credentials(self) -> Any:
        """Return the session's credentials in botocore's form. Raises botocore's errors."""
        self._cache_key = self._create_cache_key()  # the keys in the file can be others now
        return super().fetch_credentials()

    def _create_cache_key(self) -> str:
        return cache_key(str(self._keys.get_frozen_credentials().access_key), self._session)

    def _get_credentials(self) -> Any:
        frozen = self._keys.get_frozen_credentials()
        sts = self._create_client(
            "sts", aws_access_key_id=frozen.access_key, aws_secret_access_key=frozen.secret_key
        )
        serial, duration = self.serial, self._session.duration
        # These are botocore's words, from which the device is read.
        question = f"Enter MFA code for {serial}: "
        return get_session_token(
            sts, serial=serial, ask=lambda: self._ask(question), duration=duration
        )
