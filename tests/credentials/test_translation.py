"""`translated` raises our error instead of a foreign one, with a cause only if it has no secret."""

from __future__ import annotations

import json
import traceback

import pytest
from botocore import exceptions as theirs

from ipy_awsprofile import errors as ours
from ipy_awsprofile.credentials.translation import translated
from tests.credentials.foreign_errors import CHAIN, response, translate


@pytest.mark.parametrize(
    "error",
    [response("AccessDenied", "x"), theirs.NoRegionError(), FileNotFoundError(2, "x", "y")],
)
def test_cause_is_kept(error: Exception) -> None:
    """The foreign error is the cause of ours."""
    assert translate(error).__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        theirs.CredentialRetrievalError(provider="custom-process", error_msg="hush"),
        json.JSONDecodeError("Expecting value", "hush", 0),
        theirs.HTTPClientError(error="Invalid header value b'hush'"),
        theirs.ParamValidationError(report="value: hush"),
    ],
)
def test_cause_that_can_have_a_secret_is_not_kept(error: Exception) -> None:
    """An error that can quote a secret isn't the cause, which a traceback would show."""
    assert translate(error).__cause__ is None
    assert translate(error).__suppress_context__


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException"])
def test_signed_headers_are_not_shown(code: str) -> None:
    """Some services respond with the headers that were signed, which aren't shown."""
    error = translate(response(code, "The canonical string is x-amz-security-token:SECRET"))
    assert "SECRET" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "error",
    [
        theirs.NoCredentialsError(),
        theirs.NoRegionError(),
        theirs.UnauthorizedSSOTokenError(),
        response("ExpiredToken", "x"),
    ],
)
def test_session_without_a_profile(error: Exception) -> None:
    """What to run about a session without a profile isn't a command with a name of no profile."""
    ours = translate(error, ())
    assert ours.hint
    assert "this session" not in ours.hint


def test_other_errors_pass() -> None:
    """Our own errors, and errors that aren't botocore's, are raised unchanged."""
    error = ours.NoRegion("x")
    with pytest.raises(ours.NoRegion) as caught, translated(CHAIN):
        raise error
    assert caught.value is error
    with pytest.raises(KeyboardInterrupt), translated(CHAIN):
        raise KeyboardInterrupt


def test_without_an_error() -> None:
    """A call that succeeds isn't affected."""
    with translated(CHAIN):
        done = True
    assert done


def test_step_of_a_chain() -> None:
    """The error of a step ends with the profile that needs it."""
    with pytest.raises(ours.AwsProfileError) as caught, translated(CHAIN, step=1):
        raise ValueError("odd")
    assert str(caught.value) == (
        "A setting of `UserAlpha` can't be used: odd. It is needed for `RoleBeta`."
    )
