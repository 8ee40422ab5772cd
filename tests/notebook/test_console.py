"""Opening the AWS console in a local browser as the active identity."""

from __future__ import annotations

import json
import logging
import re
import traceback
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import pytest
from botocore.exceptions import EndpointConnectionError

from ipy_awsprofile.errors import (
    AwsProfileError,
    CredentialsUnavailable,
    EndpointUnreachable,
    InvalidOption,
    ServiceError,
)
from ipy_awsprofile.sessions.console import console_link
from ipy_awsprofile.sessions.local_browser import local_browser
from ipy_awsprofile.sessions.session import open_session
from tests.bindings.borrowing import as_nobody, needs_proc, needs_root
from tests.local_browser import Browser, browser
from tests.servers import Answers, closed_port, odd_server

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


pytestmark = pytest.mark.usefixtures("aws")
__all__ = ["browser"]


def test_opened(shell: Shell, aws: EmbeddedAws, browser: Browser) -> None:
    """The browser is signed in as the role, and no secret is in the output or the browser's URL."""
    shell.good("%aws_profile RoleBeta --session-name me")
    ran = shell.good("%aws_profile --console s3")
    assert ran.text == "The browser opens `s3` in the AWS console as RoleBeta"
    browser.wait()
    assert "assumed-role/RoleBeta/me" in browser.page
    assert "https://us-west-2.console.aws.amazon.com/s3/home?region=us-west-2" in browser.page
    (opened,) = browser.opened
    seen = f"{opened} {ran.text} {ran.html} {ran.printed}"
    assert [secret for secret in aws.secrets() if secret in seen] == []
    with pytest.raises(OSError, match=r"404|refused|reset|closed"):  # its server is about to stop
        urllib.request.urlopen(opened)  # it redirects only once
    shell.good("%aws_profile --console")
    browser.wait()
    assert "console.aws.amazon.com/console/home" in browser.page


@needs_root
@needs_proc
def test_another_user_of_the_machine(
    shell: Shell, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user who sees the browser's arguments gets nothing, and the browser still opens."""
    shell.good("%aws_profile RoleBeta --session-name me")
    stolen = []

    def open_later(url: str, *_: object) -> bool:
        stolen.append(as_nobody(lambda: urllib.request.urlopen(url).read().decode()))
        return Browser.open(browser, url)

    monkeypatch.setattr(browser, "open", open_later)
    shell.good("%aws_profile --console s3")
    browser.wait()
    assert stolen
    assert "assumed-role" not in stolen[0]
    assert "assumed-role/RoleBeta/me" in browser.page


def test_what_is_refused(shell: Shell, browser: Browser) -> None:
    """Without an identity, with long-term keys or a wrong service, the browser doesn't open."""
    assert isinstance(shell.refused("%aws_profile --console"), InvalidOption)
    shell.good("%aws_profile UserAlpha")
    assert isinstance(shell.refused("%aws_profile --console"), CredentialsUnavailable)
    shell.good("%aws_profile RoleBeta")
    assert isinstance(shell.refused("%aws_profile --console S3/x"), InvalidOption)
    assert isinstance(shell.refused("%aws_profile RoleBeta --console s3"), InvalidOption)
    assert browser.opened == []


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


def test_browser_of_a_terminal(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers that need a terminal are ignored, and so are all browsers without a display."""
    assert local_browser() is browser
    browser.name = "/usr/bin/w3m"
    assert local_browser() is None
    browser.name = "test"
    monkeypatch.delenv("DISPLAY")
    assert local_browser() is None


def test_link(aws: EmbeddedAws) -> None:
    """A link's repr contains no secret, and expired credentials raise an error."""
    session = open_session("RoleBeta")
    link = console_link(session)
    assert repr(link) == str(link) == "<link to the AWS console>"
    assert aws.endpoint_url in link.url
    aws.expire_sessions()
    with pytest.raises(AwsProfileError, match=r"doesn't open the console for `RoleBeta` \(HTTP"):
        console_link(session)


def test_unreachable_endpoint(aws: EmbeddedAws) -> None:
    """If the federation endpoint can't be reached, the error and its cause contain no secret."""
    session = open_session("RoleBeta")
    address = f"http://127.0.0.1:{closed_port()}"
    session._session.full_config["profiles"]["RoleBeta"]["endpoint_url"] = address
    with pytest.raises(EndpointUnreachable) as caught:
        console_link(session)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert isinstance(caught.value.__cause__, EndpointConnectionError)
    assert secrets_in("".join(shown.format()), aws) == []


def test_log_of_connections(aws: EmbeddedAws, caplog: pytest.LogCaptureFixture) -> None:
    """The request for a token has the credentials in its body, because urllib3 logs URLs."""
    caplog.set_level(logging.DEBUG, "urllib3")
    console_link(open_session("RoleBeta"))
    assert "POST /federation HTTP" in caplog.text
    assert secrets_in(caplog.text, aws) == []


def secrets_in(text: str, aws: EmbeddedAws) -> list[str]:
    """Return the beginning of each secret that is in a text, as it is or quoted for a URL."""
    return [secret[:4] for secret in aws.secrets() if secret in text or quote_plus(secret) in text]


@pytest.mark.parametrize(
    "answer",
    [
        *("", "hush", "<html>", "[]", "null", "{}", '{"SigninToken": ""}'),
        *('{"SigninToken": null}', '{"SigninToken": ["hush"]}', "\N{NULL}", '{"signinToken": "x"}'),
    ],
)
def test_what_is_not_a_token(aws: EmbeddedAws, answer: str) -> None:
    """If a server answers without a token, the error says that the answer isn't from AWS."""
    session = open_session("RoleBeta")
    with odd_server(Answers((200, answer))) as url:
        session._session.full_config["profiles"]["RoleBeta"]["endpoint_url"] = url
        with pytest.raises(ServiceError, match="isn't from AWS") as caught:
            console_link(session)
    assert "hush" not in f"{caught.value!r}{caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, "isn't from AWS"), (302, "a proxy failed"), (502, "a proxy failed")],
)
@pytest.mark.usefixtures("aws")
def test_a_page_of_a_proxy(monkeypatch: pytest.MonkeyPatch, status: int, said: str) -> None:
    """The error for a proxy's page names the proxy or the server, not the credentials."""
    session = open_session("RoleBeta")
    with odd_server(Answers((status, "<!doctype html><title>Log in</title>"))) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(ServiceError) as refused:
            console_link(session)
    assert said in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"Action": "getSigninToken", "Session": "{"},
        {"Action": "getSigninToken", "Session": json.dumps({"sessionId": "x"})},
        {"Action": "login", "SigninToken": "x", "Destination": "https://x"},
    ],
)
def test_what_the_endpoint_refuses(aws: EmbeddedAws, query: dict[str, str]) -> None:
    """The federation endpoint refuses the same malformed requests as AWS, with both methods."""
    address, form = f"{aws.endpoint_url}/federation", urlencode(query)
    for request in ((f"{address}?{form}",), (address, form.encode())):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(*request)


def test_a_link_works_for_a_while(aws: EmbeddedAws) -> None:
    """The link contains a token that the embedded AWS has issued and lists as a secret."""
    link = console_link(open_session("RoleBeta"))
    (token,) = parse_qs(urlsplit(link.url).query)["SigninToken"]
    assert token in aws.secrets()
    with urllib.request.urlopen(link.url) as response:
        assert re.search(r"assumed-role/RoleBeta/", response.read().decode())
