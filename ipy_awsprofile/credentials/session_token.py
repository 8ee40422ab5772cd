"""MFA sessions that STS issues for long-term keys.

The AWS CLI doesn't support these sessions. They are in its cache of assumed roles, so that all of
the user's notebooks share them.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha1
from types import MappingProxyType
from typing import Any

from botocore.credentials import (
    CachedCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)

from ipy_awsprofile.credentials.cli_caches import RoleCache
from ipy_awsprofile.credentials.mfa_prompt import MfaPrompter
from ipy_awsprofile.credentials.secret_redaction import freeze_credentials


def get_session_token(
    sts: Any,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    ask: Callable[[], str] = str,
) -> Any:
    """Return STS's response with short-lived credentials. Raises botocore's errors.

    ``ask`` returns a code from the MFA device whose ``SerialNumber`` is in the parameters. The
    default ``DurationSeconds`` is 12 hours.
    """
    # Don't assign the code or the response to variables, because a traceback could show them.
    return sts.get_session_token(
        **parameters, **({"TokenCode": ask()} if "SerialNumber" in parameters else {})
    )


def cache_key(access_key: str, parameters: Mapping[str, Any]) -> str:
    """Return the cache key of a session. botocore computes keys from arguments the same way."""
    text = json.dumps({"AccessKeyId": access_key, **parameters}, sort_keys=True)
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


class MfaSessionProvider(CredentialProvider):
    """Provides an MFA session for long-term keys from other providers."""

    METHOD = "session-token"

    def __init__(
        self,
        keys: CredentialResolver,
        create_client: Callable[..., Any],
        parameters: Mapping[str, Any],
        ask: MfaPrompter,
        cache: RoleCache,
    ) -> None:
        super().__init__()
        self._keys = keys
        self._more = (create_client, parameters, ask, cache)

    def load(self) -> Any:
        """Return credentials that are retrieved on first use; None without long-term keys."""
        keys = self._keys.load_credentials()
        if keys is None:
            return None
        fetcher = _Fetcher(keys, *self._more)
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)


class _Fetcher(CachedCredentialFetcher):
    """Gets the session from the cache, or from STS with an MFA code."""

    def __init__(
        self,
        keys: Any,
        create_client: Callable[..., Any],
        parameters: Mapping[str, Any],
        ask: MfaPrompter,
        cache: RoleCache,
    ) -> None:
        self._keys = keys
        self._create_client = create_client
        self._parameters = parameters
        self.serial = str(parameters["SerialNumber"])
        self._ask = ask
        super().__init__(cache)

    def fetch_credentials(self) -> Any:
        """Return the session's credentials in botocore's format. Raises botocore's errors."""
        self._cache_key = self._create_cache_key()  # the keys in the file can change
        return super().fetch_credentials()

    def _create_cache_key(self) -> str:
        return cache_key(str(self._keys.get_frozen_credentials().access_key), self._parameters)

    def _get_credentials(self) -> Any:
        frozen = freeze_credentials(self._keys)
        sts = self._create_client(
            "sts", aws_access_key_id=frozen.access_key, aws_secret_access_key=frozen.secret_key
        )
        # This is botocore's wording, which `device_of` parses.
        question = f"Enter MFA code for {self.serial}: "
        return get_session_token(sts, self._parameters, ask=lambda: self._ask(question))
