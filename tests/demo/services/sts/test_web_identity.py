"""AssumeRoleWithWebIdentity: valid tokens, trust policies and expiration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile.demo.iam.unsupported import UnsupportedPolicyError
from ipy_awsprofile.demo.shared_files import write_private
from tests.demo.clients import CLIENTS, caller_of, error_of, unsigned_client
from tests.demo.policies import AWAY, HOME, allows, policy, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.oidc import OidcProvider
    from tests.demo.clients import Clients, Clock

ISSUER = "https://oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE"
NAME = ISSUER.removeprefix("https://")
SUBJECT = "system:serviceaccount:notebooks:ann"
ROLE = f"arn:aws:iam::{HOME}:role/Pod"
CONFIG = """
[profile Pod]
role_arn = {role}
web_identity_token_file = {file}
role_session_name = pod
region = us-east-1
endpoint_url = {endpoint_url}
"""


def trust(provider: OidcProvider, **more: Any) -> dict[str, Any]:
    """Return a trust policy that trusts the provider's tokens."""
    action = {"Action": "sts:AssumeRoleWithWebIdentity"}
    return trusts({"Federated": provider.arn}, **action, **more)


@pytest.fixture
def provider(aws: EmbeddedAws) -> OidcProvider:
    return aws.create_oidc_provider(ISSUER, account=HOME)


@pytest.fixture
def role(aws: EmbeddedAws, provider: OidcProvider) -> str:
    equals = {f"{NAME}:sub": SUBJECT, f"{NAME}:aud": "sts.amazonaws.com"}
    return aws.create_role(
        "Pod",
        account=HOME,
        trust=trust(provider, Condition={"StringEquals": equals}),
        policy=policy(allows("s3:*")),
    )


def assume(aws: EmbeddedAws, token: str, role: str = ROLE, **more: Any) -> dict[str, Any]:
    """Assume a role with a token in an unsigned request, and return the response."""
    parameters = {"RoleArn": role, "RoleSessionName": "pod", "WebIdentityToken": token} | more
    sts = unsigned_client(aws, "sts")
    response: dict[str, Any] = sts.assume_role_with_web_identity(**parameters)
    return response


def test_a_token_becomes_a_role(
    aws: EmbeddedAws, clients: Clients, clock: Clock, provider: OidcProvider, role: str
) -> None:
    """A token gets a session with the role's permissions, which expires."""
    answer = assume(aws, provider.token(SUBJECT), DurationSeconds=900)
    assert answer["Provider"] == provider.arn == f"arn:aws:iam::{HOME}:oidc-provider/{NAME}"
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert answer["Audience"] == "sts.amazonaws.com"
    arn = f"arn:aws:sts::{HOME}:assumed-role/Pod/pod"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    client = clients.of("sts", answer["Credentials"])
    assert client.get_caller_identity()["Arn"] == arn
    assert clients.of("s3", answer["Credentials"]).list_buckets()["Buckets"] == []
    clock.advance(seconds=900)
    with pytest.raises(ClientError, match="ExpiredToken"):
        client.get_caller_identity()


def test_an_expired_token(
    aws: EmbeddedAws, clock: Clock, provider: OidcProvider, role: str
) -> None:
    """An expired token is refused with a message that contains both times."""
    token = provider.token(SUBJECT, expires_in=60)
    clock.advance(seconds=59)
    assume(aws, token)
    clock.advance(seconds=1)
    now = int(clock().timestamp())
    times = f"current date/time {now} must be before the expiration date/time {now}"
    expected = ("ExpiredTokenException", f"Token expired: {times}", 400)
    assert error_of(assume, aws, token) == expected


def test_a_provider_that_the_account_does_not_have(
    aws: EmbeddedAws, provider: OidcProvider, role: str
) -> None:
    """A token of another issuer or of another account's provider is refused."""
    other = "https://oidc.example.com"
    stranger = aws.create_oidc_provider(other, account=AWAY)
    no_provider = "No OpenIDConnect provider found in your account for"
    for token, role_arn, issuer in (
        (stranger.token(SUBJECT), role, other),
        (provider.token(SUBJECT), f"arn:aws:iam::{AWAY}:role/Any", ISSUER),
    ):
        expected = ("InvalidIdentityToken", f"{no_provider} {issuer}", 400)
        assert error_of(assume, aws, token, role_arn) == expected


def test_a_token_with_another_signature(
    aws: EmbeddedAws, provider: OidcProvider, role: str
) -> None:
    """A token that names the issuer but has another provider's signature is refused."""
    forger = aws.create_oidc_provider(ISSUER, account=AWAY)
    assert error_of(assume, aws, forger.token(SUBJECT)).code == "InvalidIdentityToken"


