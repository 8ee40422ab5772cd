"""IAM Identity Center: sign-in, tokens, roles, and what AWS says when one of them is over."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from ipy_awsprofile.demo.services.sso_records import Lifetimes
from tests.demo.clients import CLIENTS, asks_sts
from tests.demo.policies import AWAY, HOME, allows, policy
from tests.shells import aws_cli_2

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """A program that signs somebody in, by way of botocore's clients."""

    def __init__(self, aws: EmbeddedAws, *scopes: str) -> None:
        self.aws = aws
        self.oidc, self.portal = (self._client(service) for service in ("sso-oidc", "sso"))
        answer = self.oidc.register_client(
            clientName="test", clientType="public", scopes=list(scopes)
        )
        self.who = {name: answer[name] for name in ("clientId", "clientSecret")}

    def _client(self, service: str) -> Any:
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        session: Any = boto3.Session()
        return session.client(
            service, region_name="us-east-1", endpoint_url=self.aws.endpoint_url, config=config
        )

    def begin(self) -> dict[str, Any]:
        """Begin a sign-in; return what the person and the program have to know."""
        answer: dict[str, Any] = self.oidc.start_device_authorization(
            **self.who, startUrl=self.aws.sso.start_url
        )
        return answer

    def redeem(self, begun: dict[str, Any]) -> dict[str, Any]:
        """Ask whether the person has allowed it, for the tokens."""
        answer: dict[str, Any] = self.oidc.create_token(
            **self.who, grantType=DEVICE, deviceCode=begun["deviceCode"]
        )
        return answer

    def refresh(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """Get new tokens for a refresh token."""
        answer: dict[str, Any] = self.oidc.create_token(
            **self.who, grantType="refresh_token", refreshToken=tokens["refreshToken"]
        )
        return answer

    def sign_in(self) -> dict[str, Any]:
        """Sign in; return the tokens."""
        begun = self.begin()
        self.aws.sso.approve(begun["userCode"])
        return self.redeem(begun)

    def role(self, tokens: dict[str, Any], name: str = "Reader") -> dict[str, Any]:
        """Get a role's credentials, in the form of an STS answer."""
        given = self.portal.get_role_credentials(
            roleName=name, accountId=HOME, accessToken=tokens["accessToken"]
        )["roleCredentials"]
        return {
            "AccessKeyId": given["accessKeyId"],
            "SecretAccessKey": given["secretAccessKey"],
            "SessionToken": given["sessionToken"],
            "Expiration": given["expiration"],
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


def code(call: Callable[..., Any], *arguments: Any) -> str:
    """Return the code of a failing call."""
    with pytest.raises(ClientError) as caught:
        call(*arguments)
    return str(caught.value.response["Error"]["Code"])


def page(url: str, **answer: str) -> str:
    """Read a page, or send its form."""
    data = urlencode(answer).encode() if answer else None
    with urllib.request.urlopen(url, data) as response:
        text: str = response.read().decode()
        return text


def test_a_sign_in(aws: EmbeddedAws, clients: Clients, program: Program) -> None:
    """A person allows a sign-in on its page, and the role is that of the permission set."""
    begun = program.begin()
    assert code(program.redeem, begun) == "AuthorizationPendingException"
    assert f'value="{begun["userCode"]}"' in page(begun["verificationUriComplete"])
    allowed = page(begun["verificationUri"], user_code=begun["userCode"].lower(), answer="allow")
    assert "Allowed" in allowed
    credentials = program.role(program.redeem(begun))
    assert re.fullmatch(ARN, clients.of("sts", credentials).get_caller_identity()["Arn"])
    assert clients.of("s3", credentials).list_buckets()["Buckets"] == []
    assert code(clients.of("iam", credentials).list_users) == "AccessDenied"
    assert code(program.redeem, begun) == "InvalidGrantException"


def test_the_role_has_the_name_and_path_of_aws(aws: EmbeddedAws) -> None:
    """A permission set is one role, whoever is assigned, and nobody can assume it by STS."""
    role = aws.sso.assign(HOME, "Reader")
    assert re.fullmatch(
        rf"arn:aws:iam::{HOME}:role/aws-reserved/sso\.amazonaws\.com/"
        r"AWSReservedSSO_Reader_[0-9a-f]{16}",
        role,
    )
    assert aws.sso.assign(HOME, "Reader", user="bob") == role
    assert aws.sso.assign(AWAY, "Reader") != role


def test_a_person_says_no(aws: EmbeddedAws, program: Program) -> None:
    """A sign-in that was denied, by the method or on the page, stays so."""
    for deny in (
        lambda begun: aws.sso.deny(begun["userCode"]),
        lambda begun: page(begun["verificationUri"], user_code=begun["userCode"], answer="deny"),
    ):
        begun = program.begin()
        deny(begun)
        assert code(program.redeem, begun) == "AccessDeniedException"


def test_the_page_of_an_unknown_code(aws: EmbeddedAws, program: Program) -> None:
    """The page says so, shows a code as text only, and the methods raise KeyError."""
    url = f"{aws.endpoint_url}/device"
    query = urlencode({"user_code": '"><script>'})
    assert "<script>" not in page(f"{url}?{query}")
    with pytest.raises(HTTPError, match="400"):
        page(url, user_code="AAAA-AAAA", answer="allow")
    for method in (aws.sso.approve, aws.sso.deny):
        with pytest.raises(KeyError):
            method("AAAA-AAAA")


def test_polling(clock: Clock, program: Program) -> None:
    """Who asks again before the interval is over is told to slow down, and then is not."""
    begun = program.begin()
    assert code(program.redeem, begun) == "AuthorizationPendingException"
    assert code(program.redeem, begun) == "SlowDownException"
    clock.advance(seconds=begun["interval"])
    assert code(program.redeem, begun) == "AuthorizationPendingException"


def test_a_device_code_ends(aws: EmbeddedAws, clock: Clock, program: Program) -> None:
    """At its end a code can be neither allowed nor redeemed, also if it was allowed before."""
    allowed, waiting = program.begin(), program.begin()
    aws.sso.approve(allowed["userCode"])
    clock.advance(seconds=allowed["expiresIn"])
    for begun in (allowed, waiting):
        assert code(program.redeem, begun) == "ExpiredTokenException"
    with pytest.raises(KeyError):
        aws.sso.approve(waiting["userCode"])


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"clientSecret": "another"}, "InvalidClientException"),
        ({"clientId": "another"}, "InvalidClientException"),
        ({"deviceCode": "another"}, "InvalidGrantException"),
        ({"grantType": "refresh_token", "refreshToken": "another"}, "InvalidGrantException"),
        ({"grantType": "authorization_code"}, "UnsupportedGrantTypeException"),
    ],
)
def test_what_create_token_refuses(
    program: Program, changed: dict[str, str], expected: str
) -> None:
    """A wrong client, code, token or grant is refused in AWS's words."""
    begun = program.begin()
    request = program.who | {"grantType": DEVICE, "deviceCode": begun["deviceCode"]}
    assert code(lambda: program.oidc.create_token(**request | changed)) == expected


