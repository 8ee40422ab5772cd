"""IAM Identity Center: sign-ins, tokens, roles, their expiration, and AWS's errors."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest

from ipy_awsprofile.demo.services.sso.records import Lifetimes
from tests.demo.clients import CLIENTS, caller_of, error_of, unsigned_client
from tests.demo.policies import AWAY, HOME, allows, policy
from tests.shells import aws_cli_2

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.demo.clients import Clients, Clock

CONFIG = """
[sso-session corp]
sso_start_url = {start_url}
sso_region = us-east-1
sso_registration_scopes = sso:account:access

[profile Session]
sso_session = corp
sso_account_id = {account}
sso_role_name = Reader
region = us-east-1
endpoint_url = {endpoint_url}

[profile Legacy]
sso_start_url = {start_url}
sso_region = us-east-1
sso_account_id = {account}
sso_role_name = Reader
region = us-east-1
endpoint_url = {endpoint_url}

[profile Services]
sso_session = corp
sso_account_id = {account}
sso_role_name = Reader
region = us-east-1
services = local

[services local]
sso =
  endpoint_url = {endpoint_url}
sso_oidc =
  endpoint_url = {endpoint_url}
sts =
  endpoint_url = {endpoint_url}
"""
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ARN = rf"arn:aws:sts::{HOME}:assumed-role/AWSReservedSSO_Reader_[0-9a-f]{{16}}/ann"


class Program:
    """A program that signs a user in with botocore's clients."""

    def __init__(self, aws: EmbeddedAws, *scopes: str) -> None:
        self.aws = aws
        self.oidc, self.portal = unsigned_client(aws, "sso-oidc"), unsigned_client(aws, "sso")
        answer = self.oidc.register_client(
            clientName="test", clientType="public", scopes=list(scopes)
        )
        self.who = {name: answer[name] for name in ("clientId", "clientSecret")}

    def start(self) -> dict[str, Any]:
        """Start a sign-in, and return its codes and URLs."""
        answer: dict[str, Any] = self.oidc.start_device_authorization(
            **self.who, startUrl=self.aws.sso.start_url
        )
        return answer

    def redeem(self, started: dict[str, Any]) -> dict[str, Any]:
        """Return the tokens of a sign-in that the user has allowed."""
        answer: dict[str, Any] = self.oidc.create_token(
            **self.who, grantType=DEVICE, deviceCode=started["deviceCode"]
        )
        return answer

    def refresh(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """Exchange a refresh token for new tokens, and return them."""
        answer: dict[str, Any] = self.oidc.create_token(
            **self.who, grantType="refresh_token", refreshToken=tokens["refreshToken"]
        )
        return answer

    def sign_in(self) -> dict[str, Any]:
        """Sign in, and return the tokens."""
        started = self.start()
        self.aws.sso.approve(started["userCode"])
        return self.redeem(started)

    def role(self, tokens: dict[str, Any], name: str = "Reader") -> dict[str, Any]:
        """Return a role's credentials in the form of an STS response."""
        issued = self.portal.get_role_credentials(
            roleName=name, accountId=HOME, accessToken=tokens["accessToken"]
        )["roleCredentials"]
        return {
            "AccessKeyId": issued["accessKeyId"],
            "SecretAccessKey": issued["secretAccessKey"],
            "SessionToken": issued["sessionToken"],
            "Expiration": issued["expiration"],
        }


@pytest.fixture
def program(aws: EmbeddedAws) -> Program:
    aws.sso.assign(HOME, "Reader", policy=policy(allows("s3:*")))
    return Program(aws, "sso:account:access")


@pytest.fixture
def profiles(aws: EmbeddedAws) -> None:
    aws.sso.assign(HOME, "Reader", policy=policy(allows("s3:*")))
    values = {"start_url": aws.sso.start_url, "account": HOME, "endpoint_url": aws.endpoint_url}
    aws.config_file.write_text(CONFIG.format(**values))


def page(url: str, **answer: str) -> str:
    """Return a page; with answers, submit its form and return the next page."""
    data = urlencode(answer).encode() if answer else None
    with urllib.request.urlopen(url, data) as response:
        text: str = response.read().decode()
        return text


def test_a_sign_in(aws: EmbeddedAws, clients: Clients, program: Program) -> None:
    """After a user allows a sign-in on its page, the program gets the permission set's role."""
    started = program.start()
    assert error_of(program.redeem, started).code == "AuthorizationPendingException"
    assert f'value="{started["userCode"]}"' in page(started["verificationUriComplete"])
    form = {"user_code": started["userCode"].lower(), "answer": "allow"}
    assert "Allowed" in page(started["verificationUri"], **form)
    credentials = program.role(program.redeem(started))
    assert re.fullmatch(ARN, clients.of("sts", credentials).get_caller_identity()["Arn"])
    assert clients.of("s3", credentials).list_buckets()["Buckets"] == []
    assert error_of(clients.of("iam", credentials).list_users).code == "AccessDenied"
    assert error_of(program.redeem, started).code == "InvalidGrantException"


def test_the_role_has_the_name_and_path_of_aws(aws: EmbeddedAws) -> None:
    """A permission set has one role per account, with the name and path that AWS uses."""
    role = aws.sso.assign(HOME, "Reader")
    assert re.fullmatch(
        rf"arn:aws:iam::{HOME}:role/aws-reserved/sso\.amazonaws\.com/"
        r"AWSReservedSSO_Reader_[0-9a-f]{16}",
        role,
    )
    assert aws.sso.assign(HOME, "Reader", user="bob") == role
    assert aws.sso.assign(AWAY, "Reader") != role


def test_a_denied_sign_in(aws: EmbeddedAws, program: Program) -> None:
    """A sign-in denied by the method or on the page returns no tokens."""
    for deny in (aws.sso.deny, partial(page, f"{aws.endpoint_url}/device", answer="deny")):
        started = program.start()
        deny(user_code=started["userCode"])
        assert error_of(program.redeem, started).code == "AccessDeniedException"


def test_the_page_of_an_unknown_code(aws: EmbeddedAws, program: Program) -> None:
    """For an unknown code, the page returns status 400, and the methods raise KeyError."""
    url = f"{aws.endpoint_url}/device"
    query = urlencode({"user_code": '"><script>'})
    assert "<script>" not in page(f"{url}?{query}")
    with pytest.raises(HTTPError, match="400"):
        page(url, user_code="AAAA-AAAA", answer="allow")
    for method in (aws.sso.approve, aws.sso.deny):
        with pytest.raises(KeyError):
            method("AAAA-AAAA")


def test_polling(clock: Clock, program: Program) -> None:
    """A program that polls before the interval has passed must slow down."""
    started = program.start()
    assert error_of(program.redeem, started).code == "AuthorizationPendingException"
    assert error_of(program.redeem, started).code == "SlowDownException"
    clock.advance(seconds=started["interval"])
    assert error_of(program.redeem, started).code == "AuthorizationPendingException"


def test_an_expired_device_code(aws: EmbeddedAws, clock: Clock, program: Program) -> None:
    """An expired code can't be allowed, or redeemed even if it was allowed before."""
    allowed, waiting = program.start(), program.start()
    aws.sso.approve(allowed["userCode"])
    clock.advance(seconds=allowed["expiresIn"])
    for started in (allowed, waiting):
        assert error_of(program.redeem, started).code == "ExpiredTokenException"
    with pytest.raises(KeyError):
        aws.sso.approve(waiting["userCode"])


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"clientSecret": "another"}, "InvalidClientException"),
        ({"clientId": "another"}, "InvalidClientException"),
        ({"deviceCode": "another"}, "InvalidGrantException"),
        ({"grantType": "refresh_token", "refreshToken": "another"}, "InvalidGrantException"),
        ({"grantType": "password"}, "UnsupportedGrantTypeException"),
    ],
)
def test_what_create_token_refuses(
    program: Program, changed: dict[str, str], expected: str
) -> None:
    """A wrong client, code, token or grant type is refused with AWS's error."""
    started = program.start()
    request = program.who | {"grantType": DEVICE, "deviceCode": started["deviceCode"]}
    assert error_of(lambda: program.oidc.create_token(**request | changed)).code == expected


