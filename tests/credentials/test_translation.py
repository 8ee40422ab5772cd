"""`translated` replaces foreign errors with ours, and keeps a cause only if it has no secret."""

from __future__ import annotations

import json
import logging
import threading
import traceback
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path

import pytest
from botocore import exceptions as theirs

from ipy_awsprofile import errors as ours
from ipy_awsprofile.credentials.translation import translated
from tests.attack.interrupting import interrupted
from tests.credentials.foreign_errors import CHAIN, response, translate

#: The folder of the tests' own stack frames, whose variables contain the secret.
HERE = str(Path(__file__).parent)


def caused_by(error: Exception, cause: Exception) -> Exception:
    """Return an error with a cause."""
    error.__cause__ = cause
    return error


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
        theirs.ParamValidationError(report="RoleArn, value: hush, type: str"),
        theirs.EndpointConnectionError(endpoint_url="http://me:hush@host/"),
        theirs.SSLError(endpoint_url="https://host/federation?Session=hush", error=OSError()),
        theirs.ReadTimeoutError(endpoint_url="https://host/#token=hush"),
        ValueError("Invalid endpoint: http://me:hush@bad host"),
        caused_by(
            theirs.ProxyConnectionError(proxy_url="http://proxy"),
            OSError("Max retries exceeded with url: /federation?Session=hush"),
        ),
    ],
)
def test_cause_that_can_have_a_secret_is_not_kept(error: Exception) -> None:
    """An error that can quote a secret isn't the cause, because a traceback would show it."""
    ours = translate(error)
    assert ours.__cause__ is None
    assert ours.__suppress_context__
    shown = traceback.TracebackException.from_exception(ours, capture_locals=True)
    assert "hush" not in "".join(frame for frame in shown.format() if HERE not in frame)


def test_url_of_an_error_that_is_handled() -> None:
    """An error that the caller was already handling doesn't prevent a cause."""
    error = theirs.NoRegionError()
    try:
        raise ValueError("http://host/?query")
    except ValueError:
        assert translate(error).__cause__ is error


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException"])
def test_signed_headers_are_not_shown(code: str) -> None:
    """If a service repeats the signed headers, our error doesn't show them."""
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
    """For a session without a profile, the hint doesn't have a command with a profile's name."""
    ours = translate(error, ())
    assert ours.hint
    assert "this session" not in ours.hint


def test_other_errors_pass() -> None:
    """Our own errors, and errors that aren't botocore's, are raised unchanged."""
    error = ours.InvalidOption("x")
    with pytest.raises(ours.InvalidOption) as caught, translated(CHAIN):
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
    """The error for a step of a chain ends with the name of the profile that needs the step."""
    with pytest.raises(ours.AwsProfileError) as caught, translated(CHAIN, step=1):
        raise ValueError("odd")
    assert str(caught.value) == (
        "A setting of `UserAlpha` can't be used: odd. It is needed for `RoleBeta`."
    )


#: The text that botocore logs, with a traceback, before it raises an error.
FAILED = "Refreshing temporary credentials failed during %s"


def test_each_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A failure that raises our error isn't logged, but all other records are, in any thread."""
    logger = logging.getLogger("botocore.credentials")
    with translated(CHAIN):
        logger.warning(FAILED, "a call of ours")
        logger.warning("Something else")
        thread = threading.Thread(target=logger.warning, args=(FAILED, "a call of the user"))
        thread.start()
        thread.join()
    logger.warning(FAILED, "a later call")
    assert [record.getMessage() for record in caplog.records] == [
        "Something else",
        FAILED % "a call of the user",
        FAILED % "a later call",
    ]


def translate_nothing() -> None:
    """Run an empty block, which represents a successful call."""
    with translated(CHAIN):
        pass


def test_an_interrupt_leaves_no_filter_in_force(caplog: pytest.LogCaptureFixture) -> None:
    """Wherever Ctrl-C interrupts a call, botocore's later warnings are still logged."""
    with interrupted() as counted:
        translate_nothing()

    def interrupt_and_log(line: int) -> None:
        with suppress(KeyboardInterrupt), interrupted(line):
            translate_nothing()
        logging.getLogger("botocore.credentials").warning(FAILED, line)

    for line in range(1, counted.lines + 1):
        copy_context().run(interrupt_and_log, line)  # the same lines run each time
    logged = [record.getMessage() for record in caplog.records]
    assert logged == [FAILED % line for line in range(1, counted.lines + 1)]
