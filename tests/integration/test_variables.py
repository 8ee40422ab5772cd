"""Environment variables don't change a named profile, as in boto3 and the AWS CLI.

https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.sessions.session import open_session, who_am_i
from tests.kinds import ACCOUNT, KINDS, create_ann, in_its_place, prepared
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER_KEYS = {"AWS_ACCESS_KEY_ID": "{other_key}", "AWS_SECRET_ACCESS_KEY": "{other_secret}"}
NOWHERE = "http://127.0.0.1:9"

#: For each of these, the tests compare the session's identity and endpoints with boto3's.
VARIABLES: dict[str, dict[str, str]] = {
    "none": {},
    "profile": {"AWS_PROFILE": "Other"},
    "default profile": {"AWS_DEFAULT_PROFILE": "Other"},
    "profile that isn't there": {"AWS_PROFILE": "Nobody"},
    "keys": OTHER_KEYS,
    "keys and profile": OTHER_KEYS | {"AWS_PROFILE": "Other"},
    "keys with a token": OTHER_KEYS | {"AWS_SESSION_TOKEN": "hush-hush"},
    "token alone": {"AWS_SESSION_TOKEN": "hush-hush"},
    "region": {"AWS_REGION": "eu-west-1"},
    "default region": {"AWS_DEFAULT_REGION": "eu-west-1"},
    "both regions": {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-north-1"},
    "endpoint of S3": {"AWS_ENDPOINT_URL_S3": NOWHERE},
    "endpoint of STS": {"AWS_ENDPOINT_URL_STS": "{endpoint}/"},
    "endpoint": {"AWS_ENDPOINT_URL": "{endpoint}/"},
    "web identity": {
        "AWS_ROLE_ARN": "{pod}",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "{token_file}",
        "AWS_ROLE_SESSION_NAME": "other",
    },
    "session name": {"AWS_ROLE_SESSION_NAME": "other"},
    "container": {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": NOWHERE,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "hush-hush",
    },
    "instance": {
        "AWS_EC2_METADATA_DISABLED": "false",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": NOWHERE,
    },
    "attempts": {"AWS_MAX_ATTEMPTS": "7", "AWS_RETRY_MODE": "adaptive"},
    "certificates": {"AWS_CA_BUNDLE": "/etc/hosts"},
}

#: These lead away from the embedded AWS, so the tests make no calls with them.
ELSEWHERE: dict[str, dict[str, str]] = {
    "configured endpoints ignored": {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    "global STS": {
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_STS_REGIONAL_ENDPOINTS": "legacy",
    },
    "dual stack": {
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
    },
    "FIPS": {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_USE_FIPS_ENDPOINT": "true"},
}

NAMED = ("static keys", "role with source_profile", "web identity", "keys in the credentials file")


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[EmbeddedAws, dict[str, str]]]:
    """Run one embedded AWS with a second user, and yield it with the values for the texts."""
    with EmbeddedAws() as aws:
        values = prepared(aws, create_ann(aws))
        other = aws.create_user("Other", account=ACCOUNT)
        values |= {"other_key": other.access_key_id, "other_secret": other.secret_access_key}
        yield aws, values


@pytest.fixture
def settle(
    world: tuple[EmbeddedAws, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Any:
    """Return a function that writes a kind's files and a profile `Other`, and sets variables."""
    aws, values = world
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)

    def write(kind: str, variables: dict[str, str]) -> None:
        place = in_its_place(aws, values, monkeypatch, KINDS[kind])
        place.__enter__()
        request.addfinalizer(lambda: place.__exit__(None, None, None))
        aws.write_profile(
            "Other",
            aws_access_key_id=values["other_key"],
            aws_secret_access_key=values["other_secret"],
            region="us-east-2",
        )
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format(**values))

    return write


def leads_to(session: boto3.Session) -> dict[str, Any]:
    """Return the endpoints, Regions, retries and certificates of a session's clients."""
    found: dict[str, Any] = {"region": session.region_name}
    for service in ("s3", "sts", "dynamodb"):
        client: Any = session.client(service)
        config = client.meta.config
        found[service] = (client.meta.endpoint_url, config.region_name, config.retries)
        found[f"{service} certificates"] = client._endpoint.http_session._verify
    return found


@pytest.mark.nightly(keep=16)
@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", VARIABLES)
def test_named_profile(settle: Any, kind: str, name: str) -> None:
    """Whatever the environment is, a named profile has boto3's identity and endpoints."""
    settle(kind, VARIABLES[name])
    ours, theirs = open_session("P"), boto3.Session(profile_name="P")
    assert leads_to(ours) == leads_to(theirs)
    assert who_am_i(ours).arn == theirs.client("sts").get_caller_identity()["Arn"]
    assert who_am_i(ours).arn == KINDS[kind].arn


@pytest.mark.parametrize("name", ELSEWHERE)
def test_endpoints_of_a_named_profile(settle: Any, name: str) -> None:
    """Variables that select AWS's own endpoints have the same effect as in boto3."""
    settle("static keys", ELSEWHERE[name])
    assert leads_to(open_session("P")) == leads_to(boto3.Session(profile_name="P"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["keys and profile", "keys with a token", "web identity"])
def test_the_cli_agrees(settle: Any, name: str) -> None:
    """The AWS CLI uses the named profile, too."""
    settle("role with source_profile", VARIABLES[name])
    ran = run_aws_cli("sts", "get-caller-identity", "--profile", "P", "--output", "json")
    assert json.loads(ran.stdout)["Arn"] == who_am_i(open_session("P")).arn


def test_other_files(
    settle: Any,
    world: tuple[EmbeddedAws, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    """A session reads only the files that the variables name."""
    aws, values = world
    settle("static keys", {})
    text = f"[profile P]\nregion = eu-west-1\nendpoint_url = {aws.endpoint_url}\n"
    (tmp_path / "config").write_text(text)
    keys = "[P]\naws_access_key_id = {other_key}\naws_secret_access_key = {other_secret}\n"
    (tmp_path / "credentials").write_text(keys.format(**values))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    ours, theirs = open_session("P"), boto3.Session(profile_name="P")
    assert leads_to(ours) == leads_to(theirs)
    assert who_am_i(ours).arn == f"arn:aws:iam::{ACCOUNT}:user/Other"
    assert theirs.client("sts").get_caller_identity()["Arn"] == who_am_i(ours).arn
