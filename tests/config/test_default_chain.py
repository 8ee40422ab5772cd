"""The source of default credentials matches botocore's own provider chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore.session
import pytest

from ipy_awsprofile.config.chain import resolve
from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.default_chain import default_source, source_in_words
from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.errors import ProfileNotFound

ARN = "arn:aws:iam::123456789012:role/Analyst"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "x"}
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials"}
POD = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"}
SIX = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[fd00:ec2::23]/v1/credentials"}
ODD = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[x/"}
TOKEN = {"AWS_ROLE_ARN": ARN, "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}

DEFAULT = "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = x\nregion = eu-west-1\n"
DEV = "[profile dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = x\n"
ROLE = f"[default]\nrole_arn = {ARN}\nsource_profile = dev\n{DEV}"
REGION = "[default]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:9\n"

#: The config file, the environment, and the source: botocore's name for it, and ours.
CASES: dict[str, tuple[str, dict[str, str], str, str]] = {
    "the default profile": (DEFAULT, {}, "shared-credentials-file", "default"),
    "a named profile": (DEFAULT + DEV, {"AWS_PROFILE": "dev"}, "config-file", "dev"),
    "keys beat a named profile": (
        DEV,
        KEYS | {"AWS_PROFILE": "dev"},
        "env",
        "environment variables",
    ),
    "keys beat everything": (DEFAULT, KEYS | TOKEN | CONTAINER, "env", "environment variables"),
    "the default role beats a token": (ROLE, TOKEN, "assume-role", "default"),
    "a token beats keys in a file": (
        DEFAULT,
        TOKEN,
        "assume-role-with-web-identity",
        "web identity token",
    ),
    "keys in a file beat a container": (DEFAULT, CONTAINER, "config-file", "default"),
    "a container": (REGION, CONTAINER, "container-role", "ECS container"),
    "a pod": ("", POD, "container-role", "EKS Pod Identity"),
    "a pod with IPv6": ("", SIX, "container-role", "EKS Pod Identity"),
    "an instance": (REGION, {}, "iam-role", "EC2 instance"),
}


@pytest.mark.parametrize("name", CASES)
def test_source(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The source is the first of botocore's providers that would find credentials."""
    text, environment, method, source = CASES[name]
    shared_files[0].write_text(text)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    found = default_source(read_config(), user_environment())
    assert found.name == source
    assert found.is_profile is (source in {"default", "dev"})
    assert method_of_botocore() in {method, "config-file"}


def test_methods_of_botocore(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`method_of_botocore` returns the provider whose credentials botocore uses."""
    shared_files[0].write_text(DEFAULT)
    assert method_of_botocore() == "config-file"
    for variable, value in KEYS.items():
        monkeypatch.setenv(variable, value)
    assert method_of_botocore() == "env"


def method_of_botocore() -> str:
    """Return the first of botocore's providers that finds credentials, without calling AWS."""
    session = botocore.session.Session()
    chain = session.get_component("credential_provider")
    for provider in chain.providers:
        if provider.METHOD in {"container-role", "iam-role"}:
            environ: Any = getattr(provider, "_environ", None)
            if provider.METHOD == "iam-role" or any(map(environ.get, provider_variables())):
                return str(provider.METHOD)
        elif provider.load() is not None:
            return str(provider.METHOD)
    return ""


def provider_variables() -> tuple[str, str]:
    return ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def test_settings_about_clients(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container, the Region and endpoint of the default section apply, without its keys."""
    monkeypatch.setenv(*next(iter(CONTAINER.items())))
    shared_files[0].write_text(REGION + "credential_process = sh\n")
    assert default_source(read_config(), user_environment()).is_profile
    shared_files[0].write_text(REGION)
    target = target_of(SessionRequest(default=True))
    assert target.region == "eu-west-1"
    assert target.settings["endpoint_url"] == "http://127.0.0.1:9"
    assert target.steps[0].kind is ProfileKind.AMBIENT


def test_region_of_a_container(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_REGION, which ECS and EKS set and botocore doesn't read, is the default Region."""
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    for request in (SessionRequest(default=True), SessionRequest(role_arn=ARN)):
        assert target_of(request).region == "ap-south-1"
    shared_files[0].write_text(DEFAULT)
    assert target_of(SessionRequest(default=True)).region == "eu-west-1"
    assert target_of(SessionRequest(default=True, region="us-east-2")).region == "us-east-2"


@pytest.mark.parametrize(
    ("environment", "files", "chain", "starts"),
    [
        (KEYS, "", (ARN,), ProfileKind.CREDENTIAL_SOURCE),
        (CONTAINER, "", (ARN,), ProfileKind.CREDENTIAL_SOURCE),
        ({}, "", (ARN,), ProfileKind.CREDENTIAL_SOURCE),
        ({}, DEFAULT, (ARN, "default"), ProfileKind.STATIC_KEYS),
        (TOKEN, "", (ARN, "web identity token"), ProfileKind.WEB_IDENTITY),
        ({"AWS_PROFILE": "dev"}, DEV, (ARN, "dev"), ProfileKind.STATIC_KEYS),
    ],
)
def test_a_role_by_its_arn(  # noqa: PLR0917  # fixtures and parameters
    shared_files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    files: str,
    chain: tuple[str, ...],
    starts: ProfileKind,
) -> None:
    """Without a source profile, the default credentials assume the role."""
    shared_files[0].write_text(files)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    resolved = resolve(SessionRequest(role_arn=ARN), read_config())
    assert resolved.problem is None
    assert tuple(step.profile.name for step in resolved.steps) == chain
    assert resolved.starts is starts


def test_a_profile_that_does_not_exist(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_PROFILE with the name of a missing profile raises an error, as in botocore."""
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(ProfileNotFound, match="nowhere"):
        target_of(SessionRequest(default=True))


def test_odd_addresses() -> None:
    """A malformed container address doesn't prevent naming the credential source."""
    assert source_in_words("EcsContainer", ODD) == "ECS container"
