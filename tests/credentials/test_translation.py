"""`translated` raises foreign errors as ours, and quotes them only where no secret is in them."""

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
def test_cause_that_may_hold_a_secret_is_not_kept(error: Exception) -> None:
    """What a process printed isn't chained: a traceback would show it."""
    assert translate(error).__cause__ is None
    assert translate(error).__suppress_context__


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException"])
def test_what_was_signed_is_not_told(code: str) -> None:
    """Some services answer with the headers that they have computed a signature over."""
    error = translate(response(code, "The canonical string is x-amz-security-token:SECRET"))
    assert "SECRET" not in "".join(traceback.format_exception(error))


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
