"""Error responses of AWS, and of servers that speak its protocol, as errors of ours.

AWS-compatible servers send errors without a code, or with no message: nothing here raises for that.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from ipy_awsprofile.credentials.chain import Chain
from ipy_awsprofile.credentials.retries import THROTTLED
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    CredentialsExpired,
    CredentialsRejected,
    MfaRejected,
    ServiceError,
)
from ipy_awsprofile.text import one_line


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An error response; its parts are empty, or 0, where they are missing."""

    code: str
    message: str
    operation: str
    status: int

    @classmethod
    def of(cls, error: ClientError) -> ErrorResponse:
        """Return the response that botocore has raised as an error."""
        content: Any = error.response.get("Error") or {}
        metadata: Any = error.response.get("ResponseMetadata") or {}
        return cls(
            code=str(content.get("Code") or ""),
            message=one_line(content.get("Message") or ""),
            operation=error.operation_name,
            status=int(metadata.get("HTTPStatusCode") or 0),
        )

    @property
    def rejects_signature(self) -> bool:
        """Whether the keys aren't accepted; some services then quote what they have signed."""
        return self.code in _REJECTED


_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_REJECTED = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "Forbidden",
    "ForbiddenException",
    "UnauthorizedOperation",
}
#: What STS says about a token of another identity provider.
_BAD_TOKEN = {"ExpiredTokenException", "IDPRejectedClaim", "InvalidIdentityToken"}


def from_response(error: ClientError, chain: Chain) -> AwsProfileError:
    """Return an error response as an error of ours."""
    response = ErrorResponse.of(error)
    if "MultiFactorAuthentication failed" in response.message:
        return _mfa_rejected(response, chain)
    if _is_clock_wrong(response):
        return ServiceError(
            f"AWS refused {response.operation} since this machine's clock is wrong.",
            "Set the clock (a virtual machine's may be behind after a pause), then run the cell "
            "again.",
        )
    if response.operation == "AssumeRoleWithWebIdentity" and response.code in _BAD_TOKEN | _DENIED:
        return _web_identity_refused(response, chain)
    if response.code in _EXPIRED | _REJECTED:
        return _keys_refused(response, chain)
    if response.code in _DENIED:
        return _denied(response, chain)
    reason = response.message or response.code or f"HTTP {response.status}, without a reason"
    return ServiceError(
        f"{response.operation} failed for `{chain.asked_for}`: {reason}",
        _advice(response, chain),
    )


def unexpected_response(chain: Chain) -> ServiceError:
    """Return the error about a response that AWS doesn't send."""
    return ServiceError(f"`{chain.asked_for}` got an answer that isn't one of AWS.", _NOT_AWS)


_NOT_AWS = "Another server or a proxy may have answered: check the profile's `endpoint_url`."


def _mfa_rejected(response: ErrorResponse, chain: Chain) -> MfaRejected:
    return MfaRejected(
        f"AWS refused the MFA code for `{chain.asked_for}`: {response.message}",
        "`mfa_serial` has to name a device of the user whose keys start the chain."
        if "serial number is valid" in response.message
        else "Each code works once. Wait for the device's next one, then run the cell again.",
    )


def _is_clock_wrong(response: ErrorResponse) -> bool:
    """Tell a clock that is wrong from keys that are.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
    """
    return response.code in {"RequestTimeTooSkewed", "RequestInTheFuture"} or bool(
        re.match("Signature (expired|not yet current)", response.message)
    )


def _web_identity_refused(response: ErrorResponse, chain: Chain) -> AwsProfileError:
    """Tell a token that is over from one that isn't taken, and that from a role that isn't its.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
    """
    if response.code in _DENIED:
        return AccessDenied(
            f"AWS doesn't let the web identity of `{chain.asked_for}` assume its role.",
            "The role's trust policy has to name the token's provider, audience and subject; or "
            "there is no such role.",
        )
    kind = CredentialsExpired if response.code in _EXPIRED else CredentialsRejected
    return kind(
        f"AWS doesn't accept the web identity token of `{chain.asked_for}`: {response.message}",
        "Whoever writes its web_identity_token_file has to write a new one, for an audience that "
        "the IAM identity provider has.",
    )


