"""What botocore and AWS say becomes one of our errors, however oddly it is said."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest
from botocore import exceptions as theirs
from botocore.exceptions import ClientError

from ipy_awsprofile import errors as ours
from ipy_awsprofile.credentials.botocore_errors import no_credentials
from ipy_awsprofile.credentials.translation import translated

CHAIN = ("RoleBeta", "UserAlpha")
ROLE = "arn:aws:iam::123456789012:role/RoleBeta"
USER = "arn:aws:iam::231179739868:user/UserAlpha"


def answer(
    code: object = None, message: object = None, operation: str = "ListBuckets"
) -> ClientError:
    """Make the error that botocore makes of an answer with this code and message."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(response, operation)


def told(error: Exception, chain: tuple[str, ...] = CHAIN) -> ours.AwsProfileError:
    """Translate an error."""
    with pytest.raises(ours.AwsProfileError) as caught, translated(chain):
        raise error
    return caught.value


def test_user_of_an_endpoint() -> None:
    """Name and password in the address of an endpoint aren't told."""
    url = "http://ann:hunter2@e:1/path"
    unreachable = told(theirs.EndpointConnectionError(endpoint_url=url, error="x"))
    assert str(unreachable) == "http://e:1 can't be reached for `RoleBeta`."
    assert "hunter2" not in str(told(ValueError(f"Invalid endpoint: {url}")))


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException"])
def test_what_was_signed_is_not_told(code: str) -> None:
    """Some services answer with the headers that they have computed a signature over."""
    error = told(answer(code, "The canonical string is x-amz-security-token:SECRET"))
    assert "SECRET" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            answer("ExpiredToken", "x"),
            ours.CredentialsExpired,
            "The credentials of `RoleBeta` have expired.",
        ),
        (
            answer("ExpiredTokenException", "x", "AssumeRole"),
            ours.CredentialsExpired,
            "The credentials of `UserAlpha` have expired.",
        ),
        (
            answer("InvalidClientTokenId", "x", "AssumeRole"),
            ours.CredentialsRejected,
            "AWS doesn't accept the keys of `UserAlpha` (InvalidClientTokenId).",
        ),
        (
            answer("SignatureDoesNotMatch", "x"),
            ours.CredentialsRejected,
            "AWS doesn't accept the keys of `RoleBeta` (SignatureDoesNotMatch).",
        ),
        (
            answer("AccessDenied", "Access Denied"),
            ours.AccessDenied,
            "`RoleBeta` may not call ListBuckets: Access Denied",
        ),
        (
            answer("AccessDenied", None),
            ours.AccessDenied,
            "`RoleBeta` may not call ListBuckets: denied",
        ),
        (
            answer("403", ""),
            ours.AccessDenied,
            "`RoleBeta` may not call ListBuckets: denied",
        ),
        (
            answer(
                "AccessDenied",
                f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}",
                "AssumeRole",
            ),
            ours.AccessDenied,
            f"AWS doesn't let {USER} assume {ROLE}.",
        ),
        (
            answer("AccessDenied", None, "AssumeRole"),
            ours.AccessDenied,
            "AWS doesn't let `UserAlpha` assume the role of `RoleBeta`.",
        ),
        (
            answer(
                "AccessDenied",
                "MultiFactorAuthentication failed with invalid MFA one time pass code.",
                "AssumeRole",
            ),
            ours.MfaRejected,
            "AWS refused the MFA code for `RoleBeta`: "
            "MultiFactorAuthentication failed with invalid MFA one time pass code.",
        ),
        (
            answer("ForbiddenException", "No access", "GetRoleCredentials"),
            ours.AccessDenied,
            "`RoleBeta` may not call GetRoleCredentials: No access",
        ),
        (
            answer("InvalidIdentityToken", "No provider.", "AssumeRoleWithWebIdentity"),
            ours.CredentialsRejected,
            "AWS doesn't accept the web identity token of `RoleBeta`: No provider.",
        ),
        (
            answer("ExpiredTokenException", "Over.", "AssumeRoleWithWebIdentity"),
            ours.CredentialsExpired,
            "AWS doesn't accept the web identity token of `RoleBeta`: Over.",
        ),
        (
            answer("AccessDenied", "No", "AssumeRoleWithWebIdentity"),
            ours.AccessDenied,
            "AWS doesn't let the web identity of `RoleBeta` assume its role.",
        ),
        (
            answer("SignatureDoesNotMatch", "Signature expired: 20261125T is now earlier than"),
            ours.ServiceError,
            "AWS refused ListBuckets since this machine's clock is wrong.",
        ),
        (
            answer("RequestTimeTooSkewed", None),
            ours.ServiceError,
            "AWS refused ListBuckets since this machine's clock is wrong.",
        ),
        (
            theirs.LoginRefreshRequired(),
            ours.CredentialsUnavailable,
            "The sign-in of `UserAlpha` is missing or has expired.",
        ),
        (
            theirs.LoginInsufficientPermissions(),
            ours.AccessDenied,
            "`UserAlpha` may not renew its sign-in.",
        ),
        (
            answer("Throttling", "Rate exceeded"),
            ours.ServiceError,
            "ListBuckets failed for `RoleBeta`: Rate exceeded",
        ),
        (
            answer("SlowDown", None),
            ours.ServiceError,
            "ListBuckets failed for `RoleBeta`: SlowDown",
        ),
        (
            answer(None, None),
            ours.ServiceError,
            "ListBuckets failed for `RoleBeta`: HTTP 400, without a reason",
        ),
        (
            ClientError({}, "GetCallerIdentity"),
            ours.ServiceError,
            "GetCallerIdentity failed for `RoleBeta`: HTTP 0, without a reason",
        ),
        (
            ClientError({"ResponseMetadata": {"HTTPStatusCode": 405}}, "GetCallerIdentity"),  # type: ignore[typeddict-item]
            ours.ServiceError,
            "GetCallerIdentity failed for `RoleBeta`: HTTP 405, without a reason",
        ),
        (
            theirs.ProfileNotFound(profile="p"),
            ours.ProfileNotFound,
            "There is no profile `p` in the shared config files.",
        ),
        (theirs.NoRegionError(), ours.NoRegion, "No AWS Region is known for `RoleBeta`."),
        (
            theirs.InvalidRegionError(region_name="a b"),
            ours.InvalidOption,
            "A region of `RoleBeta` is none: "
            "Provided region_name 'a b' doesn't match a supported format.",
        ),
        (
            theirs.ParamValidationError(report="Too\nshort"),
            ours.InvalidOption,
            "The request of `RoleBeta` is impossible: Too short",
        ),
        (
            theirs.ParamValidationError(report="Invalid length for parameter RoleArn, value: 4"),
            ours.InvalidProfile,
            "The role_arn of `RoleBeta` is impossible: "
            "Invalid length for parameter RoleArn, value: 4",
        ),
        (
            theirs.ParamValidationError(
                report="Invalid type for parameter accessToken, value: hush, type: x, valid: y"
            ),
            ours.InvalidOption,
            "The accessToken of `RoleBeta` is impossible: Invalid type for parameter accessToken",
        ),
        (
            theirs.InfiniteLoopConfigError(source_profile="a", visited_profiles=["b"]),
            ours.SourceLoop,
            "Infinite loop in credential configuration detected. "
            "Attempting to load from profile a which has already been visited. "
            "Visited profiles: ['b']",
        ),
        (theirs.InvalidConfigError(error_msg="Odd."), ours.InvalidSource, "Odd."),
        (
            theirs.PartialCredentialsError(provider="p", cred_var="v"),
            ours.InvalidSource,
            "`UserAlpha` has half of a pair of keys: v is missing.",
        ),
        (
            theirs.NoCredentialsError(),
            ours.InvalidProfile,
            "The profile `RoleBeta` has no credentials.",
        ),
        (
            theirs.RefreshWithMFAUnsupportedError(),
            ours.MfaUnavailable,
            "The session of `RoleBeta` has expired, and a new one needs an MFA code.",
        ),
        (
            theirs.MissingDependencyException(msg="crt"),
            ours.CredentialsUnavailable,
            "The kind of profile `RoleBeta` is needs a part of botocore that isn't installed.",
        ),
        (
            theirs.UnauthorizedSSOTokenError(),
            ours.SignInRequired,
            "The sign-in of `UserAlpha` is missing or has expired.",
        ),
        (
            theirs.SSOTokenLoadError(error_msg="x"),
            ours.SignInRequired,
            "The sign-in of `UserAlpha` is missing or has expired.",
        ),
        (
            theirs.TokenRetrievalError(provider="sso", error_msg="x"),
            ours.SignInRequired,
            "The sign-in of `UserAlpha` is missing or has expired.",
        ),
        (
            theirs.EndpointConnectionError(endpoint_url="http://e/", error="x"),
            ours.EndpointUnreachable,
            "http://e can't be reached for `RoleBeta`.",
        ),
        (
            theirs.ReadTimeoutError(endpoint_url="http://e/"),
            ours.EndpointUnreachable,
            "http://e didn't answer in time for `RoleBeta`.",
        ),
        (
            theirs.ConnectTimeoutError(endpoint_url="http://e/"),
            ours.EndpointUnreachable,
            "http://e didn't answer in time for `RoleBeta`.",
        ),
        (
            theirs.HTTPClientError(error="x"),
            ours.EndpointUnreachable,
            "AWS can't be reached for `RoleBeta`.",
        ),
        (
            theirs.UnknownServiceError(service_name="s", known_service_names="t"),
            ours.ServiceError,
            "`RoleBeta`: Unknown service: 's'. Valid service names are: t",
        ),
        (
            theirs.CredentialRetrievalError(provider="new", error_msg="hush"),
            ours.CredentialsUnavailable,
            "The source `new` gave no credentials for `UserAlpha`.",
        ),
        (
            theirs.CredentialRetrievalError(provider="EcsContainer", error_msg="hush"),
            ours.CredentialsUnavailable,
            "The container's credential service gave no credentials for `UserAlpha`.",
        ),
        (
            json.JSONDecodeError("Expecting value", "hush", 0),
            ours.CredentialsUnavailable,
            "The credentials of `UserAlpha` can't be read.",
        ),
        (
            FileNotFoundError(2, "No such file", "/token"),
            ours.CredentialsUnavailable,
            "A file that `UserAlpha` needs can't be used: No such file (`/token`).",
        ),
        (
            ValueError("Invalid endpoint: x"),
            ours.InvalidProfile,
            "A setting of `RoleBeta` can't be used: Invalid endpoint: x",
        ),
    ],
)
def test_translation(error: Exception, kind: type[Exception], message: str) -> None:
    """Each foreign error becomes one of ours, in one line that names the profile."""
    error_of_ours = told(error)
    assert type(error_of_ours) is kind
    assert str(error_of_ours) == message
    assert "hush" not in f"{error_of_ours.hint}{error_of_ours.__cause__}"


