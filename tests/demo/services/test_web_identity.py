"""AssumeRoleWithWebIdentity: whose token is believed, whom a role trusts, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from ipy_awsprofile.demo.iam.unsupported import UnsupportedPolicyError
from ipy_awsprofile.demo.shared_files import write_private
from tests.demo.clients import CLIENTS, asks_sts
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
    """Return a trust policy for the holders of a provider's tokens."""
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
    """Assume a role with a token, unsigned."""
    client: Any = boto3.Session().client(
        "sts",
        region_name="us-east-1",
        endpoint_url=aws.endpoint_url,
        config=Config(signature_version=UNSIGNED),
    )
    answer: dict[str, Any] = client.assume_role_with_web_identity(
        **{"RoleArn": role, "RoleSessionName": "pod", "WebIdentityToken": token} | more
    )
    return answer


def refusal(aws: EmbeddedAws, token: str, role: str = ROLE, **more: Any) -> tuple[str, str, int]:
    """Return code, message and HTTP status of a call that fails."""
    with pytest.raises(ClientError) as caught:
        assume(aws, token, role, **more)
    error, meta = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    return error["Code"], error["Message"], meta["HTTPStatusCode"]


def test_a_token_becomes_a_role(
    aws: EmbeddedAws, clients: Clients, clock: Clock, provider: OidcProvider, role: str
) -> None:
    """The answer says who it is, the role may what it may, and the session ends."""
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


def test_a_token_ends(aws: EmbeddedAws, clock: Clock, provider: OidcProvider, role: str) -> None:
    """At its expiration, and not before, a token is refused with both times."""
    token = provider.token(SUBJECT, expires_in=60)
    clock.advance(seconds=59)
    assume(aws, token)
    clock.advance(seconds=1)
    now = int(clock().timestamp())
    message = f"current date/time {now} must be before the expiration date/time {now}"
    assert refusal(aws, token) == ("ExpiredTokenException", f"Token expired: {message}", 400)


def test_a_provider_that_the_account_does_not_have(
    aws: EmbeddedAws, provider: OidcProvider, role: str
) -> None:
    """A token of another issuer, or of another account's provider, is not believed."""
    other = "https://oidc.example.com"
    stranger = aws.create_oidc_provider(other, account=AWAY)
    no_provider = "No OpenIDConnect provider found in your account for"
    for token, role_arn, issuer in (
        (stranger.token(SUBJECT), role, other),
        (provider.token(SUBJECT), f"arn:aws:iam::{AWAY}:role/Any", ISSUER),
    ):
        expected = ("InvalidIdentityToken", f"{no_provider} {issuer}", 400)
        assert refusal(aws, token, role_arn) == expected


def test_a_token_that_somebody_else_signed(
    aws: EmbeddedAws, provider: OidcProvider, role: str
) -> None:
    """A token that only claims to be of an issuer is not believed."""
    forger = aws.create_oidc_provider(ISSUER, account=AWAY)
    assert refusal(aws, forger.token(SUBJECT))[0] == "InvalidIdentityToken"


@pytest.mark.parametrize("token", ["rubbish", "a.b.c", "e30.e30.e30"])
def test_what_is_no_token(aws: EmbeddedAws, role: str, token: str) -> None:
    """Anything else is no token, and the answer doesn't repeat it."""
    code, message, status = refusal(aws, token)
    assert (code, status) == ("InvalidIdentityToken", 400)
    assert token not in message


def test_another_audience(aws: EmbeddedAws, provider: OidcProvider, role: str) -> None:
    """A token for somebody else is refused before the role is asked."""
    code, message, _ = refusal(aws, provider.token(SUBJECT, audience="other"))
    assert (code, message) == ("InvalidIdentityToken", "Incorrect token audience")


def test_whom_the_role_trusts(aws: EmbeddedAws, provider: OidcProvider, role: str) -> None:
    """Another subject, and a role that trusts otherwise or doesn't exist, are denied alike."""
    aws.create_role("Plain", account=HOME, trust=trusts(f"arn:aws:iam::{HOME}:root"))
    denied = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
    assert refusal(aws, provider.token("system:serviceaccount:other:bob")) == denied
    for name in ("Plain", "Nobody"):
        role_arn = f"arn:aws:iam::{HOME}:role/{name}"
        assert refusal(aws, provider.token(SUBJECT), role_arn) == denied


def test_a_pattern_of_subjects(aws: EmbeddedAws, provider: OidcProvider) -> None:
    """A trust policy may name subjects by a pattern, and may deny some of them."""
    condition = {"StringLike": {f"{NAME}:sub": "system:serviceaccount:notebooks:*"}}
    aws.create_role("Pod", account=HOME, trust=trust(provider, Condition=condition))
    assume(aws, provider.token(SUBJECT))
    assert refusal(aws, provider.token("system:serviceaccount:web:a"))[0] == "AccessDenied"


def test_other_claims_are_not_evaluated(aws: EmbeddedAws, provider: OidcProvider) -> None:
    """A condition on a claim that isn't looked at is refused when the role is made."""
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
    """The limits of AssumeRole hold here too."""
    assert refusal(aws, provider.token(SUBJECT), **parameters)[::2] == ("ValidationError", 400)


@pytest.mark.parametrize("role", ["arn:aws:iam::12:role/Pod", "not-an-arn-but-long-enough"])
def test_what_is_no_role(aws: EmbeddedAws, provider: OidcProvider, role: str) -> None:
    """What is no role's ARN is refused as such."""
    assert refusal(aws, provider.token(SUBJECT), role)[::2] == ("ValidationError", 400)


def test_a_session_policy_narrows(
    aws: EmbeddedAws, clients: Clients, provider: OidcProvider, role: str
) -> None:
    """A session policy narrows what the role may do."""
    narrow = '{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}'
    credentials = assume(aws, provider.token(SUBJECT), Policy=narrow)["Credentials"]
    with pytest.raises(ClientError, match="AccessDenied"):
        clients.of("s3", credentials).list_buckets()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_profile(aws: EmbeddedAws, provider: OidcProvider, role: str, client: str) -> None:
    """A profile with a token file works in boto3 and the AWS CLI."""
    file = write_private(aws.home / "token", provider.token(SUBJECT))
    config = CONFIG.format(role=role, file=file, endpoint_url=aws.endpoint_url)
    aws.config_file.write_text(config)
    answer = asks_sts(aws, client, "Pod").stdout.strip()
    assert answer == f"arn:aws:sts::{HOME}:assumed-role/Pod/pod"


def test_secrets(aws: EmbeddedAws, provider: OidcProvider, role: str) -> None:
    """`secrets` has each token, and neither a provider nor the list of calls shows one."""
    token = provider.token(SUBJECT)
    credentials = assume(aws, token)["Credentials"]
    assert {token, credentials["SecretAccessKey"], credentials["SessionToken"]} <= aws.secrets()
    assert aws.calls[-1].action == "sts:AssumeRoleWithWebIdentity"
    shown = repr([provider, aws.calls])
    assert [secret for secret in aws.secrets() if secret in shown] == []
