"""Opening the AWS console in a local browser as the active identity."""

from __future__ import annotations

from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest

from ipy_awsprofile.errors import (
    AwsProfileError,
    CredentialsUnavailable,
    InvalidOption,
)
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.local_browser import Browser
from tests.shells import Shell

pytestmark = pytest.mark.usefixtures("aws")


def test_opened(shell: Shell, aws: EmbeddedAws, browser: Browser) -> None:
    """The browser is signed in as the role, and no secret is in the output."""
    shell.good("%aws_profile RoleBeta --session-name me")
    ran = shell.good("%aws_profile --console s3")
    assert ran.text == "The browser opens `s3` in the AWS console as RoleBeta"
    browser.wait()
    assert "assumed-role/RoleBeta/me" in browser.page
    assert "https://us-west-2.console.aws.amazon.com/s3/home?region=us-west-2" in browser.page
    assert secrets_in(f"{ran.text} {ran.html} {ran.printed}", aws) == []
    shell.good("%aws_profile --console")
    browser.wait()
    assert "console.aws.amazon.com/console/home" in browser.page
    (token,) = parse_qs(urlsplit(browser.opened[0]).query)["SigninToken"]
    assert token in aws.iam.secrets


def test_what_is_refused(shell: Shell, browser: Browser) -> None:
    """Without an identity, or with long-term keys, the browser doesn't open."""
    assert isinstance(shell.refused("%aws_profile --console"), InvalidOption)
    shell.good("%aws_profile UserAlpha")
    assert isinstance(shell.refused("%aws_profile --console"), CredentialsUnavailable)
    shell.good("%aws_profile RoleBeta")
    assert isinstance(shell.refused("%aws_profile RoleBeta --console s3"), InvalidOption)
    assert browser.opened == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lamda", "lambda"),
        ("S3", "s3"),
        ("https://us-west-2.console.aws.amazon.com/s3/home?region=us-west-2", "s3"),
        ("arn:aws:dynamodb:us-west-2:123456789012:table/t", "dynamodb"),
        ("s3://my-first-bucket/", "s3"),
    ],
)
def test_a_wrong_service(shell: Shell, browser: Browser, typed: str, meant: str) -> None:
    """A misspelled service or an address opens no browser, and the hint opens the service."""
    shell.good("%aws_profile RoleBeta")
    error = shell.refused(f"%aws_profile --console {typed}")
    assert isinstance(error, InvalidOption)
    assert browser.opened == []
    (line,) = code_in(error.hint)
    shell.good(line)
    browser.wait()
    assert f"console.aws.amazon.com/{meant}/home" in browser.page


def test_names_of_the_console(shell: Shell, browser: Browser) -> None:
    """The console's own names for services are accepted, although botocore has other names."""
    shell.good("%aws_profile RoleBeta")
    for name in ("dynamodbv2", "servicequotas", "states", "eventbridge", "systems-manager"):
        assert f"The browser opens `{name}`" in shell.good(f"%aws_profile --console {name}").text


@pytest.mark.parametrize("variable", ["SSH_CONNECTION", "JUPYTERHUB_API_URL"])
def test_kernel_on_another_machine(
    shell: Shell, browser: Browser, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """If the user is at another machine, the kernel's machine opens no browser."""
    shell.good("%aws_profile RoleBeta")
    monkeypatch.setenv(variable, "x")
    error = shell.refused("%aws_profile --console")
    assert isinstance(error, AwsProfileError)
    assert "--pick" in error.hint
    assert browser.opened == []


def secrets_in(text: str, aws: EmbeddedAws) -> list[str]:
    """Return the beginning of each secret that is in a text, as it is or quoted for a URL."""
    secrets = aws.iam.secrets
    return [secret[:4] for secret in secrets if secret in text or quote_plus(secret) in text]
