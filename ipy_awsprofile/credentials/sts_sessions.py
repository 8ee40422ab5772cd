"""Sessions that STS issues for other credentials: with MFA, fewer permissions, or less time.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha1
from typing import Any

from botocore.credentials import CachedCredentialFetcher, DeferredRefreshableCredentials

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.credentials.person import MfaPrompter
from ipy_awsprofile.credentials.redacted import RedactedCredentials, freeze_credentials

#: Creates a client, as botocore's ``Session.create_client`` does.
CreateClient = Callable[..., Any]

#: The shortest session that STS issues for long-term keys, in seconds.
_SHORTEST_TOKEN = 900

#: The purpose of a narrower session that CloudTrail shows.
_PURPOSE = "ipy-awsprofile"


class MfaSessionFetcher(CachedCredentialFetcher):
    """Gets an MFA session for long-term keys from the cache, or from STS with an MFA code.

    The AWS CLI doesn't support these sessions. They are in its cache of assumed roles, so that all
    of the user's notebooks share them. ``parameters`` are those of GetSessionToken.
    """

    def __init__(
        self,
        keys: Any,
        create_client: CreateClient,
        parameters: Mapping[str, Any],
        ask: MfaPrompter,
        cache: Any,
    ) -> None:
        self._keys = keys
        self._create_client = create_client
        self._parameters = parameters
        self._ask = ask
        self.serial = str(parameters["SerialNumber"])
        super().__init__(cache)

    def fetch_credentials(self) -> Any:
        """Return the session's credentials in botocore's format. Raises botocore's errors."""
        self._cache_key = self._create_cache_key()  # the keys in the file can change
        return super().fetch_credentials()

    def _create_cache_key(self) -> str:
        keys = freeze_credentials(self._keys)
        text = json.dumps({"AccessKeyId": keys.access_key, **self._parameters}, sort_keys=True)
        return sha1(text.encode(), usedforsecurity=False).hexdigest()

    def _get_credentials(self) -> Any:
        sts = _sts(self._create_client, freeze_credentials(self._keys))
        code = self._ask(f"Enter MFA code for {self.serial}: ")  # botocore's wording
        return sts.get_session_token(**self._parameters, TokenCode=code)


class ScopedSessionFetcher(StaysInProcess):
    """Gets a narrower session from STS for the ``base`` credentials.

    ``scope`` has the parameters of GetScopedCredentials. Long-term keys need a session token first.
    For a ``duration`` (seconds) without a policy, that is enough.
    """

    def __init__(self, base: Any, create_client: CreateClient, scope: Mapping[str, Any]) -> None:
        self._source_credentials = base  # botocore's name, which renewals use
        self._create_client = create_client
        self._policy = {name: scope[name] for name in scope if name != "DurationSeconds"}
        self.duration: int | None = scope.get("DurationSeconds")

    def fetch_credentials(self) -> dict[str, Any]:
        """Return the session's credentials in botocore's format. Raises botocore's errors."""
        base = freeze_credentials(self._source_credentials)
        issued = self._narrowed(base, self.duration) if base.token else self._from_keys(base)
        return {
            "access_key": issued["AccessKeyId"],
            "secret_key": issued["SecretAccessKey"],
            "token": issued["SessionToken"],
            "expiry_time": issued["Expiration"].isoformat(),
        }

    def _from_keys(self, keys: RedactedCredentials) -> Any:
        seconds = self.duration
        lasts = {} if seconds is None else {"DurationSeconds": max(seconds, _SHORTEST_TOKEN)}
        sts = _sts(self._create_client, keys)
        issued = sts.get_session_token(**lasts)["Credentials"]
        is_short = seconds is not None and seconds < _SHORTEST_TOKEN
        if not (self._policy or is_short):
            return issued
        base = [issued[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        return self._narrowed(RedactedCredentials(*base), seconds if is_short else None)

    def _narrowed(self, base: RedactedCredentials, seconds: int | None) -> Any:
        lasts = {} if seconds is None else {"DurationSeconds": seconds}
        response = _sts(self._create_client, base).get_scoped_credentials(
            ScopedSessionDescription=_PURPOSE, **self._policy, **lasts
        )
        return response["Credentials"]


class ScopedCredentials(DeferredRefreshableCredentials):
    """The credentials of a narrower session, which are renewed at the same time as their base.

    Until its base is renewed, STS can't issue a session that lasts longer. botocore has no public
    API for these times.
    """

    def __init__(self, fetcher: ScopedSessionFetcher, base: Any) -> None:
        super().__init__(fetcher.fetch_credentials, "scoped-session")
        for name in ("_advisory_refresh_timeout", "_mandatory_refresh_timeout"):
            setattr(self, name, getattr(base, name, getattr(self, name)))


def _sts(create_client: CreateClient, keys: RedactedCredentials) -> Any:
    return create_client(
        "sts",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
    )