def _keys_refused(response: ErrorResponse, chain: Chain) -> CredentialsRejected:
    signer = chain.signer(response.operation)
    if response.code in _EXPIRED:
        return CredentialsExpired(
            f"The credentials of `{signer}` have expired.",
            "Renew them where they come from, then run `%aws_profile --refresh`.",
        )
    return CredentialsRejected(
        f"AWS doesn't accept the keys of `{signer}` ({response.code}).",
        "They are unknown, disabled, or have the wrong secret. Correct them where they come "
        f"from. {chain.explain_hint}",
    )


def _denied(response: ErrorResponse, chain: Chain) -> AccessDenied:
    if response.operation == "AssumeRole":
        return _assume_role_denied(response, chain)
    return AccessDenied(
        f"`{chain.asked_for}` may not call {response.operation}: {response.message or 'denied'}",
        "Whoever has signed in has no such role: see sso_account_id and sso_role_name."
        if response.operation == "GetRoleCredentials"
        else "Ask for the permission, or switch to a profile that has it.",
    )


def _assume_role_denied(response: ErrorResponse, chain: Chain) -> AccessDenied:
    """Tell the two sides of an AssumeRole apart as far as AWS's text does.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html
    """
    caller = re.search(r"User: (\S+)", response.message)
    role = re.search(r"on resource: (\S+)", response.message)
    who = caller[1] if caller else f"`{chain.signer(response.operation)}`"
    what = role[1] if role else f"the role of `{chain.asked_for}`"
    reasons = (why for text, why in _DENIED_BY.items() if text in response.message)
    return AccessDenied(
        f"AWS doesn't let {who} assume {what}.",
        next(
            reasons,
            "Either its trust policy doesn't name the caller (or asks for an external ID or MFA), "
            "or the caller's own policy doesn't allow sts:AssumeRole, or there is no such role.",
        ),
    )


#: Which policy it was, by AWS's words for it.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_DENIED_BY = {
    "no identity-based policy": "The caller's own policy doesn't allow sts:AssumeRole on it.",
    "deny in an identity-based policy": "The caller's own policy denies sts:AssumeRole on it.",
    "trust policy": "The role's trust policy doesn't name the caller, or asks for more: an "
    "external ID (`--external-id`), an MFA device (`mfa_serial`).",
    "resource-based policy": "The role's trust policy doesn't name the caller, or asks for more: "
    "an external ID (`--external-id`), an MFA device (`mfa_serial`).",
    "service control policy": "A policy of your organisation (SCP) denies it.",
    "permissions boundary": "The caller's permissions boundary doesn't allow sts:AssumeRole.",
    "session policy": "The caller's session is narrowed by a session policy, such as that of "
    "`--read-only`.",
}


def _advice(response: ErrorResponse, chain: Chain) -> str:
    """Return what to do about a response that isn't about who may do what."""
    if response.code in THROTTLED:
        return "AWS limits how often this may be called. Wait a little, then run the cell again."
    if "exceeds the 1 hour" in response.message:
        return "A role that a role assumes lasts an hour at most: take 3600 seconds or less."
    if "DurationSeconds exceeds" in response.message:
        return "Take a shorter `duration_seconds` (or `--duration`), or have the role allow more."
    if response.code == "ValidationError":
        return f"A setting or an option has a value that AWS doesn't take. {chain.explain_hint}"
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "The other side has a problem. Wait a little, then run the cell again."
    if response.code == "RegionDisabledException":
        return (
            "Take another Region with `--region`, or enable this one for the account: "
            "https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html"
        )
    return _NOT_AWS if not response.code or response.code.isdecimal() else ""
