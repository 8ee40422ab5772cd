"""Signing in from a cell, to IAM Identity Center and with `aws login`."""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest
from botocore import compat

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from ipy_awsprofile.errors import CredentialsUnavailable
from tests.identity_center import PROD, TEST, organisation
from tests.local_browser import Browser, browser
from tests.sessions.test_sign_in import BrowserUser
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.shells import Shell

__all__ = ["browser"]


@pytest.fixture(autouse=True)
def ann(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> IamUser:
    """Create an organisation and an `aws login` profile, with a user who can see the output."""
    organisation(aws)
    user = aws.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*", "sts:AssumeRole"))
    aws.write_profile("Ann", login_session=user.arn, region="us-west-2")
    aws.signin.codes.user = user
    monkeypatch.setattr("getpass.getpass", lambda _question: "")
    return user


@pytest.fixture
def awscrt() -> None:
    """Skip the test if botocore's extra for `aws login` isn't installed."""
    pytest.importorskip("awscrt", reason="needs botocore[crt]")


def token(aws: EmbeddedAws, kind: str) -> Path:
    """Return the only file in a sign-in cache of the AWS CLI, `sso` or `login`."""
    (file,) = (aws.home / ".aws" / kind / "cache").glob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    return file


# IAM Identity Center ---


def test_in_the_browser(shell: Shell, aws: EmbeddedAws, browser: Browser) -> None:
    """The browser opens, and the switch continues once the user allows the sign-in there."""
    ran = shell.good(f"%aws_profile --account {PROD} --role Admin")
    assert "Allow the sign-in in the browser" in ran.text
    assert f"corp:{PROD}/Admin" in ran.text
    assert {"accessToken", "refreshToken"} <= json.loads(token(aws, "sso").read_text()).keys()
    browser.wait()
    assert "You can close this page" in browser.page


def test_without_a_switch(shell: Shell, browser: Browser) -> None:
    """`--sso NAME --login` signs in without a switch, and a refused sign-in changes nothing."""
    browser.answer = "deny"
    error = shell.run("%aws_profile --sso corp --login").error
    assert isinstance(error, CredentialsUnavailable)
    assert "was refused" in str(error)
    browser.answer = "allow"
    assert "No profile is active" in shell.good("%aws_profile --sso corp --login").text
    assert "4 roles in 3 accounts" in shell.good("%aws_profiles --sso").text


def test_a_browser_that_does_not_start(
    shell: Shell, aws: EmbeddedAws, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the browser doesn't start, the card has a link, and a code to compare."""
    monkeypatch.setattr(browser, "open", lambda _url: False)
    with BrowserUser(aws, aws.sso.approve):
        ran = shell.good("%aws_profile prod-reader")
    assert "if the page shows this code" in ran.text


# Roles without a profile ---


def test_a_role_of_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """Tab offers the listed roles by account name or ID; child processes use the role, too."""
    aws.sso.sign_in("corp")
    assert shell.completions("%aws_profile cor") == ["corp:"]
    assert shell.completions("%aws_profiles --sso c") == ["corp"]
    shell.good("%aws_profiles --sso")
    aws.calls.clear()
    roles = ['"corp:Acme Prod/Admin"', '"corp:Acme Prod/Reader"']
    assert shell.completions("%aws_profile corp:acme") == roles
    assert shell.completions('%aws_profile "corp:Acme Prod/A') == roles[:1]
    assert shell.completions(f"%%aws_profiles corp:{TEST[:3]}") == [f"corp:{TEST}/Reader"]
    assert aws.calls == []
    assert shell.good(f"%aws_profile {roles[0]}").text.startswith(f"corp:{PROD}/Admin")
    child = run_aws_cli("sts", "get-caller-identity", "--output", "json").stdout
    assert f"{PROD}:assumed-role/AWSReservedSSO_Admin" in json.loads(child)["Arn"]


# `aws login` ---


@pytest.mark.usefixtures("awscrt")
def test_aws_login(shell: Shell, aws: EmbeddedAws, ann: IamUser, browser: Browser) -> None:
    """The switch opens the browser and continues; its file has the AWS CLI's format."""
    ran = shell.good("%aws_profile Ann")
    assert ann.arn in ran.text
    assert "Allow the sign-in in the browser" in ran.text
    ours = json.loads(token(aws, "login").read_text())
    said = run_aws_cli("sts", "get-caller-identity", "--profile", "Ann").stdout
    assert json.loads(said)["Arn"] == ann.arn
    theirs = json.loads(aws.signin.login(ann).read_text())
    assert ours.keys() == theirs.keys()
    assert ours["accessToken"].keys() == theirs["accessToken"].keys()


@pytest.mark.usefixtures("awscrt")
def test_aws_login_on_another_machine(
    shell: Shell, aws: EmbeddedAws, ann: IamUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user enters the code from the page, and the output doesn't contain it."""
    codes: list[str] = []

    def allow_and_enter(_question: str) -> str:
        (url,) = re.findall(r"https?://[^\s`]+", sys.stdout.getvalue())  # type: ignore[union-attr]
        with urllib.request.urlopen(url, b"answer=allow") as response:
            codes.extend(re.findall("<code>(.+)</code>", response.read().decode()))
        return codes[-1]

    monkeypatch.setattr("getpass.getpass", allow_and_enter)
    ran = shell.good("%aws_profile Ann --login --device-code")
    assert "enter the code that it shows" in ran.text
    assert ann.arn in ran.text
    assert codes[-1] not in ran.text + ran.html
    assert token(aws, "login")


def test_aws_login_without_its_extra(
    shell: Shell, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without AWS's cryptography, the error says what to install."""
    monkeypatch.setattr(compat, "EC", None)
    assert "botocore[crt]" in shell.refused("%aws_profile Ann").hint