def test_the_device_code_of_another_client(aws: EmbeddedAws, program: Program) -> None:
    """A client can't redeem the device code of another client."""
    started = program.start()
    aws.sso.approve(started["userCode"])
    assert error_of(Program(aws).redeem, started).code == "InvalidGrantException"


def test_another_start_url(program: Program) -> None:
    """A sign-in with another organisation's start URL is refused."""
    start = program.oidc.start_device_authorization
    other = program.who | {"startUrl": "https://d-1111111111.awsapps.com/start"}
    assert error_of(lambda: start(**other)).code == "InvalidRequestException"


def test_an_expired_registration(aws: EmbeddedAws, clock: Clock, program: Program) -> None:
    """A client can't start a sign-in after its registration has expired."""
    clock.advance(seconds=aws.sso.lifetimes.registration)
    assert error_of(program.start).code == "InvalidClientException"


def test_an_expired_access_token(clock: Clock, program: Program) -> None:
    """The portal refuses all calls with an access token that has expired."""
    tokens = program.sign_in()
    clock.advance(seconds=tokens["expiresIn"] - 1)
    program.role(tokens)
    clock.advance(seconds=1)
    token = {"accessToken": tokens["accessToken"]}
    for call in (
        lambda: program.role(tokens),
        lambda: program.portal.list_accounts(**token),
        lambda: program.portal.list_account_roles(**token, accountId=HOME),
    ):
        assert error_of(call).code == "UnauthorizedException"


