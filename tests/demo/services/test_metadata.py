"""Instance metadata and container credentials, as botocore and the AWS CLI use them."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest
from botocore.credentials import (
    ContainerMetadataFetcher,
    ContainerProvider,
    InstanceMetadataFetcher,
    InstanceMetadataProvider,
)
from botocore.exceptions import ClientError, CredentialRetrievalError

from tests.demo.clients import CLIENTS, caller_of
from tests.demo.policies import HOME, allows, policy, trusts

if TYPE_CHECKING:
    from botocore.credentials import Credentials

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.demo.clients import Clients, Clock

EC2, ECS, EKS = "ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "pods.eks.amazonaws.com"
TOKEN, ROLES = "/latest/api/token", "/latest/meta-data/iam/security-credentials/"
CONFIG = """
[profile Base]
role_arn = {role}
credential_source = {source}
region = us-east-1
endpoint_url = {endpoint_url}

[profile Bare]
region = us-east-1
endpoint_url = {endpoint_url}
"""


@pytest.fixture
def role(aws: EmbeddedAws) -> str:
    services = {"Service": [EC2, ECS, EKS]}
    role = aws.create_role(
        "Machine", account=HOME, trust=trusts(services), policy=policy(allows("sts:AssumeRole"))
    )
    aws.create_role("Next", account=HOME, trust=trusts(role))
    return role


@pytest.fixture
def stranger(aws: EmbeddedAws) -> str:
    return aws.create_role("Stranger", account=HOME, trust=trusts(f"arn:aws:iam::{HOME}:root"))


def answer(url: str, method: str = "GET", **headers: str) -> str:
    """Return the body of a response; header names have `_` instead of `-`."""
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers=spelled)
    with urllib.request.urlopen(request, timeout=10) as response:
        text: str = response.read().decode()
        return text


def status(url: str, method: str = "GET", **headers: str) -> int:
    """Return the HTTP status of a failed request."""
    with pytest.raises(HTTPError) as caught:
        answer(url, method, **headers)
    return caught.value.code


def on_instance(variables: dict[str, str]) -> Credentials | None:
    """Return the credentials that botocore gets from the instance metadata service."""
    endpoint = variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
    fetcher = InstanceMetadataFetcher(
        env=variables, config={"ec2_metadata_service_endpoint": endpoint}
    )
    credentials: Credentials | None = InstanceMetadataProvider(fetcher).load()
    return credentials


def in_container(variables: dict[str, str]) -> Credentials:
    """Return the credentials that botocore gets from the container service, without waiting."""
    fetcher: Any = ContainerMetadataFetcher(sleep=lambda _: None)
    credentials: Credentials = ContainerProvider(environ=variables, fetcher=fetcher).load()
    return credentials


def sts(clients: Clients, credentials: Any) -> Any:
    """Return an STS client for botocore's credentials."""
    keys = credentials.get_frozen_credentials()
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    return clients.of("sts", dict(zip(names, keys[:3], strict=True)))


def test_an_instance(aws: EmbeddedAws, clients: Clients, clock: Clock, role: str) -> None:
    """An instance gets credentials of its role, which expire after the given duration."""
    with aws.on_instance(role, duration=1800) as variables:
        client = sts(clients, on_instance(variables))
    arn = client.get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{HOME}:assumed-role/Machine/i-0abcdef1234567890"
    clock.advance(seconds=1800)
    with pytest.raises(ClientError, match="ExpiredToken"):
        client.get_caller_identity()


@pytest.mark.parametrize("service", [ECS, EKS])
def test_a_container(
    aws: EmbeddedAws, clients: Clients, clock: Clock, role: str, service: str
) -> None:
    """A container gets its role's credentials, with a token from a variable or, in EKS, a file."""
    file = aws.home / "token" if service == EKS else None
    with aws.in_container(role, service=service, token_file=file, duration=1800) as variables:
        client = sts(clients, in_container(variables))
    arn = client.get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{HOME}:assumed-role/Machine/container"
    assert file is None or file.stat().st_mode & 0o777 == 0o600
    clock.advance(seconds=1800)
    with pytest.raises(ClientError, match="ExpiredToken"):
        client.get_caller_identity()