def test_anothers_device_code(aws: EmbeddedAws, program: Program) -> None:
    """A client can't redeem what another has begun."""
    begun = program.begin()
    aws.sso.approve(begun["userCode"])
    assert code(Program(aws).redeem, begun) == "InvalidGrantException"


def test_another_start_url(program: Program) -> None:
    """A sign-in at the start URL of some other organisation is refused."""
    begin = program.oidc.start_device_authorization
    other = program.who | {"startUrl": "https://d-1111111111.awsapps.com/start"}
    assert code(lambda: begin(**other)) == "InvalidRequestException"


def test_a_registration_ends(aws: EmbeddedAws, clock: Clock, program: Program) -> None:
    """A client's registration has an end, after which it begins nothing."""
    clock.advance(seconds=aws.sso.lifetimes.registration)
    assert code(program.begin) == "InvalidClientException"


def test_an_access_token_ends(clock: Clock, program: Program) -> None:
    """At its end the portal refuses an access token for all that it does."""
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
        assert code(call) == "UnauthorizedException"


def test_a_roles_credentials_end(
    aws: EmbeddedAws, clients: Clients, clock: Clock, program: Program
) -> None:
    """At the time that the portal says, and not before, AWS refuses a role's credentials."""
    aws.sso.lifetimes = Lifetimes(role=900)
    credentials = program.role(program.sign_in())
    assert credentials["Expiration"] == (clock().timestamp() + 900) * 1000
    clock.advance(seconds=899)
    clients.of("sts", credentials).get_caller_identity()
    clock.advance(seconds=1)
    assert code(clients.of("sts", credentials).get_caller_identity) == "ExpiredToken"


def test_refresh(aws: EmbeddedAws, clock: Clock, program: Program) -> None:
    """A refresh token gives new tokens, once, until the sign-in as a whole is over."""
    first = program.sign_in()
    clock.advance(seconds=first["expiresIn"])
    second = program.refresh(first)
    program.role(second)
    assert code(program.refresh, first) == "InvalidGrantException"
    clock.advance(seconds=aws.sso.lifetimes.refresh_token - first["expiresIn"])
    assert code(program.refresh, second) == "InvalidGrantException"


def test_no_refresh_token_without_the_scope(aws: EmbeddedAws, program: Program) -> None:
    """A client that didn't register for accounts, as one of a legacy profile, can't refresh."""
    assert "refreshToken" in program.sign_in()
    assert "refreshToken" not in Program(aws).sign_in()