@pytest.mark.parametrize(
    "error",
    [answer("AccessDenied", "x"), theirs.NoRegionError(), FileNotFoundError(2, "x", "y")],
)
def test_cause_is_kept(error: Exception) -> None:
    """The foreign error is the cause of ours."""
    assert told(error).__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        theirs.CredentialRetrievalError(provider="custom-process", error_msg="hush"),
        json.JSONDecodeError("Expecting value", "hush", 0),
        theirs.HTTPClientError(error="Invalid header value b'hush'"),
        theirs.ParamValidationError(report="value: hush"),
    ],
)
def test_cause_that_may_hold_a_secret_is_not_kept(error: Exception) -> None:
    """What a process printed isn't chained: a traceback would show it."""
    assert told(error).__cause__ is None
    assert told(error).__suppress_context__


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("because no identity-based policy allows", "The caller's own policy doesn't allow"),
        ("with an explicit deny in an identity-based policy", "The caller's own policy denies"),
        ("because no role trust policy allows", "The role's trust policy doesn't name the caller"),
        ("because no resource-based policy allows", "The role's trust policy doesn't name the"),
        ("with an explicit deny in a service control policy", "A policy of your organisation"),
        ("because no permissions boundary allows", "The caller's permissions boundary"),
        ("because no session policy allows", "The caller's session is narrowed"),
        ("", "Either its trust policy doesn't name the caller"),
    ],
)
def test_both_sides_of_assume_role(said: str, hint: str) -> None:
    """Which side has refused is told as far as AWS's text says it."""
    error = told(answer("AccessDenied", f"User: {USER} … {said}", "AssumeRole"))
    assert error.hint.startswith(hint)


