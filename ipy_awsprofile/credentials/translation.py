"""What botocore and AWS say, once, as an error of ours.

Callers wrap a call in `translated`; what comes out names the profile, the hop and the next step,
and has the foreign error as its cause. Nothing here raises for an answer that is shaped oddly:
AWS-compatible servers send errors without a code, or with no message.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as botocore_errors
from botocore.parsers import ResponseParserError
from dateutil.parser import ParserError

from ipy_awsprofile.credentials.validation import UnusableCredentialsError
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
from ipy_awsprofile.text import without_user

#: Their texts, or those of what they come from, may quote what a source gave or a person typed.
_UNQUOTABLE = (
    botocore_errors.CredentialRetrievalError,
    botocore_errors.ParamValidationError,
    json.JSONDecodeError,
    ParserError,
    UnicodeDecodeError,
    TypeError,
    UnusableCredentialsError,
)


class translated(AbstractContextManager[None]):  # noqa: N801  # it reads as what it does
    """Raise botocore's errors as ours, without the stack that they come from.

    botocore's frames have keys, tokens and MFA codes among their variables, which IPython's
    ``%xmode Verbose`` prints, also of an error that is only the cause of another.

    ``chain`` names the profiles at work, from the one that was asked for to the one whose
    credentials start it; it is empty for a session that no profile of ours has opened. ``hop``
    counts from the first to the one whose credentials are being fetched.
    """

    def __init__(self, chain: tuple[str, ...], *, hop: int = 0) -> None:
        self._chain = chain
        self._hop = hop
        self._outer: BaseException | None = None

    def __enter__(self) -> None:
        self._outer = sys.exception()  # what the caller is at work on keeps its stack

    def __exit__(self, _kind: object, error: BaseException | None, _stack: object) -> None:
        if isinstance(error, AwsProfileError | KeyboardInterrupt):
            _forget_stack(error, self._outer)
            raise error
        if isinstance(error, Exception) and (ours := self._ours(error)):
            _forget_stack(error, self._outer)
            raise ours from (error if _is_quotable(error) else None)

    def _ours(self, error: Exception) -> AwsProfileError | None:
        ours = _translation(error, self._chain[self._hop :])
        if ours and self._hop:
            told = f"{str(ours).rstrip('.')}. It is needed for `{self._chain[0]}`."
            ours.args = (told,)
        return ours


def _forget_stack(error: BaseException | None, outer: BaseException | None) -> None:
    """Take the stacks off an error and what it comes from, up to what was there before."""
    while error is not None and error is not outer:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _is_quotable(error: Exception) -> bool:
    if isinstance(error, botocore_errors.ClientError):
        # Some services tell what they have computed the signature over: headers with a token.
        return _Answer.of(error).code not in _REJECTED
    # HTTP's own words for a header that can't be sent hold the header.
    return not isinstance(error, _UNQUOTABLE) and type(error) is not botocore_errors.HTTPClientError


def _translation(error: Exception, chain: tuple[str, ...]) -> AwsProfileError | None:
    match error:
        case botocore_errors.ClientError():
            return _from_answer(error, chain)
        case botocore_errors.CredentialRetrievalError():
            return _unavailable(error.kwargs.get("provider", ""), chain)
        case botocore_errors.BotoCoreError() | botocore_errors.HTTPClientError():
            return _from_botocore(error, chain)
        case UnusableCredentialsError():
            return CredentialsUnavailable(
                f"The credentials of `{_start_of(chain)}` can't be used: {error}.",
                _explains(chain),
            )
        # What follows botocore lets through as Python raised it.
        case ParserError() | TypeError() | json.JSONDecodeError():
            return CredentialsUnavailable(
                f"The credentials of `{_start_of(chain)}` can't be read.", _explains(chain)
            )
        case UnicodeDecodeError():
            return CredentialsUnavailable(
                f"A file that `{_start_of(chain)}` names is no text.", _explains(chain)
            )
        case RuntimeError() if "AWS_ERROR_" in str(error):  # of the library for signing
            return CredentialsRejected(
                f"The keys of `{_start_of(chain)}` can't be signed with.", _explains(chain)
            )
        case ResponseParserError() | KeyError():  # a success without what belongs in it
            return ServiceError(
                f"`{_asked_for(chain)}` got an answer that isn't one of AWS.",
                _NOT_AWS,
            )
        case OSError():
            return CredentialsUnavailable(
                f"A file that `{_start_of(chain)}` needs can't be used: "
                f"{error.strerror or type(error).__name__} (`{error.filename}`).",
                f"Correct its name, or have it written anew. {_explains(chain)}",
            )
        case ValueError() if str(error).startswith(("Unsupported host", "Auth token")):
            return _unavailable("EcsContainer", chain)
        case ValueError():
            return InvalidProfile(
                f"A setting of `{_asked_for(chain)}` can't be used: "
                f"{without_user(_one_line(error))}",
                _explains(chain),
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


def _from_answer(error: botocore_errors.ClientError, chain: tuple[str, ...]) -> AwsProfileError:
    answer = _Answer.of(error)
    if "MultiFactorAuthentication failed" in answer.message:
        return MfaRejected(
            f"AWS refused the MFA code for `{_asked_for(chain)}`: {answer.message}",
            "`mfa_serial` has to name a device of the user whose keys start the chain."
            if "serial number is valid" in answer.message
            else "Each code works once. Wait for the device's next one, then run the cell again.",
        )
    if skew := _clock_skew(answer):
        return skew
    if answer.operation == "AssumeRoleWithWebIdentity" and answer.code in _BAD_TOKEN | _DENIED:
        return _web_identity_refused(answer, chain)
    if answer.code in _EXPIRED:
        return CredentialsExpired(
            f"The credentials of `{_signer(answer, chain)}` have expired.",
            "Renew them where they come from, then run `%aws_profile --refresh`.",
        )
    if answer.code in _REJECTED:
        return CredentialsRejected(
            f"AWS doesn't accept the keys of `{_signer(answer, chain)}` ({answer.code}).",
            "They are unknown, disabled, or have the wrong secret. Correct them where they come "
            f"from. {_explains(chain)}",
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
    return ServiceError(failed, _advice(answer, chain))


def _web_identity_refused(answer: _Answer, chain: tuple[str, ...]) -> AwsProfileError:
    """Tell a token that is over from one that isn't taken, and that from a role that isn't its.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
    """
    name = _asked_for(chain)
    if answer.code in _DENIED:
        return AccessDenied(
            f"AWS doesn't let the web identity of `{name}` assume its role.",
            "The role's trust policy has to name the token's provider, audience and subject; or "
            "there is no such role.",
        )
    kind = CredentialsExpired if answer.code in _EXPIRED else CredentialsRejected
    return kind(
        f"AWS doesn't accept the web identity token of `{name}`: {answer.message}",
        "Whoever writes its web_identity_token_file has to write a new one, for an audience that "
        "the IAM identity provider has.",
    )


def _advice(answer: _Answer, chain: tuple[str, ...]) -> str:
    """Say what to do about an answer that isn't about who may do what."""
    if answer.code in THROTTLED:
        return "AWS limits how often this may be called. Wait a little, then run the cell again."
    if "exceeds the 1 hour" in answer.message:
        return "A role that a role assumes lasts an hour at most: take 3600 seconds or less."
    if "DurationSeconds exceeds" in answer.message:
        return "Take a shorter `duration_seconds` (or `--duration`), or have the role allow more."
    if answer.code == "ValidationError":
        return f"A setting or an option has a value that AWS doesn't take. {_explains(chain)}"
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "The other side has a problem. Wait a little, then run the cell again."
    if not answer.code or answer.code.isdecimal():
        return _NOT_AWS
    return _ADVICE.get(answer.code, "")


