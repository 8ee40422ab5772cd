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
    """How far AWS's clock is ahead of this machine's clock, as of our latest call."""

    offset = timedelta(0)


#: The time of an answer is in whole seconds, and from before the answer has arrived.
_PRECISION = timedelta(seconds=5)


def aws_now() -> datetime:
    """Return AWS's current time (UTC), which decides when keys and policies expire.

    The clock of a laptop or a virtual machine can be minutes off.
    """
    return datetime.now(UTC) + _Clock.offset


def own_client(client: BaseClient) -> Any:
    """Mark a client's calls as this package's own, and return the client.

    They can use an identity that isn't active, and aren't recorded. A page of a proxy instead of
    AWS's response raises ResponseParserError.
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
    """Raise ResponseParserError for a page instead of an AWS document.

    botocore would raise KeyError, return an empty response, or take the page's status for AWS's
    refusal.
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
    """botocore's tuple of frozen keys, with the time (UTC) at which they expire, if known.

    Their repr keeps them out of tracebacks.
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
        """Return a copy of the keys that expires at this time."""
        return Keys(self.access_key, self.secret_key, self.token, self.account_id, expires_at=end)

    def ends_at(self, latest: datetime) -> datetime:
        """Return when the keys expire, but at the latest this time."""
        return min(self.expires_at or latest, latest)


def freeze_credentials(credentials: Credentials) -> Keys:
    """Return the current keys of credentials. If they are about to expire, renew them first."""
    frozen: Any = credentials.get_frozen_credentials()
    return Keys(*frozen, expires_at=expiry_of(credentials))  # renewing has changed the expiry


def expiry_of(credentials: Any) -> datetime | None:
    """Return when credentials expire (UTC), or None if unknown, without renewing them.

    botocore has no public API for this.
    """
    expiry = getattr(credentials, "_expiry_time", None)
    return expiry.astimezone(UTC) if expiry else None


def keys_in(issued: Mapping[str, Any]) -> Keys:
    """Return the keys in the credentials of a response from STS."""
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
    """Call STS for the identity of a client's credentials. Raises botocore's errors."""
    response = sts.get_caller_identity()
    # AWS-compatible servers can omit them.
    return CallerIdentity(response.get("Arn", ""), response.get("UserId", ""))


class CliFiles(JSONFileCache):
    """The AWS CLI's files of sessions or tokens, as a dict. Other programs can have them open.

    On Windows, botocore couldn't replace such a file, and would leave the secrets in its draft.
    """

    def __contains__(self, key: object) -> bool:
        """Return whether the file contains a readable document. botocore doesn't check this."""
        try:
            self[str(key)]
        except KeyError:
            return False
        return True

    def __getitem__(self, key: str) -> Any:
        """Return the document in a file. Raises KeyError if it can't be read."""
        try:
            return json.loads(read_file(self._path(key)))
        except (OSError, ValueError):
            raise KeyError(key) from None

    def __setitem__(self, key: str, document: object) -> None:
        """Write a file. Raises OSError."""
        replace_file(self._path(key), self._dumps(document).encode())  # type: ignore[attr-defined]

    def _path(self, key: str) -> Path:
        return Path(self._convert_cache_key(key))  # type: ignore[attr-defined]


class RoleCache(CliFiles):
    """The AWS CLI's cache of role sessions, ``~/.aws/cli/cache``.

    As in the AWS CLI, the key of a session depends neither on the STS endpoint nor on the
    credentials that assumed the role. ``variant`` is added to the key, which doesn't depend on
    session policies either. With ``fresh``, the cache ignores entries that this object didn't
    write. ``has_read`` is True after the cache has returned a session that another object wrote. If
    a file can't be read or written, botocore assumes the role again. The cache
    ignores sessions that AWS has rejected.
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
        """Return True, because another process can remove a file before botocore reads it."""
        return True

    def __getitem__(self, key: str) -> Any:
        """Return the session in a file, or an expired session, which botocore then replaces."""
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
        """Return whose session has this access key ID, as STS reported it when it was issued.

        botocore returns the keys of a session without it.
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
    """Gets an MFA session for long-term keys from the cache, or from STS with an MFA code.

    The AWS CLI doesn't support these sessions. They are in its cache of assumed roles, so that all
    of the user's notebooks share them. ``parameters`` are those of GetSessionToken.
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
        """Return the session's credentials. Raises botocore's errors."""
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
    """Gets a scoped session from STS for the ``base`` credentials.

    ``scope`` has the parameters of GetScopedCredentials. Long-term keys need a session token first.
    For a ``duration`` (seconds) without a policy, that is enough. The clients are those of a
    session after `use_regional_sts`, in its ``region`` if it has one.
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
        """Return the session's credentials. Raises botocore's errors."""
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
    """Let a session call a Regional endpoint of STS. The global endpoint lacks operations."""
    session.set_config_variable("sts_regional_endpoints", "regional")


def renew_with_base(credentials: _CredentialsT, base: Credentials) -> _CredentialsT:
    """Return credentials that are renewed at the same time as their base credentials.

    Until then, STS can't issue a session that lasts longer. botocore has no public API for this.
    """
    for name in ("_advisory_refresh_timeout", "_mandatory_refresh_timeout"):
        setattr(credentials, name, getattr(base, name, getattr(credentials, name)))
    return credentials


def issue_session_token(
    create_client: CreateClient,
    keys: Keys,
    parameters: StsParameters | None = None,
) -> Any:
    """Return STS's response with short-lived keys for long-term keys, by default for 12 hours.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    return sts_client(create_client, keys).get_session_token(**parameters or {})


def sts_client(create_client: CreateClient, keys: Keys) -> Any:
    """Return an STS client that signs with these keys."""
    return create_client(
        "sts",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
    )
