"""Environment variables don't change the identity of a named profile, or the card names them.

https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
"""

from __future__ import annotations

import sys
from typing import Any

import boto3
import pytest

from ipy_awsprofile import open_session, who_am_i
from ipy_awsprofile.demo.stages import USER_ACCOUNT, allow
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.processes import Child
from tests.shells import Shell

NOWHERE = "http://127.0.0.1:9"
BUCKET = "my-variables"
OTHER_KEYS = {"AWS_ACCESS_KEY_ID": "{key}", "AWS_SECRET_ACCESS_KEY": "{secret}"}

#: Variables of a user's shell, with which the test compares the session with boto3's.
VARIABLES: dict[str, dict[str, str]] = {
    "keys and profile": OTHER_KEYS | {"AWS_PROFILE": "Other"},
    "profile that isn't there": {"AWS_DEFAULT_PROFILE": "Nobody"},
    "both Regions": {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-north-1"},
    "endpoint of S3": {"AWS_ENDPOINT_URL_S3": NOWHERE},
    "session name": {"AWS_ROLE_SESSION_NAME": "other"},
    "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": NOWHERE},
    "attempts": {"AWS_MAX_ATTEMPTS": "7", "AWS_RETRY_MODE": "adaptive"},
}


@pytest.fixture
def other(aws: EmbeddedAws) -> dict[str, str]:
    """Create the profile `Other`, and return the keys of its user."""
    user = aws.iam.create_user("Other", account=USER_ACCOUNT, policy=allow("*"))
    keys: Any = user.settings()
    aws.write_profile("Other", region="us-east-2", **keys)
    return {"key": user.access_key_id, "secret": user.secret_access_key}


def leads_to(session: boto3.Session) -> dict[str, Any]:
    """Return the endpoints, Regions and retries of a session's clients."""
    settings: dict[str, Any] = {"region": session.region_name}
    for service in ("s3", "sts", "dynamodb"):
        client: Any = session.client(service)
        config = client.meta.config
        settings[service] = (client.meta.endpoint_url, config.region_name, config.retries)
    return settings


