"""Call STS for identities and sessions, and cache role sessions.

https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html
https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from hashlib import sha1
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from botocore.credentials import (
    CachedCredentialFetcher,
    Credentials,
    ReadOnlyCredentials,
)
from botocore.parsers import ResponseParserError
from botocore.session import Session
from botocore.utils import JSONFileCache
from dateutil.parser import parse
from urllib3.response import HTTPResponse

from ipy_awsprofile.config.parameters import StsParameters
from ipy_awsprofile.config.private import StaysInProcess, read_file, replace_file
from ipy_awsprofile.credentials.caller import CallerIdentity
from ipy_awsprofile.credentials.person import MfaPrompter

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.client import BaseClient
    from botocore.model import OperationModel

#: The member that marks an answer from a handler of botocore's event ``before-send`` instead of a
#: server. Moto's ``mock_aws`` has such a handler.
MOCKED = "Mocked"

#: The entry in a request's context that says that this package makes the call for itself.
OWN_CALL = "ipy_awsprofile own call"

#: The statuses with which a proxy or a network's sign-in page answers in place of AWS. Others, such
#: as 404 and 503, can also mean that a server lacks an operation or is busy.
_STATUSES_OF_PAGES = {
    HTTPStatus.OK,
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
}
#: The IDs of access keys whose session AWS has rejected. The cache can still have the session.
REJECTED_KEYS: set[str] = set()

#: The shortest session that STS issues for a role or for long-term keys, in seconds.
SHORTEST_SESSION = 900


class _Clock:
    """The difference between AWS's clock and this machine's clock, measured at the latest call."""

    offset = timedelta(0)


#: The time of an answer is in whole seconds, and from before the answer has arrived.
_PRECISION = timedelta(seconds=5)


def aws_now() -> datetime:
    """Return AWS's current time (UTC), which decides when keys and policies expire.

    The clock of a laptop or a virtual machine can be wrong by several minutes.
    """
    return datetime.now(UTC) + _Clock.offset


def own_client(client: BaseClient) -> Any:
    """Mark a client's calls as this package's own, and return the client.

    The package's own calls aren't recorded, and can use an identity that isn't active. If a proxy
    returns a web page instead of AWS's response, the client raises ResponseParserError.
    """
    client.meta.events.register("provide-client-params", _declare)
    client.meta.events.register("before-parse", _require_document)
    client.meta.events.register("after-call", _mark_mocked)
    client.meta.events.register("after-call", _note_time)
    return client


def _note_time(http_response: AWSResponse, **_: object) -> None:
    if not isinstance(http_response.raw, HTTPResponse):
        return  # mocked
    with suppress(TypeError, ValueError):  # a server that doesn't say it
        there = parsedate_to_datetime(http_response.headers.get("Date", "")).astimezone(UTC)
        offset = there - datetime.now(UTC)
        _Clock.offset = offset if abs(offset) > _PRECISION else timedelta(0)


def _declare(context: dict[str, object], **_: object) -> None:
    context[OWN_CALL] = True


def _require_document(
    operation_model: OperationModel, response_dict: Mapping[str, Any], **_: object
) -> None:
    """Raise ResponseParserError if the response is a web page instead of an AWS document.

    Without this check, botocore raises KeyError, returns an empty response, or reports the page's
    status as an error from AWS.
    """
    status = response_dict["status_code"]
    output = operation_model.output_shape
    if status not in _STATUSES_OF_PAGES or output is None:
        return
    body: bytes = response_dict["body"].lstrip()
    if operation_model.service_model.resolved_protocol.endswith("json"):
        is_document = body.startswith(b"{")
    elif status == HTTPStatus.OK:
        is_document = output.serialization.get("resultWrapper", "").encode() in body
    else:
        is_document = b"<Error" in body
    if not is_document:
        raise ResponseParserError(f"a page answered {operation_model.name} (HTTP status {status})")


def _mark_mocked(http_response: AWSResponse, parsed: dict[str, object], **_: object) -> None:
    if not isinstance(http_response.raw, HTTPResponse):
        parsed[MOCKED] = True


_CredentialsT = TypeVar("_CredentialsT", bound=Credentials)


class Keys(StaysInProcess, ReadOnlyCredentials):
    """botocore's tuple of frozen keys, with the keys' expiration time in UTC (or None if unknown).

    The repr doesn't contain the keys, so tracebacks can't show them.
    """

    access_key: str  # in botocore's type, it can be None
    secret_key: str
    expires_at: datetime | None

    def __new__(
        cls,
        access_key: str,
        secret_key: str,
        token: str | None = None,
        account_id: str | None = None,
        *,
        expires_at: datetime | None = None,
    ) -> Self:
        """Create the tuple of keys."""
        keys = super().__new__(cls, access_key, secret_key, token, account_id)
        keys.expires_at = expires_at
        return keys

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def until(self, end: datetime) -> Keys:
        """Return a copy of the keys with ``end`` as the time at which they expire."""
        return Keys(self.access_key, self.secret_key, self.token, self.account_id, expires_at=end)

    def ends_at(self, latest: datetime) -> datetime:
        """Return the earlier of ``latest`` and the time at which the keys expire."""
        return min(self.expires_at or latest, latest)


def freeze_credentials(credentials: Credentials) -> Keys:
    """Return the current keys of credentials, and renew credentials that are about to expire."""
    frozen: Any = credentials.get_frozen_credentials()
    return Keys(*frozen, expires_at=expiry_of(credentials))  # renewing has changed the expiry


def expiry_of(credentials: Any) -> datetime | None:
    """Return the time (UTC) at which credentials expire, or None if the time is unknown.

    This function reads a private attribute of the credentials, and doesn't renew them.
    """
    expiry = getattr(credentials, "_expiry_time", None)
    return expiry.astimezone(UTC) if expiry else None


def keys_in(issued: Mapping[str, Any]) -> Keys:
    """Return the keys in the ``Credentials`` element of a response from STS."""
    return Keys(
        issued["AccessKeyId"],
        issued["SecretAccessKey"],
        issued["SessionToken"],
        expires_at=issued["Expiration"].astimezone(UTC),
    )


#: Creates a client of botocore with the arguments of `botocore.session.Session.create_client`.
CreateClient = Callable[..., Any]

#: New temporary credentials in the format of botocore's renewals: ``access_key``, ``secret_key``,
#: ``token`` and ``expiry_time``.
NewKeys = dict[str, Any]


def ask_caller(sts: Any) -> CallerIdentity:
    """Return the identity that STS reports for a client's credentials. Raise botocore's errors."""
    response = sts.get_caller_identity()
    # AWS-compatible servers can omit them.
    return CallerIdentity(response.get("Arn", ""), response.get("UserId", ""))


class CliFiles(JSONFileCache):
    """A dict of the sessions or tokens that the AWS CLI stores in a folder of JSON files.

    Other programs can have the AWS CLI's files open. This class writes the files itself because, on
    Windows, botocore can't replace an open file and leaves the secrets in a temporary file.
    """

    def __contains__(self, key: object) -> bool:
        """Return whether the key's file contains valid JSON, which botocore doesn't check."""
        try:
            self[str(key)]
        except KeyError:
            return False
        return True

    def __getitem__(self, key: str) -> Any:
        """Return the document from the key's file. Raise KeyError if the file can't be read."""
        try:
            return json.loads(read_file(self._path(key)))
        except (OSError, ValueError):
            raise KeyError(key) from None

    def __setitem__(self, key: str, document: object) -> None:
        """Write a file. Raise OSError."""
        replace_file(self._path(key), self._dumps(document).encode())  # type: ignore[attr-defined]

    def _path(self, key: str) -> Path:
        return Path(self._convert_cache_key(key))  # type: ignore[attr-defined]


class RoleCache(CliFiles):
    """The AWS CLI's cache of role sessions, ``~/.aws/cli/cache``.

    As in the AWS CLI, a session's cache key doesn't depend on the STS endpoint or on the
    credentials that assumed the role. ``variant`` is appended to the key to distinguish sessions
    that differ in another way, such as in their session policies. If ``fresh`` is True, the cache
    ignores entries that this object didn't write. ``has_read`` is True after the cache has returned
    a session that another object wrote. If a cache file can't be read or written, botocore assumes
    the role again. The cache ignores sessions that AWS has rejected.
    """

    def __init__(self, *, fresh: bool = False, variant: str = "") -> None:
        super().__init__(str(Path("~/.aws/cli/cache").expanduser()))
        self.fresh = fresh
        self.has_read = False
        #: Whose session botocore has got last, by its access key ID, until `take_caller`.
        self._callers: dict[str, CallerIdentity] = {}
        self._written: set[str] = set()
        self._suffix = f"-{variant}" if variant else ""

    def __contains__(self, key: object) -> bool:
        """Return True for every key, because a file can be removed before botocore reads it."""
        return True

    def __getitem__(self, key: str) -> Any:
        """Return the session from a file, or an expired session that botocore then replaces."""
        if self.fresh and key not in self._written:
            return _EXPIRED_SESSION
        # The AWS CLI may not have written the file.
        with suppress(AttributeError, KeyError, OverflowError, TypeError, ValueError):
            document = super().__getitem__(key + self._suffix)
            is_rejected = document["Credentials"].get("AccessKeyId") in REJECTED_KEYS
            if document["Credentials"].keys() >= _FIELDS and not is_rejected:
                parse(document["Credentials"]["Expiration"])
                is_earlier = key not in self._written
                self._note_caller(document, cached=is_earlier)
                self.has_read |= is_earlier
                return document
        return _EXPIRED_SESSION

    def __setitem__(self, key: str, document: Any) -> None:
        self._note_caller(document, cached=False)
        self._written.add(key)
        if MOCKED in document:  # the AWS CLI and other kernels would use it
            return
        with suppress(OSError):
            super().__setitem__(key + self._suffix, document)

    def take_caller(self, key: str) -> CallerIdentity | None:
        """Return the identity that STS reported for the session with this access key ID, or None.

        botocore returns the keys of a session without the identity.
        """
        return self._callers.pop(key, None)

    def _note_caller(self, document: Any, *, cached: bool) -> None:
        role = document.get("AssumedRoleUser") or {}  # AWS-compatible servers can omit it
        if role.get("Arn"):
            key = document["Credentials"]["AccessKeyId"]
            self._callers[key] = CallerIdentity(role["Arn"], role.get("AssumedRoleId", ""), cached)


_FIELDS = {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}

#: What a `RoleCache` returns if it has no session.
_EXPIRED_SESSION = {"Credentials": {"Expiration": "1970-01-01T00:00:00Z"}}


class MfaSessionFetcher(CachedCredentialFetcher):
    """A fetcher of MFA sessions for long-term keys, from the cache or from STS with an MFA code.

    The AWS CLI doesn't support MFA sessions for long-term keys. This class stores the sessions in
    the AWS CLI's cache of role sessions, so that all of the user's notebooks share them.
    ``parameters`` are the parameters of GetSessionToken.
    """

    def __init__(
        self,
        keys: Credentials,
        create_client: CreateClient,
        parameters: StsParameters,
        ask: MfaPrompter,
        cache: object,
    ) -> None:
        self._keys = keys
        self._create_client = create_client
        self._assume_kwargs = parameters  # botocore's name, which `Renewal.of` reads
        self._ask = ask
        super().__init__(cache)

    def fetch_credentials(self) -> NewKeys:
        """Return the session's credentials. Raise botocore's errors."""
        self._cache_key = self._create_cache_key()  # the keys in the file can change
        return super().fetch_credentials()

    def _create_cache_key(self) -> str:
        keys = freeze_credentials(self._keys)
        text = json.dumps({"AccessKeyId": keys.access_key, **self._assume_kwargs}, sort_keys=True)
        return sha1(text.encode(), usedforsecurity=False).hexdigest()

    def _get_credentials(self) -> Any:
        serial = self._assume_kwargs["SerialNumber"]
        code = self._ask(f"Enter MFA code for {serial}: ")  # botocore's wording
        keys = freeze_credentials(self._keys)
        return issue_session_token(
            self._create_client, keys, {**self._assume_kwargs, "TokenCode": code}
        )


class ScopedSessionFetcher(StaysInProcess):
    """A fetcher of scoped sessions from STS for the ``base`` credentials.

    ``scope`` contains the parameters of GetScopedCredentials. If the base credentials are long-term
    keys, the fetcher first calls GetSessionToken. If ``scope`` doesn't limit anything except the
    duration, the session from GetSessionToken is the result. ``create_client`` must belong to a
    session that calls a Regional STS endpoint (see `use_regional_sts`). The clients use ``region``,
    or us-east-1 if ``region`` is None.
    """

    def __init__(
        self,
        base: Credentials,
        create_client: CreateClient,
        region: str | None,
        scope: StsParameters,
    ) -> None:
        self._source_credentials = base  # botocore's names, which `Renewal.of` reads
        self._create_client = partial(create_client, region_name=region or "us-east-1")
        self._assume_kwargs = {"ScopedSessionDescription": "ipy-awsprofile", **scope}
        self.duration: int | None = scope.get("DurationSeconds")

    def fetch_credentials(self) -> NewKeys:
        """Return the session's credentials. Raise botocore's errors."""
        base = freeze_credentials(self._source_credentials)
        issue = self._narrow if base.token else self._issue_for_keys
        issued = issue(base)
        return {
            "access_key": issued["AccessKeyId"],
            "secret_key": issued["SecretAccessKey"],
            "token": issued["SessionToken"],
            "expiry_time": issued["Expiration"].isoformat(),
        }

    def _issue_for_keys(self, keys: Keys) -> Any:
        scope = dict(self._assume_kwargs)
        parameters = {}
        if self.duration is not None:
            parameters["DurationSeconds"] = max(self.duration, SHORTEST_SESSION)
        issued = issue_session_token(self._create_client, keys, parameters)["Credentials"]
        if parameters.get("DurationSeconds") == self.duration:
            scope.pop("DurationSeconds", None)  # the narrower session ends with the token
        if scope.keys() == {"ScopedSessionDescription"}:
            return issued
        return self._narrow(keys_in(issued), scope)

    def _narrow(self, base: Keys, scope: StsParameters | None = None) -> Any:
        sts = sts_client(self._create_client, base)
        return sts.get_scoped_credentials(**scope or self._assume_kwargs)["Credentials"]


def use_regional_sts(session: Session) -> None:
    """Make a session call a Regional STS endpoint. The global endpoint lacks some operations."""
    session.set_config_variable("sts_regional_endpoints", "regional")


def renew_with_base(credentials: _CredentialsT, base: Credentials) -> _CredentialsT:
    """Return credentials that are renewed at the same time as their base credentials.

    Until the base credentials are renewed, STS can't issue a session that outlasts them. botocore
    doesn't have a public API to set the time of a renewal.
    """
    for name in ("_advisory_refresh_timeout", "_mandatory_refresh_timeout"):
        setattr(credentials, name, getattr(base, name, getattr(credentials, name)))
    return credentials


def issue_session_token(
    create_client: CreateClient,
    keys: Keys,
    parameters: StsParameters | None = None,
) -> Any:
    """Return STS's response with temporary keys for long-term keys.

    By default, the temporary keys last 12 hours.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    return sts_client(create_client, keys).get_session_token(**parameters or {})


def sts_client(create_client: CreateClient, keys: Keys) -> Any:
    """Return an STS client that signs its requests with these keys."""
    return create_client(
        "sts",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
    )
