"""Signing in to an `aws login` profile from a cell, with the AWS CLI's files."""

from __future__ import annotations

import getpass
import json
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from botocore import compat

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from ipy_awsprofile.errors import (
    AwsProfileError,
    InvalidOption,
    SignInRequired,
)
from ipy_awsprofile.sessions.sign_in import Attempt, begin_sign_in
from tests.local_browser import Browser, browser
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.shells import Shell

pytest.importorskip("awscrt", reason="needs botocore[crt]")

__all__ = ["browser"]

_GETPASS = getpass.getpass


@pytest.fixture(autouse=True)
def ann(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> IamUser:
    """Create a user with an `aws login` profile, and sign the user in to the console."""
    user = aws.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*", "sts:AssumeRole"))
    aws.write_profile("Ann", login_session=user.arn, region="us-west-2")
    aws.signin.codes.user = user
    monkeypatch.setattr("getpass.getpass", lambda _question: "")  # a user sees the output
    return user


def stored(aws: EmbeddedAws) -> list[Path]:
    """Return the files in the sign-in cache."""
    return list((aws.home / ".aws" / "login" / "cache").glob("*.json"))


def entered(attempt: Attempt, answer: str = "allow") -> str:
    """Allow a sign-in in a browser on another machine, and return the code from its page."""
    form = urlencode({"answer": answer}).encode()
    with urllib.request.urlopen(attempt.url, form) as response:
        page: str = response.read().decode()
    return page.partition("<code>")[2].partition("</code>")[0]


def begun() -> Attempt:
    """Begin a sign-in in a browser on another machine."""
    return begin_sign_in(target_of(SessionRequest(profile="Ann")), device_code=True)


def test_signed_in_by_a_switch(
    shell: Shell, aws: EmbeddedAws, ann: IamUser, browser: Browser
) -> None:
    """The switch opens the browser and continues; its file has the AWS CLI's format."""
    ran = shell.good("%aws_profile Ann")
    assert ann.arn in ran.text
    assert "Allow the sign-in in the browser" in ran.text
    (file,) = stored(aws)
    assert file.stat().st_mode & 0o777 == 0o600
    ours = json.loads(file.read_text())
    seen = f"{ran.text}{ran.html}{browser.opened}"
    assert [secret for secret in aws.secrets() if secret in seen] == []
    assert [value for value in (ours["dpopKey"], ours["idToken"]) if value in seen] == []
    assert (
        json.loads(run_aws_cli("sts", "get-caller-identity", "--profile", "Ann").stdout)["Arn"]
        == ann.arn
    )
    theirs = json.loads(aws.signin.login(ann).read_text())
    assert stored(aws) == [file]
    assert ours.keys() == theirs.keys()
    assert ours["accessToken"].keys() == theirs["accessToken"].keys()
    assert ours["accessToken"]["accountId"] == ROLE_ACCOUNT


@pytest.mark.slow
def test_refused(shell: Shell, aws: EmbeddedAws, browser: Browser) -> None:
    """A denied sign-in changes nothing, and stores nothing."""
    browser.answer = "deny"
    assert "was refused" in str(shell.run("%aws_profile Ann").error)
    assert stored(aws) == []
    assert "session" not in shell.names


def test_a_browser_on_another_machine(
    shell: Shell, aws: EmbeddedAws, ann: IamUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user enters the code from the page, and the output doesn't contain it."""
    begin = begin_sign_in
    codes: list[str] = []

    def remembered(*args: Any, **kwargs: Any) -> Attempt:
        attempt = begin(*args, **kwargs)
        codes.append(entered(attempt))
        return attempt

    monkeypatch.setattr("ipy_awsprofile.sessions.sign_in.begin_sign_in", remembered)
    monkeypatch.setattr("getpass.getpass", lambda _question: codes[-1])
    ran = shell.good("%aws_profile Ann --login --device-code")
    assert "enter the code that it shows" in ran.text
    assert ann.arn in ran.text
    assert codes[-1] not in ran.text + ran.html
    assert len(stored(aws)) == 1


def test_where_nobody_can_sign_in(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no one can sign in, the error names both commands."""
    monkeypatch.setattr("getpass.getpass", _GETPASS)
    for line in ("Ann --login", "Ann"):
        error = refused(shell, f"%aws_profile {line}")
        assert isinstance(error, SignInRequired)
        assert "`%aws_profile Ann --login`" in error.hint
        assert "`aws login --profile Ann` in a terminal" in error.hint


def refused(shell: Shell, line: str) -> AwsProfileError:
    """Run the line, and return its error."""
    error = shell.refused(line)
    assert isinstance(error, AwsProfileError)
    return error


def test_what_is_missing(
    shell: Shell, aws: EmbeddedAws, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a Region, AWS's cryptography or a sign-in, the error says what to do."""
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace("region = us-west-2\n", ""))
    assert isinstance(refused(shell, "%aws_profile Ann --login"), InvalidOption)
    aws.config_file.write_text(text)
    monkeypatch.setattr(compat, "EC", None)
    assert "botocore[crt]" in refused(shell, "%aws_profile Ann --login").hint
    for line in ("%aws_profile UserAlpha --login", "%aws_profile --login"):
        assert isinstance(refused(shell, line), InvalidOption)