def test_instance_metadata_needs_a_token(aws: EmbeddedAws, clock: Clock, role: str) -> None:
    """Instance metadata requires a valid token that hasn't expired."""
    seconds = {"X_aws_ec2_metadata_token_ttl_seconds": "60"}
    with aws.on_instance(role):
        url = aws.endpoint_url + ROLES
        token = answer(aws.endpoint_url + TOKEN, "PUT", **seconds)
        assert answer(url, X_aws_ec2_metadata_token=token) == "Machine"
        for path in (url, f"{url}Machine"):
            assert status(path) == 401
            assert status(path, X_aws_ec2_metadata_token="another") == 401
        clock.advance(seconds=60)
        assert status(url, X_aws_ec2_metadata_token=token) == 401


@pytest.mark.parametrize("seconds", ["", "0", "21601", "soon"])
def test_a_tokens_time_to_live(aws: EmbeddedAws, role: str, seconds: str) -> None:
    """A token's time to live must be 1 to 21600 seconds."""
    with aws.on_instance(role):
        url = aws.endpoint_url + TOKEN
        assert status(url, "PUT", X_aws_ec2_metadata_token_ttl_seconds=seconds) == 400


def test_a_container_needs_its_token(aws: EmbeddedAws, role: str) -> None:
    """A container's credentials require that container's token."""
    with aws.in_container(role) as one, aws.in_container(role) as other:
        name = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
        assert status(one["AWS_CONTAINER_CREDENTIALS_FULL_URI"]) == 401
        with pytest.raises(CredentialRetrievalError, match="401"):
            in_container(one | {name: other[name]})


def test_a_role_that_does_not_trust_the_service(aws: EmbeddedAws, stranger: str) -> None:
    """A service gets no credentials of a role that doesn't trust it."""
    with aws.in_container(stranger) as variables:
        url = variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        token = variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
        assert status(url, Authorization=token) == 403
    with aws.on_instance(stranger) as variables:
        assert on_instance(variables) is None


def test_after_the_context(aws: EmbeddedAws, role: str) -> None:
    """The services end with their contexts, and only one instance can exist at a time."""
    with aws.on_instance(role), pytest.raises(RuntimeError, match="already"):
        aws.on_instance(role).__enter__()
    with aws.in_container(role) as variables:
        pass
    assert status(aws.endpoint_url + ROLES) == 404
    with pytest.raises(CredentialRetrievalError):
        in_container(variables)


@pytest.mark.slow
@pytest.mark.nightly(keep=1)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("source", ["Ec2InstanceMetadata", "EcsContainer"])
def test_credential_source(aws: EmbeddedAws, role: str, client: str, source: str) -> None:
    """boto3 and the AWS CLI work with `credential_source`, and without any credential settings."""
    values = {"role": f"arn:aws:iam::{HOME}:role/Next", "source": source}
    aws.config_file.write_text(CONFIG.format(**values, endpoint_url=aws.endpoint_url))
    place = aws.on_instance if source == "Ec2InstanceMetadata" else aws.in_container
    with place(role) as variables:
        named = caller_of(aws, client, "Base", **variables).stdout
        bare = caller_of(aws, client, "Bare", **variables).stdout
    assert named.startswith(f"arn:aws:sts::{HOME}:assumed-role/Next/")
    assert bare.startswith(f"arn:aws:sts::{HOME}:assumed-role/Machine/")


def test_secrets(aws: EmbeddedAws, role: str) -> None:
    """`secrets` contains the tokens and credentials of both services."""
    with aws.in_container(role) as variables:
        credentials = in_container(variables)
        assert variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] in aws.secrets()
    assert {credentials.secret_key, credentials.token} <= aws.secrets()
    with aws.on_instance(role):
        url = aws.endpoint_url + TOKEN
        assert answer(url, "PUT", X_aws_ec2_metadata_token_ttl_seconds="60") in aws.secrets()
