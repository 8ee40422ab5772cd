"""Sessions that STS narrows: the identity stays the same, with less power or less time.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)

from ipy_awsprofile.config.session_policy import Scope
from ipy_awsprofile.config.stays_in_process import StaysInProcess
from ipy_awsprofile.credentials.secret_redaction import RedactedCredentials
from ipy_awsprofile.credentials.session_token import get_session_token
from ipy_awsprofile.errors import AwsProfileError

#: The shortest session that AWS issues for long-term keys, in seconds.
_SHORTEST_TOKEN = 900

#: STS counts whole seconds.
_SAME = timedelta(seconds=2)


class ScopedSessionProvider(CredentialProvider):
    """Provides a narrower session of the credentials that other providers find."""

    METHOD = "scoped-session"

    def __init__(
        self, base: CredentialResolver, create_client: Callable[..., Any], scope: Scope
    ) -> None:
        super().__init__()
        self._base = base
        self._create_client = create_client
        self._scope = scope

    def load(self) -> Any:
        """Return credentials that are got when they are needed; None if there are none."""
        base = self._base.load_credentials()
        if base is None:
            return None
        fetcher = ScopedSessionFetcher(base, self._create_client, self._scope)
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)


@dataclass(frozen=True, slots=True, repr=False)
class _Issued(StaysInProcess):
    """What STS has issued, until when (UTC), and for which base."""

    base: str
    keys: RedactedCredentials
    until: datetime

    def in_botocores_form(self) -> dict[str, Any]:
        """Return the credentials as botocore's fetchers do."""
        return {
            "access_key": self.keys.access_key,
            "secret_key": self.keys.secret_key,
            "token": self.keys.token,
            "expiry_time": self.until.isoformat(),
        }


class ScopedSessionFetcher(StaysInProcess):
    """Gets the narrower session from STS, as often as its base is renewed.

    Long-term keys get a session token first, which is all that a ``duration`` without a policy
    needs.
    """

    def __init__(self, base: Any, create_client: Callable[..., Any], scope: Scope) -> None:
        self._source_credentials = base  # botocore's name for it, which renewals look for
        self._create_client = create_client
        self._scope = scope
        #: Seconds that the session lasts, if the user has limited them.
        self.duration = scope.duration
        self._issued: _Issued | None = None

    def fetch_credentials(self) -> dict[str, Any]:
        """Return the session's credentials in botocore's form. Raises botocore's errors."""
        base = RedactedCredentials(*self._source_credentials.get_frozen_credentials())
        ends = getattr(self._source_credentials, "_expiry_time", None)  # it has no public name
        issued = self._issued
        # Until the base is renewed, as an instance's shortly before its end, STS has nothing new.
        digest = sha256(str(base.access_key).encode()).hexdigest()
        is_same = issued and issued.base == digest
        if not (issued and is_same and ends and ends - issued.until < _SAME):
            issued = self._issued = _Issued(digest, *self._narrowed(base, ends))
        return issued.in_botocores_form()

    def fetch_once(self) -> dict[str, Any]:
        """Return the session's credentials, which end for good.

        Raises AwsProfileError after their end, and what `fetch_credentials` raises.
        """
        if self._issued is None:
            return self.fetch_credentials()
        if self._issued.until <= datetime.now(UTC):
            raise AwsProfileError(
                f"The session was limited to {self.duration} seconds, which are over.",
                "Open another one.",
            )
        return self._issued.in_botocores_form()

    def _narrowed(
        self, base: RedactedCredentials, ends: datetime | None
    ) -> tuple[RedactedCredentials, datetime]:
        seconds = self._scope.duration
        if not base.token:
            lasts = None if seconds is None else max(seconds, _SHORTEST_TOKEN)
            # Neither this response nor the next is in a variable, which a traceback could show.
            base, ends = _issued(get_session_token(self._sts(base), duration=lasts))
            if self._scope.policy is None and lasts == seconds:
                return base, ends
            if lasts == seconds:
                seconds = None  # the session token ends then
        elif seconds is not None and self._issued and ends:
            # When it is renewed, the base can have less time left.
            seconds = max(1, min(seconds, int((ends - datetime.now(UTC)).total_seconds())))
        policy = self._scope.policy
        parameters: dict[str, Any] = {"ScopedSessionDescription": self._scope.description}
        if policy:
            parameters["Policy"] = policy.text
        if seconds is not None:
            parameters["DurationSeconds"] = seconds
        return _issued(self._sts(base).get_scoped_credentials(**parameters))

    def _sts(self, keys: RedactedCredentials) -> Any:
        return self._create_client(
            "sts",
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.token,
        )


def _issued(response: Any) -> tuple[RedactedCredentials, datetime]:
    """Return the credentials in a response, and their end (UTC)."""
    keys = response["Credentials"]
    issued = RedactedCredentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return issued, keys["Expiration"].astimezone(UTC)