_NOT_AWS = "Another server or a proxy may have answered: check the profile's `endpoint_url`."

#: How AWS's services say that they are called too often.
#: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

#: What to do about an answer, by its code.
_ADVICE = {
    "RegionDisabledException": "Take another Region with `--region`, or enable this one for the "
    "account: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html",
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
        case botocore_errors.MetadataRetrievalError() | botocore_errors.InvalidIMDSEndpointError():
            return _unavailable("Ec2InstanceMetadata", chain)
        case _:
            return _from_setting(error, chain)


def _from_setting(error: Any, chain: tuple[str, ...]) -> AwsProfileError:
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
            return InvalidOption(
                f"A region of `{name}` is none: {_one_line(error)}",
                f"Correct it, or take another with `--region`. {_explains(chain)}",
            )
        case botocore_errors.ParamValidationError():
            return _invalid_parameter(str(error.kwargs.get("report", error)), chain)
        case botocore_errors.InfiniteLoopConfigError():
            return SourceLoop(_one_line(error), _explains(chain))
        case botocore_errors.InvalidConfigError():
            return InvalidSource(_one_line(error), _explains(chain))
        case botocore_errors.PartialCredentialsError():
            return InvalidSource(
                f"`{_start_of(chain)}` has half of a pair of keys: "
                f"{error.kwargs.get('cred_var')} is missing.",
                f"Both have to stand in the same place. {_explains(chain)}",
            )
        case _:
            return ServiceError(f"`{name}`: {_one_line(error)}")


#: The parameters of calls that settings fill, and what an impossible value of each is.
_SETTINGS: dict[str, tuple[str, type[AwsProfileError]]] = {
    "RoleArn": ("role_arn", InvalidProfile),
    "RoleSessionName": ("role_session_name", InvalidOption),
    "DurationSeconds": ("duration_seconds", InvalidOption),
    "ExternalId": ("external_id", InvalidOption),
    "SerialNumber": ("mfa_serial", InvalidProfile),
    "WebIdentityToken": ("content of the web_identity_token_file", InvalidProfile),
}


def _invalid_parameter(report: str, chain: tuple[str, ...]) -> AwsProfileError:
    """Name the setting behind a parameter that can't be sent; its value may be a secret one."""
    first = _one_line(re.sub(r", value: .*, type: .*", "", report))
    parameter = _quoted_part(r"parameter (\w+)", first)
    setting, kind = _SETTINGS.get(parameter, (parameter or "request", InvalidOption))
    return kind(f"The {setting} of `{_asked_for(chain)}` is impossible: {first}", _explains(chain))


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
        "Give it keys in the credentials file, or a role_arn with a source_profile. "
        f"{_explains((name,))}",
    )


