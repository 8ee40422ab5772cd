"""Translate AWS error responses to this package's exceptions.

AWS-compatible servers can omit an error's code or message.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import re
from http import HTTPStatus

from botocore.exceptions import ClientError

from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.error_response import (
    DENIED,
    EXPIRED,
    REJECTED,
    ErrorResponse,
    in_words,
)
from ipy_awsprofile.credentials.retries import THROTTLED
from ipy_awsprofile.credentials.scoped_errors import not_limited
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    CredentialsExpired,
    CredentialsRejected,
    MfaRejected,
    RoleNotAssigned,
    ServiceError,
)
from ipy_awsprofile.text import assigned_name, quoted

#: Error codes for a web identity token that STS rejects.
_BAD_TOKEN = {"ExpiredTokenException", "IDPRejectedClaim", "InvalidIdentityToken"}


def from_response(error: ClientError, chain: ChainNames) -> AwsProfileError:
    """Return this package's exception for an error response."""
    response = ErrorResponse.of(error)
    if "MultiFactorAuthentication failed" in response.message:
        return _mfa_rejected(response, chain)
    if _is_clock_wrong(response):
        return ServiceError(
            f"AWS refused {response.operation} because this machine's clock is wrong.",
            "Set the clock (a virtual machine's can be slow after a pause), then run the cell "
            "again.",
        )
    if response.operation == "AssumeRoleWithWebIdentity" and response.code in _BAD_TOKEN | DENIED:
        return _web_identity_refused(response, chain)
    if response.operation == "GetScopedCredentials" and (ours := not_limited(response, chain)):
        return ours
    if response.code in EXPIRED | REJECTED:
        return _keys_refused(response, chain)
    if response.code in DENIED:
        return _denied(response, chain)
    reason = response.message or in_words(response.code)
    reason = reason or f"HTTP {response.status}, without a reason"
    return ServiceError(
        f"{response.operation} failed for `{chain.asked_for}`: {reason}",
        _advice(response, chain),
    )


def unexpected_response(chain: ChainNames) -> ServiceError:
    """Return the exception for a response that doesn't come from AWS."""
    return ServiceError(f"`{chain.asked_for}` got a response that isn't from AWS.", _NOT_AWS)


_NOT_AWS = "Another server or a proxy may have answered: check the profile's `endpoint_url`."


def _mfa_rejected(response: ErrorResponse, chain: ChainNames) -> MfaRejected:
    is_about_device = "serial number is valid" in response.message
    error = MfaRejected(
        f"AWS refused the MFA code for `{chain.asked_for}`: {response.message}",
        "`mfa_serial` must be an MFA device of the user whose keys start the role chain."
        if is_about_device
        else "Each code works once. Wait for the next code, then run the cell again.",
    )
    error.is_about_device = is_about_device
    return error


def _is_clock_wrong(response: ErrorResponse) -> bool:
    """Return whether AWS rejected the signature because this machine's clock is wrong.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
    """
    return response.code in {"RequestTimeTooSkewed", "RequestInTheFuture"} or bool(
        re.match("Signature (expired|not yet current)", response.message)
    )


def _web_identity_refused(response: ErrorResponse, chain: ChainNames) -> AwsProfileError:
    """Return the exception for a rejected web identity token or a role that doesn't trust it.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
    """
    if response.code in DENIED:
        return AccessDenied(
            f"AWS doesn't let the web identity of `{chain.asked_for}` assume its role.",
            "Check that the role exists, and that its trust policy names the token's provider, "
            "audience and subject.",
        )
    kind = CredentialsExpired if response.code in EXPIRED else CredentialsRejected
    return kind(
        f"AWS doesn't accept the web identity token of `{chain.asked_for}`: {response.message}",
        "Write a new token to its web_identity_token_file, for an audience that the IAM identity "
        "provider accepts.",
    )


def _keys_refused(response: ErrorResponse, chain: ChainNames) -> CredentialsRejected:
    signer = chain.signer(response.operation)
    if response.code in EXPIRED:
        return CredentialsExpired(
            f"The credentials of `{signer}` have expired.",
            "Renew them at their source, then run the cell again. If "
            f"`{chain.asked_for}` is active, run `%aws_profile --refresh` first.",
        )
    return CredentialsRejected(
        f"AWS doesn't accept the keys of `{signer}` ({response.code}).",
        "The access key is unknown or inactive, or the secret is wrong. Correct them at their "
        f"source. {chain.explain_hint}",
    )


