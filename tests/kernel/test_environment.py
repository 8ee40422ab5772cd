"""A switch sets environment variables, and `--off` restores the user's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import boto3
import fsspec.config
import pytest

from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from tests.shells import run_python

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

ARN = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "hush",
    "AWS_SESSION_TOKEN": "hush-hush",
}
MINE = {
    **KEYS,
    "AWS_PROFILE": "UserAlpha",
    "AWS_DEFAULT_PROFILE": "UserAlpha",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/mine",
    "AWS_BEARER_TOKEN_BEDROCK": "mine",
}


def change(shell: Shell, **variables: str | None) -> None:
    """Set or remove variables in a cell."""
    shell.names["changes"] = variables
    shell.good(
        "import os\nfor name, value in changes.items():\n"
        "    os.environ.pop(name) if value is None else os.environ.update({name: value})"
    )


@pytest.fixture(params=[{}, MINE], ids=["nothing set", "all set"])
def mine(request: pytest.FixtureRequest, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the user's variables."""
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("options", ["", " --read-only", " --region eu-north-1"])
def test_set_and_restored(shell: Shell, mine: None, options: str) -> None:
    """A switch sets the profile and its Region, hides the user's keys, and `--off` restores all."""
    before = dict(os.environ)
    shell.good(f"%aws_profile UserAlpha\n%aws_profile RoleBeta{options}")
    region = "eu-north-1" if "region" in options else "us-west-2"
    assert os.environ["AWS_REGION"] == os.environ["AWS_DEFAULT_REGION"] == region
    assert os.environ["AWS_PROFILE"].startswith("RoleBeta")
    hidden = {*KEYS, "AWS_DEFAULT_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"}
    assert not hidden & os.environ.keys()
    assert not [value for value in os.environ.values() if "hush" in value]
    assert f"::{ROLE_ACCOUNT}:assumed-role/RoleBeta/" in run_python(ARN)
    assert user_environment() == before
    shell.good("%aws_profile --off")
    assert dict(os.environ) == before


@pytest.mark.parametrize("end", ["%aws_profile --off", "%unload_ext ipy_awsprofile"])
def test_changes_of_the_user_stay(shell: Shell, mine: None, end: str) -> None:
    """What the user has set or removed is kept by the next switch, and after the last one."""
    before = dict(os.environ)
    shell.good("%aws_profile RoleBeta")
    change(shell, AWS_REGION="eu-west-3", AWS_DEFAULT_REGION=None, OTHER="mine")
    after = before | {"AWS_REGION": "eu-west-3", "OTHER": "mine"}
    after.pop("AWS_DEFAULT_REGION", None)
    assert user_environment() == after
    shell.good("%aws_profile UserAlpha")
    assert user_environment() == after
    shell.good(end)
    assert dict(os.environ) == after


def test_changes_in_a_block_stay(shell: Shell, mine: None) -> None:
    """A variable that the user changes in a block stays, and everything else is restored."""
    before = dict(os.environ)
    shell.good("%aws_profile RoleBeta")
    outside = dict(os.environ)
    shell.good(
        "%%aws_profile UserAlpha\nimport os\n"
        "os.environ.update(AWS_REGION='eu-west-3', OTHER='mine')"
    )
    assert dict(os.environ) == outside | {"AWS_REGION": "eu-west-3", "OTHER": "mine"}
    shell.good("%aws_profile --off")
    assert dict(os.environ) == before | {"AWS_REGION": "eu-west-3", "OTHER": "mine"}


def test_keys_belong_together(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that the user has set after a switch are never combined with an older token."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    newer = {"AWS_ACCESS_KEY_ID": "AKIAI44QH8DHBEXAMPLE", "AWS_SECRET_ACCESS_KEY": "newer"}
    shell.good("%aws_profile RoleBeta")
    change(shell, **newer)
    assert "`AWS_ACCESS_KEY_ID` was changed after the switch" in shell.good("%aws_profile").text
    shell.good("%aws_profile UserAlpha")
    assert not KEYS.keys() & os.environ.keys()
    shell.good("%aws_profile --off")
    assert {name: os.environ[name] for name in KEYS if name in os.environ} == newer


@pytest.mark.parametrize(
    ("exceptions", "during"), [("", "127.0.0.1"), (".acme", ".acme,127.0.0.1")]
)
def test_the_token_is_not_sent_to_a_proxy(
    shell: Shell,
    aws: EmbeddedAws,
    monkeypatch: pytest.MonkeyPatch,
    exceptions: str,
    during: str,
) -> None:
    """If the user has a proxy, child processes get their credentials without it."""
    monkeypatch.setenv("http_proxy", aws.endpoint_url)  # answers as AWS, but knows no lent session
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", exceptions)
    before = dict(os.environ)
    shell.good("%aws_profile RoleBeta --read-only")
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == during
    assert ":assumed-role/RoleBeta/" in run_python(ARN)
    shell.good("%aws_profile --off")
    assert dict(os.environ) == before


def test_everything_else_is_restored(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable, boto3's default session and fsspec's settings are the user's again."""
    own, settings = boto3.Session(region_name="eu-north-1"), {"anon": False}
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", own)
    monkeypatch.setitem(fsspec.config.conf, "s3", settings)
    shell.good("session = 'mine'\n%aws_profile RoleBeta\n%aws_profile UserAlpha --as other")
    assert boto3.DEFAULT_SESSION is shell.names["other"]
    assert shell.names["session"] == "mine"
    shell.good("%aws_profile RoleBeta\nsession = 'newer'\n%aws_profile --off")
    assert shell.names["session"] == "newer"
    assert "other" not in shell.names
    assert boto3.DEFAULT_SESSION is own
    assert fsspec.config.conf["s3"] is settings
