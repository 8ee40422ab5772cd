"""AWS Sign-In: the stored sign-in of `aws login`, its use and its renewal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.demo.clients import CLIENTS, caller_of, unsigned_client
from tests.demo.policies import HOME, allows, policy

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.demo.clients import Clients, Clock

pytest.importorskip("awscrt", reason="needs botocore[crt]")

CONFIG = """
[profile Login]
login_session = {arn}
region = us-east-1
endpoint_url = {endpoint_url}
"""


@pytest.fixture
def user(aws: EmbeddedAws) -> IamUser:
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
    aws.config_file.write_text(CONFIG.format(arn=user.arn, endpoint_url=aws.endpoint_url))
    return user


def stored(file: Path) -> dict[str, Any]:
    """Return the cached document."""
    document: dict[str, Any] = json.loads(file.read_text())
    return document


def credentials(file: Path) -> dict[str, Any]:
    """Return the cached credentials in the form of an STS response."""
    token = stored(file)["accessToken"]
    return {
        "AccessKeyId": token["accessKeyId"],
        "SecretAccessKey": token["secretAccessKey"],
        "SessionToken": token["sessionToken"],
    }


def renew(aws: EmbeddedAws, file: Path, **headers: str) -> Any:
    """Request new credentials with these headers, and without botocore's proof of the key."""
    client = unsigned_client(aws, "signin")
    client.meta.events.register(
        "before-call.signin.CreateOAuth2Token",
        lambda params, **_: params["headers"].update(headers),
    )
    document = stored(file)
    request = {"clientId": document["clientId"], "refreshToken": document["refreshToken"]}
    return client.create_o_auth2_token(tokenInput=request | {"grantType": "refresh_token"})


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_a_login_is_used(aws: EmbeddedAws, user: IamUser, client: str) -> None:
    """boto3 and the AWS CLI use a valid sign-in without calling the service."""
    file = aws.signin.login(user)
    assert file.stat().st_mode & 0o777 == 0o600
    aws.calls.clear()
    assert caller_of(aws, client, "Login").stdout.strip() == user.arn
    assert [call.action for call in aws.calls] == ["sts:GetCallerIdentity"]


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_a_login_is_renewed(aws: EmbeddedAws, user: IamUser, client: str) -> None:
    """boto3 and the AWS CLI renew expired credentials, and each refresh token works once."""
    file = aws.signin.login(user, expires_in=-60)
    before = stored(file)
    assert caller_of(aws, client, "Login").stdout.strip() == user.arn
    after = stored(file)
    assert after.keys() == before.keys()
    assert after["refreshToken"] != before["refreshToken"]
    assert after["accessToken"]["accessKeyId"] != before["accessToken"]["accessKeyId"]
    file.write_text(json.dumps(before))
    assert caller_of(aws, client, "Login").returncode != 0


def test_expired_credentials(
    aws: EmbeddedAws, clients: Clients, clock: Clock, user: IamUser
) -> None:
    """AWS refuses a sign-in's credentials after their expiration."""
    file = aws.signin.login(user)
    client = clients.of("sts", credentials(file))
    clock.advance(seconds=899)
    assert client.get_caller_identity()["Arn"] == user.arn
    clock.advance(seconds=1)
    with pytest.raises(ClientError, match="ExpiredToken"):
        client.get_caller_identity()


def test_permissions(aws: EmbeddedAws, clients: Clients, user: IamUser) -> None:
    """A sign-in's credentials have the user's permissions."""
    who = credentials(aws.signin.login(user))
    assert clients.of("s3", who).list_buckets()["Buckets"] == []
    with pytest.raises(ClientError, match="AccessDenied"):
        clients.of("iam", who).list_users()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["clock", "method"])
def test_a_login_that_has_ended(aws: EmbeddedAws, clock: Clock, user: IamUser, how: str) -> None:
    """A sign-in can't be renewed after twelve hours or after `expire`, and boto3 says so."""
    aws.signin.login(user, expires_in=-60)
    if how == "clock":
        clock.advance(hours=12)
    else:
        assert aws.signin.expire() == 1
    assert "LoginRefreshRequired" in caller_of(aws, "boto3", "Login").stderr


@pytest.mark.slow
@pytest.mark.parametrize("proof", [None, "rubbish", "e30.e30.e30"])
def test_the_key_must_sign(aws: EmbeddedAws, user: IamUser, proof: str | None) -> None:
    """A refresh token without a valid proof is refused, but not used up."""
    file = aws.signin.login(user, expires_in=-60)
    with pytest.raises(ClientError, match="AccessDenied"):
        renew(aws, file, **({"DPoP": proof} if proof else {}))
    assert caller_of(aws, "boto3", "Login").stdout.strip() == user.arn


def test_secrets(aws: EmbeddedAws, user: IamUser) -> None:
    """`secrets` contains the secret key, the tokens and the private key of a sign-in."""
    document = stored(aws.signin.login(user))
    token = document["accessToken"]
    given = {token["secretAccessKey"], token["sessionToken"]}
    assert given | {document["refreshToken"], document["dpopKey"]} <= aws.secrets()
