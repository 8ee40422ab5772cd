"""Exceptions of botocore and Python are translated to our errors."""

from __future__ import annotations

import json

import pytest
from botocore import exceptions as theirs

from ipy_awsprofile import errors as ours
from ipy_awsprofile.credentials.botocore_errors import from_exception, no_credentials
from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.validation import UnusableCredentialsError
from tests.credentials.foreign_errors import translate


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            theirs.LoginRefreshRequired(),
            ours.SignInRequired,
            "The sign-in of `UserAlpha` is missing or has expired.",
        ),
        (
            theirs.LoginInsufficientPermissions(),
            ours.AccessDenied,
            "`UserAlpha` isn't allowed to renew its sign-in.",
        ),
        (
            theirs.ProfileNotFound(profile="p"),
            ours.ProfileNotFound,
            "There is no profile `p` in the shared config files.",
        ),
        (theirs.NoRegionError(), ours.InvalidOption, "No AWS Region is set for `RoleBeta`."),
        (
            theirs.InvalidRegionError(region_name="a b"),
            ours.InvalidOption,
            "`RoleBeta` has an invalid AWS Region: `a b`.",
        ),
        (
            theirs.ParamValidationError(report="Too\nshort"),
            ours.InvalidOption,
            "The request of `RoleBeta` is invalid: Too short",
        ),
        (
            theirs.ParamValidationError(report="Invalid length for parameter RoleArn, value: 4"),
            ours.InvalidProfile,
            "The role_arn of `RoleBeta` is invalid: Invalid length for parameter RoleArn, value: 4",
        ),
        (
            theirs.ParamValidationError(
                report="Invalid type for parameter accessToken, value: hush, type: x, valid: y"
            ),
            ours.InvalidOption,
            "The accessToken of `RoleBeta` is invalid: Invalid type for parameter accessToken",
        ),
        (
            theirs.InfiniteLoopConfigError(source_profile="a", visited_profiles=["b"]),
            ours.InvalidProfile,
            "Infinite loop in credential configuration detected. "
            "Attempting to load from profile a which has already been visited. "
            "Visited profiles: ['b']",
        ),
        (theirs.InvalidConfigError(error_msg="Odd."), ours.InvalidProfile, "Odd."),
        (
            theirs.PartialCredentialsError(provider="p", cred_var="v"),
            ours.InvalidProfile,
            "`UserAlpha` has only one of the two access-key settings: v is missing.",
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
            "The profile `RoleBeta` needs a part of botocore that isn't installed.",
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
            "http://e didn't respond in time for `RoleBeta`.",
        ),
        (
            theirs.ConnectTimeoutError(endpoint_url="http://e/"),
            ours.EndpointUnreachable,
            "http://e didn't respond in time for `RoleBeta`.",
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
            "The source `new` returned no credentials for `UserAlpha`.",
        ),
        (
            theirs.CredentialRetrievalError(provider="EcsContainer", error_msg="hush"),
            ours.CredentialsUnavailable,
            "The container's credential service returned no credentials for `UserAlpha`.",
        ),
        (
            theirs.MetadataRetrievalError(error_msg="x"),
            ours.CredentialsUnavailable,
            "The instance's metadata service returned no credentials for `UserAlpha`.",
        ),
        (
            ValueError("Unsupported host 'x'"),
            ours.CredentialsUnavailable,
            "The container's credential service returned no credentials for `UserAlpha`.",
        ),
        (
            UnusableCredentialsError("there are none"),
            ours.CredentialsUnavailable,
            "The credentials of `RoleBeta` can't be used: there are none.",
        ),
        (
            TypeError("hush"),
            ours.CredentialsUnavailable,
            "The credentials of `UserAlpha` can't be read.",
        ),
        (
            UnicodeDecodeError("utf-8", b"hush", 0, 1, "hush"),
            ours.CredentialsUnavailable,
            "A file that `UserAlpha` names isn't a text file.",
        ),
        (
            RuntimeError("AWS_ERROR_INVALID_ARGUMENT"),
            ours.CredentialsRejected,
            "The keys of `UserAlpha` can't be used to sign requests.",
        ),
        (
            KeyError("Credentials"),
            ours.ServiceError,
            "`RoleBeta` got a response that isn't from AWS.",
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
            RuntimeError(
                "Credentials were refreshed, but the refreshed credentials are still expired."
            ),
            ours.CredentialsUnavailable,
            "The credentials of `RoleBeta` had already expired when they came.",
        ),
        (
            ValueError("Invalid endpoint: x"),
            ours.InvalidProfile,
            "A setting of `RoleBeta` can't be used: Invalid endpoint: x",
        ),
    ],
)
def test_from_exception(error: Exception, kind: type[Exception], message: str) -> None:
    """Each exception becomes one of our errors, in one line that names the profile."""
    translation = translate(error)
    assert type(translation) is kind
    assert str(translation) == message
    assert "hush" not in f"{translation.hint}{translation.__cause__}"


def test_user_of_an_endpoint() -> None:
    """Our error doesn't show a user name and password in an endpoint's address."""
    url = "http://ann:hunter2@e:1/path"
    unreachable = translate(theirs.EndpointConnectionError(endpoint_url=url, error="x"))
    assert str(unreachable) == "http://e:1 can't be reached for `RoleBeta`."
    assert "hunter2" not in str(translate(ValueError(f"Invalid endpoint: {url}")))


def test_no_credentials() -> None:
    """The error for a profile without credentials names the profile and a setting to add."""
    error = no_credentials("p")
    assert str(error) == "The profile `p` has no credentials."
    assert "source_profile" in error.hint


@pytest.mark.parametrize("error", [ZeroDivisionError(), RuntimeError("another library's")])
def test_unknown_exception(error: Exception) -> None:
    """For an exception that isn't about AWS, our error has its type, but not its text."""
    ours = from_exception(error, ChainNames(("RoleBeta",)))
    kind = type(error).__name__
    assert str(ours) == f"Something unexpected happened for `RoleBeta`: {kind}."
