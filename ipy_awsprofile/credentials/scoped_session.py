"""Narrower sessions from STS: the same identity with fewer permissions or less time.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.credentials.secret_redaction import RedactedCredentials, freeze_credentials
from ipy_awsprofile.credentials.session_token import get_session_token
from ipy_awsprofile.errors import AwsProfileError

#: The shortest session that STS issues for long-term keys, in seconds.
_SHORTEST_TOKEN = 900

#: The purpose of a narrower session that CloudTrail shows.
_PURPOSE = "ipy-awsprofile"

#: Tolerance for comparing expiry times, because STS rounds to seconds.
_SAME = timedelta(seconds=2)


class ScopedSessionProvider(CredentialProvider):
    """Provides a narrower session for credentials from other providers."""

    METHOD = "scoped-session"

    def __init__(
        self,
        base: CredentialResolver,
        create_client: Callable[..., Any],
        scope: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._base = base
        self._create_client = create_client
        self._scope = scope

    def load(self) -> Any:
        """Return credentials that are retrieved on first use; None without base credentials."""
        base = self._base.load_credentials()
        if base is None:
            return None
        fetcher = ScopedSessionFetcher(base, self._create_client, self._scope)
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)


@dataclass(frozen=True, slots=True, repr=False)
class _Issued(StaysInProcess):
    """Credentials that STS issued, with their expiry (UTC) and the digest of the base's key ID."""

    base: str
    keys: RedactedCredentials
    until: datetime

    def in_botocores_form(self) -> dict[str, Any]:
        """Return the credentials in the format of botocore's fetchers."""
        return {
            "access_key": self.keys.access_key,
            "secret_key": self.keys.secret_key,
            "token": self.keys.token,
            "expiry_time": self.until.isoformat(),
        }


class ScopedSessionFetcher(StaysInProcess):
    """Gets a narrower session from STS each time that its base is renewed.

    ``scope`` has the parameters of GetScopedCredentials.

    Long-term keys need a session token first. For a ``duration`` without a policy, that is enough.
    """

    def __init__(
        self, base: Any, create_client: Callable[..., Any], scope: Mapping[str, Any]
    ) -> None:
        self._source_credentials = base  # botocore's name, which renewals use
        self._create_client = create_client
        self._scope = scope
        #: The duration of the session in seconds, if the user limited it.
        self.duration: int | None = scope.get("DurationSeconds")
        self._issued: _Issued | None = None

    def fetch_credentials(self) -> dict[str, Any]:
        """Return the session's credentials in botocore's format. Raises botocore's errors."""
        base = freeze_credentials(self._source_credentials)
        ends = getattr(self._source_credentials, "_expiry_time", None)  # not public
        issued = self._issued
        # STS can't extend the session until the base is renewed, possibly just before it expires.
        digest = sha256(str(base.access_key).encode()).hexdigest()
        is_same = issued and issued.base == digest
        if not (issued and is_same and ends and ends - issued.until < _SAME):
            issued = self._issued = _Issued(digest, *self._narrowed(base, ends))
        return issued.in_botocores_form()

    def fetch_once(self) -> dict[str, Any]:
        """Return the session's credentials, which are never renewed.

        Raises AwsProfileError after they expire, and the exceptions of `fetch_credentials`.
        """
        if self._issued is None:
            return self.fetch_credentials()
        if self._issued.until <= datetime.now(UTC):
            raise AwsProfileError(
                f"The session was limited to {self.duration} seconds, and has ended.",
                "Open another one.",
            )
        return self._issued.in_botocores_form()

    def _narrowed(
        self, base: RedactedCredentials, ends: datetime | None
    ) -> tuple[RedactedCredentials, datetime]:
        seconds = self.duration
        if not base.token:
            lasts = None if seconds is None else max(seconds, _SHORTEST_TOKEN)
            # Don't assign the responses to variables, because a traceback could show them.
            given = {} if lasts is None else {"DurationSeconds": lasts}
            base, ends = _issued(get_session_token(self._sts(base), given))
            if "Policy" not in self._scope and lasts == seconds:
                return base, ends
            if lasts == seconds:
                seconds = None  # the session token already has this duration
        elif seconds is not None and self._issued and ends:
            # At renewal, the base can have less time left.
            seconds = max(1, min(seconds, int((ends - datetime.now(UTC)).total_seconds())))
        parameters = {name: self._scope[name] for name in self._scope if name != "DurationSeconds"}
        if seconds is not None:
            parameters["DurationSeconds"] = seconds
        sts = self._sts(base)
        return _issued(sts.get_scoped_credentials(ScopedSessionDescription=_PURPOSE, **parameters))

    def _sts(self, keys: RedactedCredentials) -> Any:
        return self._create_client(
            "sts",
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.token,
        )


def _issued(response: Any) -> tuple[RedactedCredentials, datetime]:
    """Return the credentials in a response, and their expiry (UTC)."""
    keys = response["Credentials"]
    issued = RedactedCredentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return issued, keys["Expiration"].astimezone(UTC)
