"""Check a request before its action runs: its signer, its signature and its permissions.

moto creates one of these objects for each request. This module identifies the caller and decides
what the caller may do.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flask
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends

from ipy_awsprofile.calls.actions import actions_of
from ipy_awsprofile.demo.iam.callers import Caller, UnknownCallerError, find_caller
from ipy_awsprofile.demo.iam.policy import Verdict
from ipy_awsprofile.demo.iam.post_policy import PostPolicyError, check_post_policy
from ipy_awsprofile.demo.iam.signatures import Request, find_s3_signature, find_signature
from ipy_awsprofile.demo.iam.unsupported import UnsupportedPolicyError
from ipy_awsprofile.demo.refusals import Refusal, denied, missing_signature, not_emulated
from ipy_awsprofile.demo.state import Call

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ipy_awsprofile.demo.state import State

# GetCallerIdentity needs no permission. The others check permissions in `services.sts`.
_DECIDED_BY_STS = {
    "sts:AssumeRole",
    "sts:GetCallerIdentity",
    "sts:GetScopedCredentials",
    "sts:GetSessionToken",
}

# On AWS these requests are unsigned too: the assertion proves who the caller is.
_UNSIGNED_ACTIONS = {"AssumeRoleWithSAML"}

_QUERY_REFUSALS = {
    "InvalidId": ("InvalidClientTokenId", "The security token included in the request is invalid."),
    "ExpiredToken": ("ExpiredToken", "The security token included in the request is expired"),
    "Signature": (
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check "
        "your AWS Secret Access Key and signing method. Consult the service documentation for "
        "details.",
    ),
}
_QUERY_REFUSALS["InvalidToken"] = _QUERY_REFUSALS["InvalidId"]

_S3_DENIED = ("AccessDenied", "Access Denied")
_S3_EXPIRED_URL = ("AccessDenied", "Request has expired")
_S3_REFUSALS = {
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


class SignedRequest:
    """A request to a service other than S3."""

    state: ClassVar[State]
    unsigned_service: ClassVar[str] = "sts"
    find_signature = staticmethod(find_signature)
    #: Whether `*` means all resources, and not a resource that moto doesn't know.
    knows_resources: ClassVar[bool] = False

    def __init__(
        self,
        *,
        account_id: str,
        method: str,
        path: str,  # noqa: ARG002 — decoded by moto; the signature is over the path as it was sent
        data: dict[str, Any],
        body: bytes,
        headers: Mapping[str, str],
        action: str,
    ) -> None:
        self.account_id = account_id
        self._headers, self._data, self._body = headers, data, body
        url, form = flask.request.environ["RAW_URI"], flask.request.form.to_dict()
        signature = self.find_signature(Request(method, url, headers, body, form))
        if signature is None:
            unsigned = _actions_of(self.unsigned_service, action)
            self.state.calls.append(Call(unsigned[0], None, None))
            raise self._unsigned_refusal(action)
        self._signature = signature
        self._service = signature.service
        has_version = "versionId" in flask.request.args
        self._actions = _actions_of(self._service, action, has_version=has_version)
        self._access_key = self._authenticate(action)

    def _authenticate(self, action: str) -> Caller:
        access_key_id = self._signature.access_key_id
        try:
            caller = find_caller(self.state.sessions, access_key_id, self._signature.token)
        except UnknownCallerError as unknown:
            self.state.calls.append(Call(self._actions[0], None, access_key_id))
            raise self._refusal(unknown.reason) from unknown
        self.state.calls.append(Call(self._actions[0], caller.arn, access_key_id))
        if not caller.can_reach(self._service, action):
            if self._service == "sts":
                message = f"Cannot call {action} with session credentials"
                raise self._error("AccessDenied", message)
            raise self._refusal("InvalidId")
        return caller

    def check_signature(self) -> None:
        """Raise the service's error if the signature is wrong."""
        expected = self._signature.calculate(self._access_key.create_credentials())
        if self._signature.value != expected:
            raise self._refusal("Signature")

    def check_action_permitted(self, resource: str) -> None:
        """Raise the service's access-denied error unless the caller's policies allow the action."""
        if self._actions[0] not in _DECIDED_BY_STS:
            self._check_permissions(self._actions, resource)

    def _check_permissions(self, actions: Iterable[str], resource: str) -> None:
        known = resource if resource != "*" or self.knows_resources else None
        for action in actions:
            try:
                decision = self._access_key.may(action, known, self.state.clock())
            except UnsupportedPolicyError as error:
                raise self._error("NotImplemented", str(error), 501) from error
            if decision.verdict is not Verdict.ALLOWED:
                raise self._denial(action, decision.reason(action), resource)

    def _unsigned_refusal(self, action: str) -> Exception:
        return not_emulated(action) if action in _UNSIGNED_ACTIONS else missing_signature()

    def _refusal(self, reason: str) -> Exception:
        return self._error(*_QUERY_REFUSALS[reason])

    def _error(self, code: str, message: str, status: int = 403) -> Exception:
        return Refusal(code, message, status).in_protocol_of(self._service, self._headers)

    def _denial(self, action: str, reason: str, resource: str) -> Exception:
        known = "" if resource == "*" else resource
        refusal = denied(self._access_key.arn, action, known, reason)
        return refusal.in_protocol_of(self._service, self._headers)