@pytest.mark.parametrize("token", ["rubbish", "a.b.c", "e30.e30.e30"])
def test_an_invalid_token(aws: EmbeddedAws, role: str, token: str) -> None:
    """An invalid token is refused with a message that doesn't repeat it."""
    code, message, status = error_of(assume, aws, token)
    assert (code, status) == ("InvalidIdentityToken", 400)
    assert token not in message


def test_another_audience(aws: EmbeddedAws, provider: OidcProvider, role: str) -> None:
    """A token for a different audience is refused before the role's trust policy is evaluated."""
    code, message, _ = error_of(assume, aws, provider.token(SUBJECT, audience="other"))
    assert (code, message) == ("InvalidIdentityToken", "Incorrect token audience")


def test_whom_the_role_trusts(aws: EmbeddedAws, provider: OidcProvider, role: str) -> None:
    """The error is the same for another subject, another trust policy and a missing role."""
    aws.create_role("Plain", account=HOME, trust=trusts(f"arn:aws:iam::{HOME}:root"))
    denied = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
    assert error_of(assume, aws, provider.token("system:serviceaccount:other:bob")) == denied
    for name in ("Plain", "Nobody"):
        role_arn = f"arn:aws:iam::{HOME}:role/{name}"
        assert error_of(assume, aws, provider.token(SUBJECT), role_arn) == denied


def test_a_pattern_of_subjects(aws: EmbeddedAws, provider: OidcProvider) -> None:
    """A trust policy can match subjects with a pattern."""
    condition = {"StringLike": {f"{NAME}:sub": "system:serviceaccount:notebooks:*"}}
    aws.create_role("Pod", account=HOME, trust=trust(provider, Condition=condition))
    assume(aws, provider.token(SUBJECT))
    other = provider.token("system:serviceaccount:web:a")
    assert error_of(assume, aws, other).code == "AccessDenied"


def test_other_claims_are_not_evaluated(aws: EmbeddedAws, provider: OidcProvider) -> None:
    """A role can't be created with a condition on a claim that isn't evaluated."""
    condition = {"StringEquals": {f"{NAME}:amr": "authenticated"}}
    with pytest.raises(UnsupportedPolicyError):
        aws.create_role("Pod", account=HOME, trust=trust(provider, Condition=condition))


@pytest.mark.parametrize(
    "parameters",
    [{"DurationSeconds": 3601}, {"DurationSeconds": 43201}, {"RoleSessionName": "not a name"}],
)
def test_parameters(
    aws: EmbeddedAws, provider: OidcProvider, role: str, parameters: dict[str, Any]
) -> None:
    """The limits of AssumeRole's parameters apply here, too."""
    error = error_of(assume, aws, provider.token(SUBJECT), **parameters)
    assert (error.code, error.status) == ("ValidationError", 400)


@pytest.mark.parametrize("role", ["arn:aws:iam::12:role/Pod", "not-an-arn-but-long-enough"])
def test_an_invalid_role_arn(aws: EmbeddedAws, provider: OidcProvider, role: str) -> None:
    """A RoleArn that isn't a role ARN is refused."""
    error = error_of(assume, aws, provider.token(SUBJECT), role)
    assert (error.code, error.status) == ("ValidationError", 400)


def test_a_session_policy(
    aws: EmbeddedAws, clients: Clients, provider: OidcProvider, role: str
) -> None:
    """A session policy limits the role's permissions."""
    limit = '{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}'
    credentials = assume(aws, provider.token(SUBJECT), Policy=limit)["Credentials"]
    with pytest.raises(ClientError, match="AccessDenied"):
        clients.of("s3", credentials).list_buckets()


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_a_profile(aws: EmbeddedAws, provider: OidcProvider, role: str, client: str) -> None:
    """A profile with a token file works in boto3 and the AWS CLI."""
    file = write_private(aws.home / "token", provider.token(SUBJECT))
    config = CONFIG.format(role=role, file=file, endpoint_url=aws.endpoint_url)
    aws.config_file.write_text(config)
    answer = caller_of(aws, client, "Pod").stdout.strip()
    assert answer == f"arn:aws:sts::{HOME}:assumed-role/Pod/pod"


def test_secrets(aws: EmbeddedAws, provider: OidcProvider, role: str) -> None:
    """`secrets` contains each token, and neither a provider's repr nor the calls show it."""
    token = provider.token(SUBJECT)
    credentials = assume(aws, token)["Credentials"]
    assert {token, credentials["SecretAccessKey"], credentials["SessionToken"]} <= aws.secrets()
    assert aws.calls[-1].action == "sts:AssumeRoleWithWebIdentity"
    shown = repr([provider, aws.calls])
    assert [secret for secret in aws.secrets() if secret in shown] == []
