"""Every request, before its action runs: who signed it, is it signed right, is it allowed.

moto makes one of these objects for each request. It computes the signature; who the caller is
and what it may do is decided here.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flask
from moto.iam.access_control import IAMRequest, S3IAMRequest
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends

from .callers import Caller, UnknownCallerError, find_caller
from .policy import Verdict
from .refusals import EXPLICIT_DENY, Refusal, denied, no_identity_policy
from .state import Call
from .unsupported import UnsupportedPolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .state import State

# Who has credentials may always ask who they are; the others answer for themselves in sts.py.
_DECIDED_BY_STS = {"sts:GetCallerIdentity", "sts:AssumeRole", "sts:GetSessionToken"}

_QUERY_REFUSALS = {
    "Missing": ("MissingAuthenticationToken", "Request is missing Authentication Token", 403),
    "InvalidId": (
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
        403,
    ),
    "ExpiredToken": ("ExpiredToken", "The security token included in the request is expired", 403),
    "Signature": (
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check "
        "your AWS Secret Access Key and signing method. Consult the service documentation for "
        "details.",
        403,
    ),
}
_QUERY_REFUSALS["InvalidToken"] = _QUERY_REFUSALS["InvalidId"]

_S3_REFUSALS = {
    "Missing": ("AccessDenied", "Access Denied"),
    "InvalidId": (
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "InvalidToken": ("InvalidToken", "The provided token is malformed or otherwise invalid."),
    "ExpiredToken": ("ExpiredToken", "The provided token has expired."),
    "Signature": (
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check "
        "your key and signing method.",
    ),
}


class SignedRequest(IAMRequest):  # type: ignore[misc]  # moto is untyped
    """A request to any service but S3."""

    state: ClassVar[State]

    # moto's own constructor logs the headers, and knows no unsigned and no expired request.
    def __init__(
        self,
        *,
        account_id: str,
        method: str,
        path: str,
        data: dict[str, Any],
        body: bytes,
        headers: Mapping[str, str],
        action: str,
    ) -> None:
        self.account_id = account_id
        self._method, self._path = method, path
        self._data, self._body, self._headers = data, body, headers
        self._access_key = self._authenticate(action)

    def _authenticate(self, action: str) -> Caller:
        scope = self._get_string_between(
            "Credential=", ",", self._headers.get("Authorization", "")
        ).split("/")
        if len(scope) != 5:  # noqa: PLR2004 — key/date/region/service/aws4_request
            # A presigned URL carries its signature elsewhere; moto cannot check it there.
            self._service = "s3" if isinstance(self, S3IAMRequest) else "sts"
            self._record(Call(f"{self._service}:{action}", None, None))
            raise self._refusal("Missing")
        access_key_id, _, self._region, self._service, _ = scope
        self._action = f"{self._service}:{action}"
        try:
            caller = find_caller(
                self.state.sessions, access_key_id, self._headers.get("X-Amz-Security-Token")
            )
        except UnknownCallerError as unknown:
            self._record(Call(self._action, None, access_key_id))
            raise self._refusal(unknown.reason) from unknown
        self._record(Call(self._action, caller.arn, access_key_id))
        return caller

    def _record(self, call: Call) -> None:
        """Note the call once, though moto may ask several times in one request."""
        if "call" not in flask.g:
            flask.g.call = call
            self.state.calls.append(call)

    def check_action_permitted(self, resource: str) -> None:
        """Raise the service's AccessDenied unless the caller's policies allow the action."""
        if self._action in _DECIDED_BY_STS:
            return
        try:
            verdict = self._access_key.may(self._action, resource, self.state.clock())
        except UnsupportedPolicyError as error:
            raise self._error("NotImplemented", str(error), 501) from error
        if verdict is not Verdict.ALLOWED:
            raise self._denial(verdict, resource)

    def _raise_signature_does_not_match(self) -> None:
        raise self._refusal("Signature")

    def _refusal(self, reason: str) -> Exception:
        return self._error(*_QUERY_REFUSALS[reason])

    def _error(self, code: str, message: str, status: int) -> Exception:
        return Refusal(code, message, status).spoken_to(self._service, self._headers)

    def _denial(self, verdict: Verdict, resource: str) -> Exception:
        refusal = denied(
            self._access_key.arn,
            self._action,
            "" if resource == "*" else resource,
            because(verdict, self._action),
        )
        return refusal.spoken_to(self._service, self._headers)


class SignedS3Request(SignedRequest, S3IAMRequest):  # type: ignore[misc]  # moto is untyped
    """A request to S3, which has its own error codes and texts."""

    def _refusal(self, reason: str) -> Exception:
        return s3_error(*_S3_REFUSALS[reason])

    def _error(self, code: str, message: str, status: int) -> Exception:  # noqa: ARG002 — S3 has its own
        return s3_error(code, message)

    def _denial(self, verdict: Verdict, resource: str) -> Exception:
        arn, action, reason = self._access_key.arn, self._action, because(verdict, self._action)
        if action == "s3:ListAllMyBuckets":
            return s3_error(
                "AccessDenied", f"User: {arn} is not authorized to perform: {action}{reason}"
            )
        # S3 gives reasons only inside the bucket's own account.
        bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
        if s3_backends.bucket_accounts.get(bucket, ("", ""))[1] != self.account_id:
            return s3_error("AccessDenied", "Access Denied")
        return s3_error(
            "AccessDenied",
            f'User: {arn} is not authorized to perform: {action} on resource: "{resource}"{reason}',
        )


def because(verdict: Verdict, action: str) -> str:
    """Return AWS's reason for a denial by the caller's own policies."""
    return EXPLICIT_DENY if verdict is Verdict.DENIED else no_identity_policy(action)


def s3_error(code: str, message: str) -> Exception:
    """Make an S3 error; moto finds its HTTP status from the code."""
    error: Exception = S3ClientError(code, message)
    return error
