"""Signing in from a cell, in the browser of the kernel's machine."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from ipy_awsprofile.config.target import sign_in_target
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.browser_sign_in import begin_browser_sign_in
from ipy_awsprofile.sessions.sso_sign_in import begin_device_sign_in
from tests.identity_center import PROD, organisation
from tests.local_browser import Browser, browser

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

__all__ = ["browser"]


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    organisation(aws)
    monkeypatch.setattr("getpass.getpass", lambda _question: "")  # a user sees the output


@pytest.mark.slow
def test_signed_in(shell: Shell, aws: EmbeddedAws, browser: Browser) -> None:
    """The browser opens, and the switch continues once the user allows the sign-in there."""
    ran = shell.good(f"%aws_profile --account {PROD} --role Admin")
    assert "Allow the sign-in in the browser" in ran.text
    assert f"corp:{PROD}/Admin" in ran.text
    actions = [call.action for call in aws.calls]
    assert "sso-oidc:StartDeviceAuthorization" not in actions
    (file,) = (aws.home / ".aws" / "sso" / "cache").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    token = json.loads(file.read_text())
    assert {"accessToken", "refreshToken", "clientSecret"} <= token.keys()
    seen = f"{ran.text}{ran.html}{browser.opened}"
    assert [secret for secret in aws.secrets() if secret in seen] == []
    browser.wait()
    assert "You can close this page" in browser.page


@pytest.mark.slow
def test_refused(shell: Shell, aws: EmbeddedAws, browser: Browser) -> None:
    """A denied sign-in changes nothing, and an `--sso` sign-in doesn't switch."""
    browser.answer = "deny"
    error = shell.run("%aws_profile --sso corp --login").error
    assert isinstance(error, CredentialsUnavailable)
    assert "was refused" in str(error)
    browser.answer = "allow"
    assert "No profile is active" in shell.good("%aws_profile --sso corp --login").text
    assert "4 roles in 3 accounts" in shell.good("%aws_profiles --sso").text


@pytest.mark.slow
def test_device_code(shell: Shell, aws: EmbeddedAws, browser: Browser) -> None:
    """With `--device-code`, the magic opens no browser, and shows a code to compare."""
    allowed = threading.Thread(target=_allow_device, args=(aws,), daemon=True)
    allowed.start()
    ran = shell.good("%aws_profile prod-reader --login --device-code")
    allowed.join()
    assert "if the page shows this code" in ran.text
    assert browser.opened == []


def _allow_device(aws: EmbeddedAws) -> None:
    while not (devices := list(aws.sso.tokens._devices.values())):
        threading.Event().wait(0.05)
    aws.sso.approve(devices[0].user_code)


@pytest.mark.parametrize("days", [-1, 1])
@pytest.mark.parametrize("begin", [begin_browser_sign_in, begin_device_sign_in])
def test_the_clock_is_set_meanwhile(begin: Any, days: int) -> None:
    """A change of the machine's clock neither ends nor prolongs a sign-in."""
    attempt = begin(sign_in_target("corp"))
    waiting: Any = attempt.waiting(sleep=lambda _seconds: None)
    left = next(waiting)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
        assert timedelta() < left - next(waiting) < timedelta(minutes=1)
    attempt.close()


def test_nobody_completes_it(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign-in and its page end at the timeout or on Ctrl-C."""
    for end in ("time", "interrupt"):
        attempt = begin_browser_sign_in(sign_in_target("corp"))
        address = attempt._callback.redirect_uri
        waiting: Any = attempt.waiting(sleep=lambda _seconds: None)
        next(waiting)
        if end == "time":
            later = time.monotonic() + 601
            with monkeypatch.context() as patch:
                patch.setattr(time, "monotonic", partial(float, later))
                with pytest.raises(CredentialsUnavailable, match="wasn't completed in time"):
                    next(waiting)
        else:
            with pytest.raises(KeyboardInterrupt):
                waiting.throw(KeyboardInterrupt)
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(address)


def test_another_answer(aws: EmbeddedAws) -> None:
    """A callback with the wrong state is refused, because other pages can call the address, too."""
    attempt = begin_browser_sign_in(sign_in_target("corp"))
    address = attempt._callback.redirect_uri
    for query in ("code=x&state=other", "code=x", "error=access_denied"):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(f"{address}?{query}")
    assert attempt.is_done() is False
    assert "<BrowserSignIn of sso-session corp until " in repr(attempt)
    attempt.close()