def test_expired_credentials_of_a_role(
    aws: EmbeddedAws, clients: Clients, clock: Clock, program: Program
) -> None:
    """AWS refuses a role's credentials after the expiration time that the portal has returned."""
    aws.sso.lifetimes = Lifetimes(role=900)
    credentials = program.role(program.sign_in())
    assert credentials["Expiration"] == (clock().timestamp() + 900) * 1000
    clock.advance(seconds=899)
    clients.of("sts", credentials).get_caller_identity()
    clock.advance(seconds=1)
    assert error_of(clients.of("sts", credentials).get_caller_identity).code == "ExpiredToken"


def test_refresh(aws: EmbeddedAws, clock: Clock, program: Program) -> None:
    """A refresh token works once, and only until it expires."""
    first = program.sign_in()
    clock.advance(seconds=first["expiresIn"])
    second = program.refresh(first)
    program.role(second)
    assert error_of(program.refresh, first).code == "InvalidGrantException"
    clock.advance(seconds=aws.sso.lifetimes.refresh_token - first["expiresIn"])
    assert error_of(program.refresh, second).code == "InvalidGrantException"


def test_no_refresh_token_without_the_scope(aws: EmbeddedAws, program: Program) -> None:
    """A client that registers without the scope, as legacy profiles do, gets no refresh token."""
    assert "refreshToken" in program.sign_in()
    assert "refreshToken" not in Program(aws).sign_in()


def test_expire_tokens(aws: EmbeddedAws, program: Program) -> None:
    """`expire_tokens` returns the number of expired tokens; refresh tokens need `refresh=True`."""
    tokens = program.sign_in()
    assert aws.sso.expire_tokens() == 1
    assert error_of(program.role, tokens).code == "UnauthorizedException"
    tokens = program.refresh(tokens)
    assert aws.sso.expire_tokens(refresh=True) == 2
    assert error_of(program.refresh, tokens).code == "InvalidGrantException"


def test_roles_of_a_user(aws: EmbeddedAws, program: Program) -> None:
    """A user can list and use only accounts and roles assigned to that user."""
    aws.sso.assign(AWAY, "Admin")
    aws.sso.assign(HOME, "Auditor", user="bob")
    tokens = program.sign_in()
    token = {"accessToken": tokens["accessToken"]}
    accounts = program.portal.list_accounts(**token)["accountList"]
    assert [account["accountId"] for account in accounts] == [HOME, AWAY]
    roles = program.portal.list_account_roles(**token, accountId=HOME)["roleList"]
    assert roles == [{"accountId": HOME, "roleName": "Reader"}]
    assert error_of(program.role, tokens, "Auditor").code == "ForbiddenException"


