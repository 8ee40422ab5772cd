"""Sign-ins by an authorization code with PKCE, as in version 2 of the AWS CLI."""

from __future__ import annotations

import base64
import re
import subprocess
import urllib.request
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.demo.clients import error_of, unsigned_client
from tests.demo.policies import HOME
from tests.identity_center import write_session
from tests.shells import aws_cli_2

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

REDIRECT = "http://127.0.0.1:1/oauth/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Turns a redirect into an error, so that the test can read its address."""

    def redirect_request(self, *_: object) -> None:
        """Don't follow the redirect."""


class Program:
    """A registered program, and the browser of its user."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self.oidc: Any = unsigned_client(aws, "sso-oidc")
        answer = self.oidc.register_client(
            clientName="test",
            clientType="public",
            scopes=["sso:account:access"],
            redirectUris=["http://127.0.0.1/oauth/callback"],
            issuerUrl=aws.sso.start_url,
            grantTypes=["authorization_code", "refresh_token"],
        )
        self.who = {name: answer[name] for name in ("clientId", "clientSecret")}

    def url(self, **changed: str) -> str:
        """Return the URL of the sign-in page, with changed parameters."""
        query = {
            "response_type": "code",
            "client_id": self.who["clientId"],
            "redirect_uri": REDIRECT,
            "state": "s",
            "code_challenge_method": "S256",
            "code_challenge": CHALLENGE,
        }
        return f"{self.aws.endpoint_url}/authorize?{urlencode(query | changed)}"

    def answered(self, answer: str) -> dict[str, str]:
        """Answer on the page, and return the parameters of the redirect to the program."""
        opener = urllib.request.build_opener(NoRedirect)
        with pytest.raises(HTTPError) as found:
            opener.open(self.url(), urlencode({"answer": answer}).encode())
        address = found.value.headers["Location"]
        assert address.startswith(f"{REDIRECT}?")
        return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}

    def redeem(self, code: str, **changed: str) -> dict[str, Any]:
        """Exchange a code for tokens, and return them."""
        request = self.who | {
            "grantType": "authorization_code",
            "code": code,
            "redirectUri": REDIRECT,
            "codeVerifier": VERIFIER,
        }
        answer: dict[str, Any] = self.oidc.create_token(**request | changed)
        return answer


@pytest.fixture
def program(aws: EmbeddedAws) -> Program:
    aws.sso.assign(HOME, "Reader")
    return Program(aws)


def test_allowed(aws: EmbeddedAws, program: Program) -> None:
    """The program that has the verifier can exchange a code for tokens, but only once."""
    with urllib.request.urlopen(program.url()) as page:
        assert "Allow" in page.read().decode()
    answer = program.answered("allow")
    assert answer["state"] == "s"
    tokens = program.redeem(answer["code"])
    assert tokens["refreshToken"]
    assert answer["code"] in aws.secrets()
    portal = unsigned_client(aws, "sso")
    assert portal.list_accounts(accessToken=tokens["accessToken"])["accountList"]
    assert error_of(program.redeem, answer["code"]).code == "InvalidGrantException"


@pytest.mark.parametrize(
    "changed", [{"codeVerifier": "w" * 64}, {"redirectUri": "http://127.0.0.1:2/oauth/callback"}]
)
def test_code_of_another(program: Program, changed: dict[str, str]) -> None:
    """A code with a wrong verifier or address is refused, and can't be used again."""
    code = program.answered("allow")["code"]
    assert error_of(lambda: program.redeem(code, **changed)).code == "InvalidGrantException"
    assert error_of(program.redeem, code).code == "InvalidGrantException"


def test_denied(program: Program) -> None:
    """If the user denies the sign-in, the redirect contains an error."""
    assert program.answered("deny")["error"] == "access_denied"


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "https://evil.example/oauth/callback"},
        {"client_id": "another"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
    ],
)
def test_requests_that_are_refused(program: Program, changed: dict[str, str]) -> None:
    """The page isn't shown for an address that isn't on loopback, or without PKCE."""
    with pytest.raises(HTTPError, match="400"):
        urllib.request.urlopen(program.url(**changed))


@pytest.mark.slow
def test_the_aws_cli(aws: EmbeddedAws, program: Program) -> None:
    """Version 2 of the AWS CLI signs in with `aws sso login`, without a device code."""
    write_session(aws)
    aws.write_profile("P", sso_session="corp", sso_account_id=HOME, sso_role_name="Reader")
    login = subprocess.Popen(
        [aws_cli_2(), "sso", "login", "--profile", "P", "--no-browser"],
        env=aws.environment() | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with login:
        assert login.stdout
        url = next(line.strip() for line in login.stdout if re.search(r"/authorize\?", line))
        with urllib.request.urlopen(url, b"answer=allow"):
            pass
        login.stdout.read()
    assert login.returncode == 0
