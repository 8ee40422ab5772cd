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
    SourceLoop,
)


@contextmanager
def translated(chain: tuple[str, ...]) -> Iterator[None]:
    """Raise botocore's errors as ours.

    ``chain`` names the profiles at work, from the one that was asked for to the one whose
    credentials start it; it is empty for a session that no profile of ours has opened.
    """
    try:
        yield
    except botocore_errors.ClientError as error:
        raise _from_answer(error, chain) from error
    except botocore_errors.CredentialRetrievalError as error:
        # What a credential_process printed may hold a secret: it isn't quoted and isn't chained.
        raise _unavailable(error.kwargs.get("provider", ""), chain) from None
    except (botocore_errors.BotoCoreError, botocore_errors.HTTPClientError) as error:
        raise _from_botocore(error, chain) from error
    # What follows botocore lets through as Python raised it.
    except json.JSONDecodeError:
        raise _unavailable("custom-process", chain) from None  # it holds what the process printed
    except (ResponseParserError, KeyError) as error:  # a success without what belongs in it
        raise ServiceError(
            f"`{_asked_for(chain)}` got an answer that isn't one of AWS.",
            "Check the profile's `endpoint_url`: another kind of server may be there.",
        ) from error
    except OSError as error:
        raise CredentialsUnavailable(
            f"The source of `{_start_of(chain)}` gave no credentials: "
            f"{error.strerror or type(error).__name__} (`{error.filename}`).",
            "Correct the command or the file that the profile names.",
        ) from error
    except ValueError as error:
        raise InvalidProfile(
            f"A setting of `{_asked_for(chain)}` can't be used: {_one_line(error)}"
        ) from None


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
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403"}


def _from_answer(error: botocore_errors.ClientError, chain: tuple[str, ...]) -> AwsProfileError:
    answer = _Answer.of(error)
    if "MultiFactorAuthentication failed" in answer.message:
        return MfaRejected(
            f"AWS refused the MFA code for `{_asked_for(chain)}`: {answer.message}",
            "Each code works once. Wait for the device's next one, then run the cell again.",
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
            "Ask for the permission, or switch to a profile that has it.",
        )
    what = answer.message or answer.code or f"HTTP {answer.status}, without a reason"
    return ServiceError(f"{answer.operation} failed for `{_asked_for(chain)}`: {what}")


def _assume_role_denied(answer: _Answer, chain: tuple[str, ...]) -> AccessDenied:
    """Tell the two sides of an AssumeRole apart as far as AWS's text does.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html
    """
    caller = _quoted_part(r"User: (\S+)", answer.message) or f"`{_start_of(chain)}`"
    role = (
        _quoted_part(r"on resource: (\S+)", answer.message) or f"the role of `{_asked_for(chain)}`"
    )
    message = f"AWS doesn't let {caller} assume {role}."
    if "identity-based policy" in answer.message:
        return AccessDenied(message, "The caller's own policy doesn't allow sts:AssumeRole on it.")
    return AccessDenied(
        message,
        "Either its trust policy doesn't name the caller (or asks for an external ID or MFA), or "
        "the caller's own policy doesn't allow sts:AssumeRole, or there is no such role.",
    )


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
            | botocore_errors.TokenRetrievalError()
            | botocore_errors.UnauthorizedSSOTokenError()
        ):
            return CredentialsUnavailable(
                f"The sign-in of `{_start_of(chain)}` is missing or has expired.",
                f"Run `!aws sso login --profile {_start_of(chain)}`, then the cell again.",
            )
        case botocore_errors.HTTPClientError() | botocore_errors.ConnectionError():
            return _unreachable(error, name)
        case _:
            return ServiceError(f"`{name}`: {_one_line(error)}")


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
    """Name whose credentials signed the call: the start's to assume a role, the role's after."""
    return _start_of(chain) if answer.operation.startswith("AssumeRole") else _asked_for(chain)


def _start_of(chain: tuple[str, ...]) -> str:
    return chain[-1] if chain else "this session"


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _quoted_part(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else ""