def test_session_of_nobody() -> None:
    """Without a profile, the session is what the message speaks of."""
    assert str(told(answer("AccessDenied", "No"), ())) == (
        "`this session` may not call ListBuckets: No"
    )
    assert "`this session`" in str(told(answer("ExpiredToken"), ()))
    assert "`this session`" in str(told(answer("ExpiredToken", operation="AssumeRole"), ()))


def test_assume_role_by_a_session_of_nobody() -> None:
    """A refused AssumeRole is told even if it is not known which profile is at work."""
    assert isinstance(told(answer("AccessDenied", None, "AssumeRole"), ()), ours.AccessDenied)


def test_messages_are_one_line() -> None:
    """An answer of several lines is told in one."""
    assert str(told(answer("Odd", "one\n  two"))) == "ListBuckets failed for `RoleBeta`: one two"


def test_other_errors_pass() -> None:
    """Errors that aren't botocore's, and ours, come out as they went in."""
    error = ours.NoRegion("x")
    with pytest.raises(ours.NoRegion) as caught, translated(CHAIN):
        raise error
    assert caught.value is error
    with pytest.raises(KeyboardInterrupt), translated(CHAIN):
        raise KeyboardInterrupt


def test_no_error_is_none() -> None:
    """What succeeds isn't touched."""
    with translated(CHAIN):
        done = True
    assert done


def test_hop_and_whole() -> None:
    """What is told of a hop says for which profile it is, as a sentence of its own."""
    with pytest.raises(ours.AwsProfileError) as told, translated(CHAIN, step=1):
        raise ValueError("odd")
    assert str(told.value) == (
        "A setting of `UserAlpha` can't be used: odd. It is needed for `RoleBeta`."
    )


def test_no_credentials() -> None:
    """A profile that leads to no credentials is named, with what to add."""
    error = no_credentials("p")
    assert str(error) == "The profile `p` has no credentials."
    assert "source_profile" in error.hint