def test_expire_tokens(aws: EmbeddedAws, program: Program) -> None:
    """It ends access tokens, and refresh tokens only if asked, and counts them."""
    tokens = program.sign_in()
    assert aws.sso.expire_tokens() == 1
    assert code(program.role, tokens) == "UnauthorizedException"
    tokens = program.refresh(tokens)
    assert aws.sso.expire_tokens(refresh=True) == 2
    assert code(program.refresh, tokens) == "InvalidGrantException"


def test_roles_of_a_user(aws: EmbeddedAws, program: Program) -> None:
    """A user sees the accounts and roles that it is assigned, and gets no other."""
    aws.sso.assign(AWAY, "Admin")
    aws.sso.assign(HOME, "Auditor", user="bob")
    tokens = program.sign_in()
    token = {"accessToken": tokens["accessToken"]}
    accounts = program.portal.list_accounts(**token)["accountList"]
    assert [account["accountId"] for account in accounts] == [HOME, AWAY]
    roles = program.portal.list_account_roles(**token, accountId=HOME)["roleList"]
    assert roles == [{"accountId": HOME, "roleName": "Reader"}]
    assert code(program.role, tokens, "Auditor") == "ForbiddenException"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("profile", ["Session", "Legacy", "Services"])
@pytest.mark.usefixtures("profiles")
def test_profiles(aws: EmbeddedAws, client: str, profile: str) -> None:
    """Each form of an SSO profile works in boto3 and the AWS CLI with the token in the cache."""
    file = aws.sso.sign_in(None if profile == "Legacy" else "corp")
    assert file.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(ARN, asks_sts(aws, client, profile).stdout.strip())


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.usefixtures("profiles")
def test_an_expired_token_is_refreshed(aws: EmbeddedAws, client: str) -> None:
    """boto3 and the AWS CLI renew an sso-session's token, and store the new one."""
    file = aws.sso.sign_in("corp", expires_in=-60)
    before = json.loads(file.read_text())
    assert re.fullmatch(ARN, asks_sts(aws, client, "Session").stdout.strip())
    after = json.loads(file.read_text())
    assert after.keys() == before.keys()
    assert {"accessToken", "refreshToken"} <= {key for key in after if after[key] != before[key]}
    assert set(after.values()) & {after["accessToken"], after["refreshToken"]} <= aws.secrets()


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("profile", "error"),
    [("Session", "Token has expired and refresh failed"), ("Legacy", "SSO session")],
)
def test_a_sign_in_that_is_over(aws: EmbeddedAws, profile: str, error: str) -> None:
    """Without a token that can be renewed boto3 fails as it does on AWS."""
    aws.sso.sign_in("corp" if profile == "Session" else None, expires_in=-60)
    aws.sso.expire_tokens(refresh=True)
    assert error in asks_sts(aws, "boto3", profile).stderr


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("profile", ["Session", "Legacy", "Services"])
def test_aws_sso_login(aws: EmbeddedAws, profile: str) -> None:
    """`aws sso login` signs in with a device code, and then the profile works."""
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
    assert re.fullmatch(ARN, asks_sts(aws, "AWS CLI", profile).stdout.strip())


def test_secrets(aws: EmbeddedAws, program: Program) -> None:
    """`secrets` has all that a sign-in gives out, and no record shows one."""
    begun = program.begin()
    aws.sso.approve(begun["userCode"])
    tokens = program.redeem(begun)
    credentials = program.role(tokens)
    given = {
        program.who["clientSecret"],
        begun["deviceCode"],
        tokens["accessToken"],
        tokens["refreshToken"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
    }
    assert given <= aws.secrets()
    client = aws.sso.sign_ins.client(**_renamed(program.who))
    shown = repr([client, aws.sso.sign_ins.begin(client), aws.sso, aws, aws.calls])
    assert [secret for secret in aws.secrets() if secret in shown] == []


def _renamed(who: dict[str, str]) -> dict[str, str]:
    return {"client_id": who["clientId"], "secret": who["clientSecret"]}


def test_calls(aws: EmbeddedAws, program: Program) -> None:
    """The list of calls has what the sign-in asked."""
    aws.calls.clear()
    program.role(program.sign_in())
    assert [call.action for call in aws.calls] == [
        "sso-oidc:StartDeviceAuthorization",
        "sso-oidc:CreateToken",
        "sso:GetRoleCredentials",
    ]


def test_a_bucket_may_be_named_like_a_path(aws: EmbeddedAws, clients: Clients) -> None:
    """A signed request for a path of the sign-in is S3's, as it was."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
    aws.create_bucket("device", account=HOME)
    path_style = Config(s3={"addressing_style": "path"})
    assert (
        clients.of("s3", user, config=path_style).list_objects_v2(Bucket="device")["KeyCount"] == 0
    )