#: What botocore's names for sources mean, and where to look if one gives nothing.
_SOURCES = {
    "Environment": ("environment", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),
    "EcsContainer": (
        "container's credential service",
        "ECS and EKS set AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI (loopback or https), "
        "and AWS_CONTAINER_AUTHORIZATION_TOKEN or …_TOKEN_FILE.",
    ),
    "Ec2InstanceMetadata": (
        "instance's metadata service",
        "Only an EC2 instance with a role has it; AWS_EC2_METADATA_DISABLED and "
        "AWS_EC2_METADATA_SERVICE_ENDPOINT bend where it is asked.",
    ),
}
_SOURCES["container-role"] = _SOURCES["EcsContainer"]
_SOURCES["iam-role"] = _SOURCES["Ec2InstanceMetadata"]


def _unavailable(provider: str, chain: tuple[str, ...]) -> CredentialsUnavailable:
    source, hint = _SOURCES.get(provider, (f"source `{provider}`", _explains(chain)))
    return CredentialsUnavailable(
        f"The {source} gave no credentials for `{_start_of(chain)}`.", hint
    )


def _explains(chain: tuple[str, ...]) -> str:
    """Point to what the files say."""
    return f"`%aws_profile --explain {chain[0]}` shows what is read." if chain else ""


def _unreachable(error: Exception, name: str) -> EndpointUnreachable:
    kwargs = getattr(error, "kwargs", {})
    url = urlsplit(kwargs.get("endpoint_url", ""))
    endpoint = f"{url.scheme}://{url.netloc.rpartition('@')[2]}" if url.netloc else "AWS"
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
