"""Signing in from a cell, in the browser of the kernel's machine."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.errors import CredentialsUnavailable
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
    assert actions[-3:-1] == ["sso-oidc:CreateToken", "sso:GetRoleCredentials"]
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
@pytest.mark.parametrize("why", ["on request", "the browser doesn't start"])
def test_device_code(
    shell: Shell, aws: EmbeddedAws, browser: Browser, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """With `--device-code`, or if the browser doesn't start, the card has a code to compare."""
    if why != "on request":
        monkeypatch.setattr(browser, "open", lambda _url: False)
    allowed = threading.Thread(target=_allow_device, args=(aws,), daemon=True)
    allowed.start()
    option = "--device-code" if why == "on request" else ""
    ran = shell.good(f"%aws_profile prod-reader --login {option}")
    allowed.join()
    assert "if the page shows this code" in ran.text
    assert browser.opened == []


def _allow_device(aws: EmbeddedAws) -> None:
    while not (devices := list(aws.sso.tokens._devices.values())):
        threading.Event().wait(0.05)
    aws.sso.approve(devices[0].user_code)
