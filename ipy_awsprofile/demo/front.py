"""Run the embedded AWS's HTTP server, which authenticates, authorizes and answers each request.

The server itself answers requests to STS, and requests that have a token instead of a signature.
The server passes all other requests to moto's server, with a header that contains the account ID of
the signer.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from http.server import HTTPServer
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import ClientDisconnected
from werkzeug.http import http_date
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from ipy_awsprofile.demo import s3, sts
from ipy_awsprofile.demo.refusals import Refused

if TYPE_CHECKING:
    from ipy_awsprofile.demo.iam import Iam, Signer

#: Matches the access key, Region, service, signed headers and signature in an Authorization header.
_SCOPE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request, *"
    r"SignedHeaders=([^,]+), *Signature=(\w+)"
)
_WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that the server has received.

    `action` is the IAM action that the request requires, such as `sts:AssumeRole` or
    `s3:ListAllMyBuckets`. `arn` is the signer's ARN, or None if the request wasn't signed or its
    credentials are invalid.
    """

    action: str
    arn: str | None
    access_key_id: str | None


class Front:
    """A WSGI application that checks each request before it passes the request to moto.

    `calls` lists all requests so far, and `latency` is the delay of each response in seconds.
    `unsigned` maps requests without a signature to their names in `calls` and to the functions that
    answer them. A key of `unsigned` has the form `POST /token` or, if the request has the parameter
    Action, the form `POST AssumeRoleWithWebIdentity`.
    """

    def __init__(self, iam: Iam) -> None:
        self.iam = iam
        self.calls: list[Call] = []
        self.latency = 0.0
        self.unsigned: dict[str, tuple[str, Callable[[Request], Response]]] = {}
        self.buckets: dict[str, s3.Bucket] = {}

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Answer a WSGI request with the response of this server or of moto, or with an error."""
        time.sleep(self.latency)
        request = _read(environ)
        scope = _SCOPE.fullmatch(request.headers.get("Authorization", ""))
        service = _service_of(request, scope)
        try:
            response = self._signed(request, scope) if scope else self._unsigned(request)
        except Refused as refused:
            response = refused.response(service, request.headers)
        name = "x-amzn-RequestId"
        if service == "s3":
            name = "x-amz-request-id"
        response.headers[name] = str(uuid4())
        return response(environ, start)

    def _signed(self, request: Request, scope: re.Match[str]) -> Response:
        key, _, service, *_ = scope.groups()
        needs = list(_needs_of(request, service))
        signer = self._signer(needs[0][0], key, request.headers.get("X-Amz-Security-Token"))
        if _signature(request, signer, scope) != scope[5]:
            raise Refused("SignatureDoesNotMatch", _WRONG_SIGNATURE)
        if service == "sts":
            return sts.answer(self.iam, signer, request.values)
        if service == "iam" and signer.is_user_session and not signer.mfa_at:
            raise Refused("InvalidClientTokenId", "IAM needs a session with MFA.")
        return self._permitted(request, signer, needs)

    def _unsigned(self, request: Request) -> Response:
        action = ""
        if request.path == "/":
            action = request.form.get("Action", "")
        name, answer = self.unsigned.get(f"{request.method} {action or request.path}", ("", None))
        if answer:
            self.calls.append(Call(name, None, None))
            return answer(request)
        query = {name.lower(): value for name, value in request.args.items()}
        key = query.get("x-amz-credential", query.get("awsaccesskeyid", "")).partition("/")[0]
        if key:  # a presigned URL, of which all is checked but the signature
            needs = list(s3.actions_of(request))
            signer = self._signer(needs[0][0], key, query.get("x-amz-security-token"))
            return self._permitted(request, signer, needs)
        called = "s3:*"
        code = "AccessDenied"
        if action:
            called = f"sts:{action}"
            code = "MissingAuthenticationToken"
        self.calls.append(Call(called, None, None))
        raise Refused(code, "Request is missing Authentication Token")

    def _signer(self, action: str, key: str, token: str | None) -> Signer:
        try:
            signer = self.iam.find_signer(key, token)
        except Refused:
            self.calls.append(Call(action, None, key))
            raise
        self.calls.append(Call(action, signer.arn, key))
        return signer

    def _permitted(
        self, request: Request, signer: Signer, needs: list[tuple[str, str | None]]
    ) -> Response:
        """Return the response to a request. Raise Refused if the signer lacks a permission.

        `needs` contains the actions that the request requires, with the ARNs of their resources.
        """
        for action, resource in needs:
            self._require(signer, action, resource)
        action, _ = needs[0]
        account = signer.account
        if action == "s3:ListAllMyBuckets":
            buckets = [bucket for bucket in self.buckets.values() if bucket.account == account]
            return s3.list_buckets(buckets, request.args)
        request.environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        response = Response.from_app(moto(), request.environ)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            return response
        if action == "s3:CreateBucket":
            bucket = s3.created_by(request, account, self.iam.clock())
            self.buckets[bucket.name] = bucket
        elif action == "s3:DeleteBucket":
            self.buckets.pop(request.path.strip("/"), None)
        return response

    def _require(self, signer: Signer, action: str, resource: str | None) -> None:
        """Raise AccessDenied if the signer isn't allowed to perform an action on a resource.

        Other accounts are never allowed to use a bucket, because this server doesn't emulate bucket
        policies. As in S3, the error explains the reason only if the signer belongs to the bucket's
        account.
        """
        name = (resource or "").removeprefix("arn:aws:s3:::").partition("/")[0]
        owner = None
        if name in self.buckets:
            owner = self.buckets[name].account
        try:
            self.iam.require(signer, action, resource)
        except Refused:
            if resource is None or owner == signer.account:
                raise
            raise Refused("AccessDenied", "Access Denied") from None
        if owner not in {None, signer.account}:
            raise Refused("AccessDenied", "Access Denied")


def _service_of(request: Request, scope: re.Match[str] | None) -> str:
    """Return the name of the service that a request was sent to, such as `s3`.

    `scope` is the match for the Authorization header, or None if the request isn't signed.
    """
    if scope:
        return scope[3]
    return "sts" if "Action" in request.form else "s3"


def _needs_of(request: Request, service: str) -> Iterator[tuple[str, str | None]]:
    """Yield the IAM actions that a request requires, each with the ARN of its resource.

    The ARN is None for all services except S3.
    """
    if service == "s3":
        yield from s3.actions_of(request)
    else:
        target = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        yield f"{service}:{target or request.values.get('Action') or '*'}", None


def _read(environ: dict[str, Any]) -> Request:
    """Return the request in a WSGI environment, and keep the body so that moto can read it again.

    Raise ConnectionAbortedError, which werkzeug doesn't print, if the client disconnected.
    """
    try:
        body = Request(environ, populate_request=False).get_data()
    except ClientDisconnected as error:
        raise ConnectionAbortedError from error
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    request = Request({**environ, "wsgi.input": BytesIO(body)}, populate_request=False)
    request.get_data()  # keeps it for the form
    request.environ["wsgi.input"] = environ["wsgi.input"]
    return request


def _signature(request: Request, signer: Signer, scope: re.Match[str]) -> str:
    """Return the signature that a request should have, based on the signer's secret key.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
    """
    key, region, service, names, _ = scope.groups()
    credentials = Credentials(key, signer.secret_access_key, signer.session_token)
    auth = SigV4Auth(credentials, service, region)
    if service == "s3":
        auth = S3SigV4Auth(credentials, service, region)
    signed_names = names.split(";")
    headers = {
        name: value for name, value in request.headers.items() if name.lower() in signed_names
    }
    signed = AWSRequest(
        method=request.method,
        url=request.environ["RAW_URI"],
        data=request.get_data(),
        headers=headers,
    )
    signed.context["timestamp"] = request.headers.get("X-Amz-Date", "")
    text = auth.string_to_sign(signed, auth.canonical_request(signed))
    signature: str = auth.signature(text, signed)
    return signature


@cache
def moto() -> Any:
    """Return moto's WSGI application.

    All instances of the application in a process share their state.
    """
    return DomainDispatcherApplication(create_backend_app)


class _Handler(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Discard werkzeug's log messages."""

    def date_time_string(self, _timestamp: float | None = None) -> str:
        """Return the value of the Date header, based on the embedded AWS's clock."""
        front: Any = self.server.app
        return http_date(front.iam.clock())

    def make_environ(self) -> dict[str, Any]:
        """Return the WSGI environment, including the header `x-amz-sso_bearer_token`.

        This method adds the header because werkzeug drops headers with an underscore in their name.
        """
        environ: dict[str, Any] = super().make_environ()
        token = self.headers.get("x-amz-sso_bearer_token")
        if token:
            environ["HTTP_X_AMZ_SSO_BEARER_TOKEN"] = token
        return environ


def create_server(front: Front) -> BaseWSGIServer:
    """Return a server that is bound to a free loopback port but doesn't answer requests yet."""
    # The server's own socket would look up its host name, which takes 35 s on some Macs.
    with socket.create_server(("127.0.0.1", 0), backlog=128) as bound:
        return make_server(
            "127.0.0.1", 0, front, threaded=True, request_handler=_Handler, fd=bound.fileno()
        )


@contextmanager
def serving(server: HTTPServer) -> Iterator[str]:
    """Run a server in a thread until the `with` statement ends, and yield the server's URL."""
    thread = threading.Thread(
        target=server.serve_forever,
        kwargs={"poll_interval": 0.01},  # the maximum seconds that `shutdown` waits
        name="embedded-aws",
        daemon=True,
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
