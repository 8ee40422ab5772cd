"""A session's clients have the profile's settings and what plain boto3 gives them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.handlers
import botocore.session
import pytest
from botocore.configprovider import (
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    DEFAULT_PROXIES_CONFIG_VARS,
    DEFAULT_S3_CONFIG_VARS,
)

from ipy_awsprofile.config.profiles import find_profile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.sessions.session import open_session
from tests.aws import EmbeddedAws
from tests.servers import echoing_server

ARN = "arn:aws:iam::123456789012:role/Other"
ASSIGNED = "corp:123456789012/Admin"
WAYS: dict[str, dict[str, Any]] = {
    "a profile": {"profile": "keys"},
    "a role by ARN": {"role_arn": ARN, "source_profile": "keys"},
    "a role of Identity Center": {"profile": ASSIGNED},
}
KEYS = "aws_access_key_id = AKIAHUSH\naws_secret_access_key = hush\n"
TABLES: tuple[dict[str, Any], ...] = (
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    DEFAULT_S3_CONFIG_VARS,
    DEFAULT_PROXIES_CONFIG_VARS,
)
CONFIG = """
[profile keys]
{settings}
[profile signed-in]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Reader
{settings}
[sso-session corp]
sso_start_url = https://x
sso_region = us-east-1
[services local]
sts =
  endpoint_url = {sts}
s3 =
  endpoint_url = http://s3.local
"""

# --- Settings ---


def names() -> Iterator[str]:
    """Yield the names of botocore's client settings."""
    for table in TABLES:
        for name, *_ in table.values():
            yield from (
                key for key in (name if isinstance(name, list) else [name]) if isinstance(key, str)
            )


def write(
    files: tuple[Path, Path], settings: dict[str, str], sts: str = "http://sts.local"
) -> None:
    """Write a profile with keys and an IAM Identity Center profile, with the same settings."""
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    files[0].write_text(CONFIG.format(settings=text, sts=sts))
    files[1].write_text(f"[keys]\n{KEYS}")


@pytest.mark.parametrize("way", WAYS)
def test_every_setting_of_botocore(shared_files: tuple[Path, Path], way: str) -> None:
    """A session has every botocore setting of the profile that it comes from."""
    settings = dict.fromkeys(names(), "true")
    settings |= {
        "region": "us-west-2",
        "s3": "\n  addressing_style = path",
        "proxies_config": "\n  proxy_ca_bundle = /ca",
    }
    write(shared_files, settings)
    plain = botocore.session.Session(profile="keys")
    session = ProfileBotocoreSession(target_of(SessionRequest(**WAYS[way])))
    ours, theirs = session.get_scoped_config(), plain.get_scoped_config()
    assert {name: ours.get(name) for name in settings} == {name: theirs[name] for name in settings}


ANSWER = """<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAHUSH</AccessKeyId>
<SecretAccessKey>hush</SecretAccessKey><SessionToken>hush</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>
"""


def test_calls_of_a_role_by_its_arn(shared_files: tuple[Path, Path]) -> None:
    """AssumeRole goes to the source profile's STS endpoint, and clients use its settings."""
    asked: list[str] = []

    def answer(sent: str) -> str:
        asked.append(sent)
        return ANSWER

    with echoing_server(200, answer) as sts:
        settings = {"region": "us-west-2", "sdk_ua_app_id": "lab", "services": "local"}
        write(shared_files, settings, sts)
        session = open_session(role_arn=ARN, source_profile=find_profile("keys"))
    assert ["app/lab" in sent and "Action=AssumeRole&" in sent for sent in asked] == [True]
    assert session.client("s3").meta.endpoint_url == "http://s3.local"
    assert session.client("s3").meta.config.user_agent_appid == "lab"


def test_later_variables_have_no_effect(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Variables that are set later don't change the files and Region of an open session."""
    shared_files[0].write_text("[profile p]\nregion = us-west-1\n[profile q]\n")
    cores = [ProfileBotocoreSession(target_of(SessionRequest(profile=name))) for name in ("p", "q")]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "other"))
    assert [core.get_config_variable("region") for core in cores] == ["us-west-1", None]
    assert [set(core.full_config["profiles"]) for core in cores] == [{"p", "q"}] * 2


# --- Handlers, methods and models, which sessions share ---


def test_handlers_of_one_session(aws: EmbeddedAws) -> None:
    """A handler that is added to a session doesn't change other sessions."""
    ours, other = open_session("RoleBeta"), open_session("RoleBeta")
    called: list[str] = []
    ours.events.register("before-send.s3", lambda request, **_: called.append(request.url))
    other.client("s3").list_buckets()
    assert called == []
    ours.client("s3").list_buckets()
    assert len(called) == 1


def test_methods_that_boto3_adds(aws: EmbeddedAws) -> None:
    """Clients can upload files, and resources can create tags, as in a plain session."""
    session = open_session("RoleBeta")
    assert callable(session.client("s3").upload_file)
    assert callable(session.resource("s3").Bucket("b").download_file)
    assert callable(session.resource("ec2").create_tags)
    assert callable(session.resource("dynamodb").Table("t").batch_writer)


def test_users_models(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Models in AWS_DATA_PATH are found, as with plain boto3."""
    file = tmp_path / "home-made" / "2026-01-01" / "service-2.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"metadata": {}, "operations": {}, "shapes": {}}))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    ours, theirs = open_session("UserAlpha"), boto3.Session(profile_name="UserAlpha")
    assert "home-made" in ours.get_available_services()
    assert ours.get_available_services() == theirs.get_available_services()
    assert ours.get_available_resources() == theirs.get_available_resources()
