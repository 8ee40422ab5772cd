"""Translate errors that STS returns when it can't limit a session.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html#API_GetScopedCredentials_Errors
"""

from __future__ import annotations

from http import HTTPStatus

from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.error_response import DENIED, ErrorResponse
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    InvalidOption,
    ServiceError,
)

#: HTTP status codes of servers that don't support an operation.
_NOT_FOUND = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


def not_limited(response: ErrorResponse, chain: ChainNames) -> AwsProfileError | None:
    """Return the exception for a session that STS can't limit; None for other errors."""
    name = chain.asked_for
    if response.code in DENIED:
        return AccessDenied(
            f"AWS doesn't let `{name}` limit its own session: {response.message or 'denied'}",
            "Ask for the permission sts:GetScopedCredentials, or use a profile that assumes a "
            "role. A session can be limited three times at most.",
        )
    if response.code == "InsufficientSessionLifetime":
        return InvalidOption(
            f"The session of `{name}` ends before that: {response.message}",
            "Use a shorter `--duration`, or leave it out.",
        )
    if response.code in {"MalformedPolicyDocument", "PackedPolicyTooLarge"}:
        return InvalidOption(
            f"AWS doesn't accept the policy for `{name}`: {response.message}",
            "Correct the policy, or make it shorter.",
        )
    unknown = response.is_unknown_operation or response.code == "InvalidParameterValue"  # MinIO
    if unknown or response.status in _NOT_FOUND:
        return ServiceError(
            f"The session of `{name}` can't be limited: this STS endpoint doesn't know "
            "GetScopedCredentials.",
            "Use a profile that assumes a role, or leave out `--read-only`, `--policy` and "
            "`--duration`.",
        )
    return None
