"""A request's signature: in its Authorization header, in a presigned URL, or in a posted form.

boto3 presigns URLs and forms with Signature Version 4, and for S3 in older Regions with Signature
Version 2, unless the client has ``signature_version="s3v4"``.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from botocore.auth import (
    HmacV1PostAuth,
    HmacV1QueryAuth,
    S3SigV4Auth,
    S3SigV4QueryAuth,
    SigV4Auth,
)
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.credentials import Credentials

_LONGEST = 604_800  # seconds; a presigned URL is valid for at most a week


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was sent.

    `url` is the path and the query, still quoted; `form` has the fields of a posted form.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    form: Mapping[str, str]

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature of a request, and how to check it.

    `calculate` returns the signature that the owner's credentials would produce. `expires_at` is
    when a presigned URL expires, and None for other requests. `form` has the fields of a presigned
    form, with lower-case names.
    """

    access_key_id: str
    token: str | None
    region: str
    service: str
    value: str
    calculate: Callable[[Credentials], str]
    expires_at: datetime | None = None
    form: Mapping[str, str] = field(default_factory=dict)


def find_signature(request: Request) -> Signature | None:
    """Return the signature in the header, or None if it is missing or malformed."""
    try:
        return _in_header(request) if "Authorization" in request.headers else None
    except (KeyError, ValueError):
        return None


def find_s3_signature(request: Request) -> Signature | None:
    """Return the signature of a request to S3, which can be presigned; see `find_signature`."""
    if "Authorization" in request.headers:
        return find_signature(request)
    form = {name.lower(): value for name, value in request.form.items()}
    query = request.query
    try:
        if "X-Amz-Signature" in query:
            return _in_url(request, query)
        if "Signature" in query:
            return _in_url_v2(request, query)
        if "x-amz-signature" in form:
            return _in_form(form)
        if "signature" in form:
            return _in_form_v2(form)
    except (KeyError, ValueError, OverflowError):
        return None
    return None


def _in_header(request: Request) -> Signature:
    _, _, fields = request.headers["Authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in fields.split(","))
    key, _, region, service, _ = parts["Credential"].split("/")

    def calculate(credentials: Credentials) -> str:
        signer = S3SigV4Auth if service == "s3" else SigV4Auth
        timestamp = request.headers.get("X-Amz-Date", "")
        body = request.body or request.form
        return _v4(signer(credentials, service, region), request, parts, timestamp, body)

    token = request.headers.get("X-Amz-Security-Token")
    return Signature(key, token, region, service, parts["Signature"], calculate)


def _in_url(request: Request, query: Mapping[str, str]) -> Signature:
    parts = {name.removeprefix("X-Amz-"): value for name, value in query.items()}
    key, _, region, service, _ = parts["Credential"].split("/")
    seconds = int(parts["Expires"])
    if not 0 < seconds <= _LONGEST:
        raise ValueError(seconds)
    signed_at = datetime.strptime(parts["Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    def calculate(credentials: Credentials) -> str:
        signer = S3SigV4QueryAuth(credentials, service, region)
        return _v4(signer, request, parts, parts["Date"], request.body)

    return Signature(
        key,
        parts.get("Security-Token"),
        region,
        service,
        parts["Signature"],
        calculate,
        signed_at + timedelta(seconds=seconds),
    )


def _v4(
    signer: SigV4Auth,
    request: Request,
    parts: Mapping[str, str],
    timestamp: str,
    body: bytes | Mapping[str, str],
) -> str:
    """Return the Signature Version 4 of the signed headers."""
    names = parts["SignedHeaders"].split(";")
    headers = {name: value for name, value in request.headers.items() if name.lower() in names}
    url = urlsplit(request.url)
    query = "&".join(p for p in url.query.split("&") if not p.startswith("X-Amz-Signature="))
    signed = AWSRequest(
        method=request.method, url=urlunsplit(url._replace(query=query)), data=body, headers=headers
    )
    signed.context["timestamp"] = timestamp
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    signature: str = signer.signature(text, signed)
    return signature


class _V2UrlSigner(HmacV1QueryAuth):
    """Signature Version 2 with an expiration time instead of a duration."""

    def __init__(self, credentials: Credentials, expires_at: int) -> None:
        super().__init__(credentials)
        self._expires_at = expires_at

    def _get_date(self) -> str:
        return str(self._expires_at)


def _in_url_v2(request: Request, query: Mapping[str, str]) -> Signature:
    expires = int(query["Expires"])

    def calculate(credentials: Credentials) -> str:
        signed = {name.lower(): value for name, value in (*query.items(), *request.headers.items())}
        url = urlsplit(request.url)
        # The path of a bucket is signed with a trailing slash.
        path = url.path if url.path.count("/") > 1 else f"{url.path.rstrip('/')}/"
        headers: Any = HTTPHeaders.from_dict(signed)
        signer = _V2UrlSigner(credentials, expires)
        signature: str = signer.get_signature(request.method, url, headers, auth_path=path)
        return signature

    return Signature(
        query["AWSAccessKeyId"],
        query.get("x-amz-security-token"),
        "",
        "s3",
        query["Signature"],
        calculate,
        datetime.fromtimestamp(expires, UTC),
    )


def _in_form(form: Mapping[str, str]) -> Signature:
    key, _, region, service, _ = form["x-amz-credential"].split("/")

    def calculate(credentials: Credentials) -> str:
        signed = AWSRequest()
        signed.context["timestamp"] = form["x-amz-date"]
        signer = SigV4Auth(credentials, service, region)
        signature: str = signer.signature(form["policy"], signed)
        return signature

    token = form.get("x-amz-security-token")
    value = form["x-amz-signature"]
    return Signature(key, token, region, service, value, calculate, form=form)


def _in_form_v2(form: Mapping[str, str]) -> Signature:
    def calculate(credentials: Credentials) -> str:
        signature: str = HmacV1PostAuth(credentials).sign_string(form["policy"])
        return signature

    key, token = form["awsaccesskeyid"], form.get("x-amz-security-token")
    return Signature(key, token, "", "s3", form["signature"], calculate, form=form)