def _denied(response: ErrorResponse, chain: ChainNames) -> AccessDenied:
    if response.operation == "AssumeRole":
        return _assume_role_denied(response, chain)
    if response.operation == "GetRoleCredentials":
        return _role_not_assigned(response, chain)
    return AccessDenied(
        f"`{chain.asked_for}` isn't allowed to call {response.operation}: "
        f"{response.message or 'denied'}",
        "Ask for the permission, or switch to a profile that has it.",
    )


def _role_not_assigned(response: ErrorResponse, chain: ChainNames) -> RoleNotAssigned:
    if role := assigned_name(chain.asked_for):
        return RoleNotAssigned(
            f"The signed-in user isn't assigned `{role.role}` in account {role.account}.",
            f"`%aws_profiles --sso {quoted(role.sign_in)}` lists the accounts and roles.",
        )
    return RoleNotAssigned(
        f"`{chain.asked_for}` isn't allowed to call {response.operation}: "
        f"{response.message or 'denied'}",
        "The signed-in user isn't assigned this role: see sso_account_id and sso_role_name.",
    )


def _assume_role_denied(response: ErrorResponse, chain: ChainNames) -> AccessDenied:
    """Return the exception for a denied AssumeRole, with the reason if AWS's message gives it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html
    """
    caller = re.search(r"User: (\S+)", response.message)
    role = re.search(r"on resource: (\S+)", response.message)
    who = caller[1] if caller else f"`{chain.signer(response.operation)}`"
    what = role[1] if role else f"the role of `{chain.asked_for}`"
    for action, hint in _ALSO_NEEDED.items():
        if action in response.message:
            return AccessDenied(f"AWS doesn't let {who} call {action} for {what}.", hint)
    reasons = (why for text, why in _DENIED_BY.items() if text in response.message)
    return AccessDenied(
        f"AWS doesn't let {who} assume {what}.",
        next(
            reasons,
            "Check that the role exists, that its trust policy names the caller (it can require an "
            "external ID or MFA), and that the caller's policy allows sts:AssumeRole.",
        ),
    )


#: Actions that an option requires in addition to sts:AssumeRole, with hints.
_ALSO_NEEDED = {
    "sts:TagSession": "For session tags (`--tag`, session_tags), the role's trust policy must "
    "allow sts:TagSession, and so must the policy of a caller from another account.",
    "sts:SetSourceIdentity": "For a source identity (`--source-identity`, source_identity), "
    "the role's trust policy must allow sts:SetSourceIdentity, and so must the policy of a caller "
    "from another account.",
}

#: Hints for the type of policy that denies access, by the phrase in AWS's message.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_DENIED_BY = {
    "no identity-based policy": "The caller's policy doesn't allow sts:AssumeRole on the role.",
    "deny in an identity-based policy": "The caller's policy denies sts:AssumeRole on the role.",
    "xternal": "The role's trust policy requires a different external ID: correct "
    "`external_id` (or `--external-id`).",
    "trust policy": "The role's trust policy doesn't name the caller, or requires an external ID "
    "(`--external-id`) or MFA (`mfa_serial`).",
    "resource-based policy": "The role's trust policy doesn't name the caller, or requires an "
    "external ID (`--external-id`) or MFA (`mfa_serial`).",
    "service control policy": "A service control policy of your organization denies it.",
    "permissions boundary": "The caller's permissions boundary doesn't allow sts:AssumeRole.",
    "session policy": "A session policy, such as the policy of `--read-only`, limits the caller's "
    "session.",
}


_REDIRECTION = 3


def _advice(response: ErrorResponse, chain: ChainNames) -> str:
    """Return the hint for an error that isn't caused by keys or permissions."""
    if response.code in THROTTLED:
        return "AWS limits how often this can be called. Wait a minute, then run the cell again."
    if "exceeds the 1 hour" in response.message:
        return "With role chaining, a session lasts one hour at most. Use 3600 seconds or less."
    if "DurationSeconds exceeds" in response.message:
        return "Use a shorter `duration_seconds` (or `--duration`), or increase the role's maximum."
    if response.code == "ValidationError":
        return f"A setting or an option has a value that AWS doesn't accept. {chain.explain_hint}"
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return (
            f"The service failed (HTTP {response.status}). Wait a minute, then run the cell again."
        )
    if response.status // 100 == _REDIRECTION and response.operation == "ListBuckets":
        return "Use the Region of this S3 endpoint with `--region`, or correct `endpoint_url`."
    if response.code == "RegionDisabledException":
        return (
            "Use another Region with `--region`, or enable this one for the account: "
            "https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html"
        )
    return "" if in_words(response.code) else _NOT_AWS