class SignedS3Request(SignedRequest):
    """A request to S3, which has error codes and messages different from other services."""

    unsigned_service: ClassVar[str] = "s3"
    find_signature = staticmethod(find_s3_signature)
    knows_resources: ClassVar[bool] = True

    def check_deletion_permitted(self, resource: str, *, has_version: bool) -> None:
        """Raise AccessDenied unless the caller may delete an object, or a version of an object."""
        self._check_permissions(
            _actions_of("s3", "DeleteObject", has_version=has_version), resource
        )

    def _check_permissions(self, actions: Iterable[str], resource: str) -> None:
        """Raise AccessDenied for another account's bucket, too.

        On AWS only a bucket policy can allow it, and bucket policies aren't evaluated here.
        """
        if self._owner(resource) not in {None, self.account_id}:
            raise s3_error(*_S3_DENIED)
        super()._check_permissions(actions, resource)

    def check_signature(self) -> None:
        """Raise an error for an expired URL, and for a form that violates its policy, too."""
        super().check_signature()
        expires_at = self._signature.expires_at
        if expires_at is not None and self.state.clock() >= expires_at:
            raise s3_error(*_S3_EXPIRED_URL)
        if form := self._signature.form:
            try:
                check_post_policy(form, self._data["BucketName"], self._body, self.state.clock())
            except PostPolicyError as error:
                raise s3_error(*error.args) from error

    @staticmethod
    def _owner(resource: str) -> str | None:
        """Return the account of the bucket in a resource's ARN, or None if it doesn't exist."""
        bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
        owner: str | None = s3_backends.bucket_accounts.get(bucket, (None, None))[1]
        return owner

    def _unsigned_refusal(self, action: str) -> Exception:  # noqa: ARG002 — the same for all
        return s3_error(*_S3_DENIED)

    def _refusal(self, reason: str) -> Exception:
        return s3_error(*_S3_REFUSALS[reason])

    def _error(self, code: str, message: str, status: int = 403) -> Exception:  # noqa: ARG002
        return s3_error(code, message)  # the code decides the status

    def _denial(self, action: str, reason: str, resource: str) -> Exception:
        about_a_bucket = action != "s3:ListAllMyBuckets"
        if about_a_bucket and self._owner(resource) is None:
            return s3_error(*_S3_DENIED)  # S3 gives a reason only to the bucket's account
        quoted = f'"{resource}"' if about_a_bucket else ""
        return s3_error(*denied(self._access_key.arn, action, quoted, reason).parts)


def _actions_of(service: str, operation: str, *, has_version: bool = False) -> tuple[str, ...]:
    """Return the names of the IAM actions that an operation needs."""
    return tuple(one.name for one in actions_of(service, operation, has_version=has_version))


def s3_error(code: str, message: str) -> Exception:
    """Return an S3 error; moto derives its HTTP status from the code."""
    error: Exception = S3ClientError(code, message)
    return error
