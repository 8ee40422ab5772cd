"""What botocore and AWS say, once, as an error of ours.

Callers wrap a call in `translated`; what comes out names the profile, the hop and the next step,
and has the foreign error as its cause. Nothing here raises for an answer that is shaped oddly:
AWS-compatible servers send errors without a code, or with no message.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as botocore_errors
from botocore.parsers import ResponseParserError

from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    CredentialsExpired,
    CredentialsRejected,
    CredentialsUnavailable,
    EndpointUnreachable,
    InvalidOption,
    InvalidProfile,
    InvalidSource,
    MfaRejected,
    MfaUnavailable,
    NoRegion,
    ProfileNotFound,
    ServiceError,
    SignInRequired,
    SourceLoop,
)

#: Their texts, or those of what they come from, may quote what a credential_process printed.
_UNQUOTABLE = (botocore_errors.CredentialRetrievalError, json.JSONDecodeError)


@contextmanager
def translated(chain: tuple[str, ...], *, hop: int = 0) -> Iterator[None]:
    """Raise botocore's errors as ours.

    ``chain`` names the profiles at work, from the one that was asked for to the one whose
    credentials start it; it is empty for a session that no profile of ours has opened. ``hop``
    counts from the first to the one whose credentials are being fetched.
    """
    try:
        yield
    except Exception as error:
        ours = _translation(error, chain[hop:])
        if ours is None:
            raise
        if hop:
            ours.args = (f"{ours} It is needed for `{chain[0]}`.",)
        raise ours from (None if isinstance(error, _UNQUOTABLE) else error)


def _translation(error: Exception, chain: tuple[str, ...]) -> AwsProfileError | None:
    match error:
        case botocore_errors.ClientError():
            return _from_answer(error, chain)
        case botocore_errors.CredentialRetrievalError():
            return _unavailable(error.kwargs.get("provider", ""), chain)
        case botocore_errors.BotoCoreError() | botocore_errors.HTTPClientError():
            return _from_botocore(error, chain)
        # What follows botocore lets through as Python raised it.
        case json.JSONDecodeError():
            return _unavailable("custom-process", chain)
        case ResponseParserError() | KeyError():  # a success without what belongs in it
            return ServiceError(
                f"`{_asked_for(chain)}` got an answer that isn't one of AWS.",
                "Check the profile's `endpoint_url`: another kind of server may be there.",
            )
        case OSError():
            return CredentialsUnavailable(
                f"The source of `{_start_of(chain)}` gave no credentials: "
                f"{error.strerror or type(error).__name__} (`{error.filename}`).",
                "Correct the command or the file that the profile names.",
            )
        case ValueError():
            return InvalidProfile(
                f"A setting of `{_asked_for(chain)}` can't be used: {_one_line(error)}"
            )
        case _:
            return None


@dataclass(frozen=True, slots=True)
class _Answer:
    """An error answer, with the parts that may be missing made safe."""

    code: str
    message: str
    operation: str
    status: int

    @classmethod
    def of(cls, error: botocore_errors.ClientError) -> _Answer:
        said: Any = error.response.get("Error") or {}
        metadata: Any = error.response.get("ResponseMetadata") or {}
        return cls(
            code=str(said.get("Code") or ""),
            message=_one_line(said.get("Message") or ""),
            operation=error.operation_name,
            status=int(metadata.get("HTTPStatusCode") or 0),
        )


_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_REJECTED = {
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
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


def _from_answer(error: botocore_errors.ClientError, chain: tuple[str, ...]) -> AwsProfileError:
    answer = _Answer.of(error)
    if "MultiFactorAuthentication failed" in answer.message:
        return MfaRejected(
            f"AWS refused the MFA code for `{_asked_for(chain)}`: {answer.message}",
            "Each code works once. Wait for the device's next one, then run the cell again.",
        )
    if skew := _clock_skew(answer):
        return skew
    if answer.operation == "AssumeRoleWithWebIdentity" and answer.code in _BAD_TOKEN:
        return CredentialsExpired(
            f"AWS doesn't accept the web identity token of `{_asked_for(chain)}`: {answer.message}",
            "Whoever writes its web_identity_token_file has to write a new one.",
        )
    if answer.code in _EXPIRED:
        return CredentialsExpired(
            f"The credentials of `{_signer(answer, chain)}` have expired.",
            "Renew them where they come from, then run `%aws_profile --refresh`.",
        )
    if answer.code in _REJECTED:
        return CredentialsRejected(
            f"AWS doesn't accept the keys of `{_signer(answer, chain)}` ({answer.code}).",
            "They are unknown, disabled, or have the wrong secret. Correct them in the "
            "credentials file.",
        )
    if answer.code in _DENIED and answer.operation == "AssumeRole":
        return _assume_role_denied(answer, chain)
    if answer.code in _DENIED:
        return AccessDenied(
            f"`{_asked_for(chain)}` may not call {answer.operation}: {answer.message or 'denied'}",
            "Whoever has signed in has no such role: see sso_account_id and sso_role_name."
            if answer.operation == "GetRoleCredentials"
            else "Ask for the permission, or switch to a profile that has it.",
        )
    what = answer.message or answer.code or f"HTTP {answer.status}, without a reason"
    failed = f"{answer.operation} failed for `{_asked_for(chain)}`: {what}"
    return ServiceError(failed, _ADVICE.get(answer.code, ""))


_THROTTLED = "AWS limits how often this may be called. Wait a little, then run the cell again."

#: What to do about an answer, by its code.
_ADVICE = {
    "RegionDisabledException": "Take another Region with `--region`, or enable this one for the "
    "account: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html",
    "BandwidthLimitExceeded": _THROTTLED,
    "RequestLimitExceeded": _THROTTLED,
    "RequestThrottled": _THROTTLED,
    "SlowDown": _THROTTLED,
    "Throttling": _THROTTLED,
    "ThrottlingException": _THROTTLED,
    "TooManyRequestsException": _THROTTLED,
}


def _clock_skew(answer: _Answer) -> ServiceError | None:
    """Tell a clock that is wrong from keys that are.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
    """
    is_skewed = answer.code in {"RequestTimeTooSkewed", "RequestInTheFuture"} or re.match(
        "Signature (expired|not yet current)", answer.message
    )
    if not is_skewed:
        return None
    return ServiceError(
        f"AWS refused {answer.operation} since this machine's clock is wrong.",
        "Set the clock (a virtual machine's may be behind after a pause), then run the cell again.",
    )


def _assume_role_denied(answer: _Answer, chain: tuple[str, ...]) -> AccessDenied:
    """Tell the two sides of an AssumeRole apart as far as AWS's text does.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html
    """
    caller = _quoted_part(r"User: (\S+)", answer.message) or f"`{_signer(answer, chain)}`"
    role = (
        _quoted_part(r"on resource: (\S+)", answer.message) or f"the role of `{_asked_for(chain)}`"
    )
    reasons = (why for text, why in _DENIED_BY.items() if text in answer.message)
    return AccessDenied(
        f"AWS doesn't let {caller} assume {role}.",
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


def _from_botocore(error: Exception, chain: tuple[str, ...]) -> AwsProfileError:
    name = _asked_for(chain)
    match error:
        case botocore_errors.ProfileNotFound():
            return ProfileNotFound(error.kwargs.get("profile", name))
        case botocore_errors.NoRegionError():
            return NoRegion(
                f"No AWS Region is known for `{name}`.",
                f"Add `region = …` to the profile, or run `%aws_profile {name} --region …`.",
            )
        case botocore_errors.InvalidRegionError():
            return InvalidOption(_one_line(error))
        case botocore_errors.ParamValidationError():
            return InvalidOption(_one_line(error.kwargs.get("report", error)))
        case botocore_errors.InfiniteLoopConfigError():
            return SourceLoop(_one_line(error))
        case botocore_errors.InvalidConfigError() | botocore_errors.PartialCredentialsError():
            return InvalidSource(_one_line(error))
        case botocore_errors.NoCredentialsError():
            return no_credentials(name)
        case botocore_errors.RefreshWithMFAUnsupportedError():
            return MfaUnavailable(
                f"The session of `{name}` has expired, and a new one needs an MFA code.",
                "Run `%aws_profile --refresh`.",
            )
        case botocore_errors.MissingDependencyException():
            return CredentialsUnavailable(
                f"The kind of profile `{name}` is needs a part of botocore that isn't installed.",
                'Run `%pip install "botocore[crt]"`, then restart the kernel.',
            )
        case (
            botocore_errors.SSOError()
            | botocore_errors.LoginError()
            | botocore_errors.TokenRetrievalError()
        ):
            return _from_sign_in(error, chain)
        case botocore_errors.HTTPClientError() | botocore_errors.ConnectionError():
            return _unreachable(error, name)
        case _:
            return ServiceError(f"`{name}`: {_one_line(error)}")


def _from_sign_in(error: Exception, chain: tuple[str, ...]) -> AwsProfileError:
    source = _start_of(chain)
    expired = f"The sign-in of `{source}` is missing or has expired."
    match error:
        case botocore_errors.LoginInsufficientPermissions():
            return AccessDenied(
                f"`{source}` may not renew its sign-in.",
                "Ask for the permission signin:CreateOAuth2Token.",
            )
        case botocore_errors.LoginError():
            command = f"`!aws login --profile {source}`"
            return CredentialsUnavailable(expired, f"Run {command}, then the cell again.")
        case _:
            return SignInRequired(_asked_for(chain), source)


def no_credentials(name: str) -> InvalidProfile:
    """Say that a profile leads to no credentials at all."""
    return InvalidProfile(
        f"The profile `{name}` has no credentials.",
        "Give it keys in the credentials file, or a role_arn with a source_profile.",
    )


def _unavailable(provider: str, chain: tuple[str, ...]) -> CredentialsUnavailable:
    source = "credential_process" if provider == "custom-process" else provider or "source"
    return CredentialsUnavailable(
        f"The {source} of `{_start_of(chain)}` gave no credentials.",
        "Run its command in a terminal to see what it says." if "process" in source else "",
    )


def _unreachable(error: Exception, name: str) -> EndpointUnreachable:
    kwargs = getattr(error, "kwargs", {})
    endpoint = kwargs.get("endpoint_url") or "AWS"
    slow = isinstance(error, botocore_errors.ConnectTimeoutError | botocore_errors.ReadTimeoutError)
    problem = "didn't answer in time" if slow else "can't be reached"
    return EndpointUnreachable(
        f"{endpoint} {problem} for `{name}`.",
        "Check the network (VPN, proxy) and the profile's `endpoint_url`, then run the cell again.",
    )


def _asked_for(chain: tuple[str, ...]) -> str:
    return chain[0] if chain else "this session"


def _signer(answer: _Answer, chain: tuple[str, ...]) -> str:
    """Name whose credentials signed the call: the next hop's to assume a role, or its own."""
    return chain[1] if answer.operation == "AssumeRole" and chain[1:] else _asked_for(chain)


def _start_of(chain: tuple[str, ...]) -> str:
    return chain[-1] if chain else "this session"


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _quoted_part(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else ""