@pytest.mark.slow
@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("profile", ["Session", "Legacy", "Services"])
@pytest.mark.usefixtures("profiles")
def test_profiles(aws: EmbeddedAws, client: str, profile: str) -> None:
    """Each form of an SSO profile works in boto3 and the AWS CLI with a cached token."""
    file = aws.sso.sign_in(None if profile == "Legacy" else "corp")
    assert file.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(ARN, caller_of(aws, client, profile).stdout.strip())


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.usefixtures("profiles")
def test_an_expired_token_is_refreshed(aws: EmbeddedAws, client: str) -> None:
    """boto3 and the AWS CLI refresh the token of an sso-session, and store the new token."""
    file = aws.sso.sign_in("corp", expires_in=-60)
    before = json.loads(file.read_text())
    assert re.fullmatch(ARN, caller_of(aws, client, "Session").stdout.strip())
    after = json.loads(file.read_text())
    assert after.keys() == before.keys()
    assert {"accessToken", "refreshToken"} <= {key for key in after if after[key] != before[key]}
    assert set(after.values()) & {after["accessToken"], after["refreshToken"]} <= aws.secrets()


@pytest.mark.slow
@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("profile", "error"),
    [("Session", "Token has expired and refresh failed"), ("Legacy", "SSO session")],
)
def test_an_expired_sign_in(aws: EmbeddedAws, profile: str, error: str) -> None:
    """boto3 fails as it does on AWS if the token has expired and can't be refreshed."""
    aws.sso.sign_in("corp" if profile == "Session" else None, expires_in=-60)
    aws.sso.expire_tokens(refresh=True)
    assert error in caller_of(aws, "boto3", profile).stderr


@pytest.mark.slow
@pytest.mark.nightly(keep=1)
@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("profile", ["Session", "Legacy", "Services"])
def test_aws_sso_login(aws: EmbeddedAws, profile: str) -> None:
    """After `aws sso login` with a device code, the profile works."""
    login = subprocess.Popen(
        [aws_cli_2(), "sso", "login", "--profile", profile, "--no-browser", "--use-device-code"],
        env=aws.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    with login:
        assert login.stdout
        link = next(line.strip() for line in login.stdout if "user_code=" in line)
        page(link.partition("?")[0], user_code=link.rpartition("=")[2], answer="allow")
        login.stdout.read()
    assert login.returncode == 0
    assert re.fullmatch(ARN, caller_of(aws, "boto3", profile).stdout.strip())


def test_secrets(aws: EmbeddedAws, program: Program) -> None:
    """`secrets` contains everything that a sign-in issues, and no repr shows any of it."""
    started = program.start()
    aws.sso.approve(started["userCode"])
    tokens = program.redeem(started)
    credentials = program.role(tokens)
    issued = {
        program.who["clientSecret"],
        started["deviceCode"],
        tokens["accessToken"],
        tokens["refreshToken"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
    }
    assert issued <= aws.secrets()
    client = aws.sso.tokens.client(**_renamed(program.who))
    shown = repr([client, aws.sso.tokens.begin(client), aws.sso, aws, aws.calls])
    assert [secret for secret in aws.secrets() if secret in shown] == []


def _renamed(who: dict[str, str]) -> dict[str, str]:
    return {"client_id": who["clientId"], "secret": who["clientSecret"]}


def test_calls(aws: EmbeddedAws, program: Program) -> None:
    """The list of calls contains the requests of a sign-in."""
    aws.calls.clear()
    program.role(program.sign_in())
    assert [call.action for call in aws.calls] == [
        "sso-oidc:StartDeviceAuthorization",
        "sso-oidc:CreateToken",
        "sso:GetRoleCredentials",
    ]