@pytest.mark.parametrize("name", VARIABLES)
def test_named_profile(
    aws: EmbeddedAws, other: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever the environment is, a named profile has boto3's identity and endpoints."""
    for variable, value in VARIABLES[name].items():
        monkeypatch.setenv(variable, value.format(**other))
    for profile in ("UserAlpha", "RoleBeta"):
        ours, theirs = open_session(profile), boto3.Session(profile_name=profile)
        assert leads_to(ours) == leads_to(theirs)
        arn, their_arn = who_am_i(ours).arn, theirs.client("sts").get_caller_identity()["Arn"]
        assert f"/{profile}" in arn
        assert their_arn.split("/")[:2] == arn.split("/")[:2]


#: Variables that lead to another user, or to no user.
FOREIGN: tuple[dict[str, str], ...] = (
    OTHER_KEYS,
    {"AWS_SESSION_TOKEN": "hush"},
    {"AWS_PROFILE": "Other"},
    {"AWS_ROLE_ARN": "arn:aws:iam::1:role/pod", "AWS_WEB_IDENTITY_TOKEN_FILE": "/dev/null"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": NOWHERE},
)

SIGNERS = {
    "boto3": "import boto3; boto3.client('s3').list_objects_v2(Bucket=BUCKET)",
    "older client": "s3.list_objects_v2(Bucket=BUCKET)",
    "pyarrow": "import pyarrow.fs as fs\n"
    "filesystem = fs.S3FileSystem(endpoint_override=ENDPOINT, region='us-west-2')\n"
    "filesystem.get_file_info(BUCKET + '/cities.csv')",
}


@pytest.fixture
def user(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> str:
    """Create a profile P of the user Me, and return the user's ARN."""
    user = aws.iam.create_user("Me", account=USER_ACCOUNT, policy=allow("*"))
    keys: Any = user.settings()
    aws.write_profile("P", region="us-west-2", **keys)
    aws.create_bucket(BUCKET, account=USER_ACCOUNT, region="us-west-2")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", NOWHERE)
    shell.good(f"BUCKET, ENDPOINT = {BUCKET!r}, {aws.endpoint_url!r}")
    return user.arn


def who_signs(aws: EmbeddedAws, shell: Shell, child: Child) -> dict[str, set[str | None]]:
    """Return the ARNs that AWS saw for each signer, or an empty set if it didn't call AWS."""
    whom: dict[str, set[str | None]] = {"child": {child.arn()}}
    for signer, code in SIGNERS.items():
        aws.calls.clear()
        shell.run(code)
        whom[signer] = {call.arn for call in aws.calls if call.action.startswith("s3:")}
    return whom


def test_before_the_switch(  # noqa: PLR0917  # fixtures
    aws: EmbeddedAws,
    shell: Shell,
    user: str,
    other: dict[str, str],
    child: Child,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Variables from before the switch don't change the identity of any signer."""
    for variables in FOREIGN:
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format(**other))
    assert user in shell.good("%aws_profile P").text
    shell.good("s3 = session.client('s3')")
    assert who_signs(aws, shell, child) == {signer: {user} for signer in (*SIGNERS, "child")}


@pytest.mark.parametrize("variables", FOREIGN, ids=lambda variables: next(iter(variables)))
def test_after_the_switch(  # noqa: PLR0917  # fixtures
    aws: EmbeddedAws,
    shell: Shell,
    user: str,
    other: dict[str, str],
    child: Child,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
) -> None:
    """If a variable that is set after the switch changes a signer's identity, the card names it."""
    shell.good("%aws_profile P\ns3 = session.client('s3')")
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(**other))
    strange = {signer for signer, arns in who_signs(aws, shell, child).items() if arns != {user}}
    assert not {"boto3", "older client"} & strange
    card = shell.good("%aws_profile").text
    assert user in card
    assert " was changed after the switch" in card or not strange
    shell.good("%aws_profile --off")


#: What a child process has in the variable with the endpoint of S3.
CHILD = f'"{sys.executable}" -c "import os; print(os.environ.get(\'AWS_ENDPOINT_URL_S3\'))"'


def s3_endpoint_of_child(shell: Shell) -> str:
    """Return the S3 endpoint in the environment of a child process."""
    return str(shell.good(f"it = !{CHILD}\nit[0]").result)


def test_an_endpoint_after_the_switch(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card lists an endpoint that the user sets, what uses it, and the code to remove it."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    shell.good("import os\n%aws_profile RoleBeta")
    assert s3_endpoint_of_child(shell) == aws.endpoint_url
    shell.good(f"os.environ['AWS_ENDPOINT_URL_S3'] = {NOWHERE!r}")
    text = shell.good("%aws_profile").text
    assert "`AWS_ENDPOINT_URL_S3` was changed after the switch: new clients and child" in text
    assert "makes child processes use" not in text
    assert s3_endpoint_of_child(shell) == NOWHERE
    shell.good(code_in(text)[-1])
    assert s3_endpoint_of_child(shell) == aws.endpoint_url
    assert "was changed" not in shell.good("%aws_profile").text
    shell.good(f"os.environ['AWS_ENDPOINT_URL'] = {NOWHERE!r}")
    text = shell.good("%aws_profile").text
    assert "`AWS_ENDPOINT_URL` was changed after the switch: new clients use that, and " in text
    assert s3_endpoint_of_child(shell) == aws.endpoint_url
    assert shell.good("session.client('dynamodb').meta.endpoint_url").result == NOWHERE
    shell.good(code_in(text.partition("was changed")[2])[1])
    assert shell.good("session.client('dynamodb').meta.endpoint_url").result == aws.endpoint_url


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_an_endpoint_before_the_switch(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The card says if a variable replaces the profile's S3 endpoint, and how to undo that."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.endpoint_url)
    monkeypatch.setenv(variable, NOWHERE)
    text = shell.good("%aws_profile RoleBeta").text
    says = f"`{variable}` makes clients and child processes use {NOWHERE} for S3 instead of "
    assert f"{says}{aws.endpoint_url}" in text
    assert shell.good("session.client('s3').meta.endpoint_url").result == NOWHERE
    shell.good("\n".join(code_in(text)[-2:]))
    assert shell.good("session.client('s3').meta.endpoint_url").result == aws.endpoint_url
    assert s3_endpoint_of_child(shell) == aws.endpoint_url
    assert "instead of" not in shell.good("%aws_profile").text
