"""A target's botocore session has its settings, and shares handlers and models with others."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import botocore.handlers
import botocore.session
import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws


def test_replaced_settings(shared_files: tuple[Path, Path]) -> None:
    """A target's settings and Region replace the profile's, and all other settings stay."""
    settings = {"role_arn": "r", "source_profile": "p", "output": "json"}
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    shared_files[0].write_text(f"[profile p]\n{lines}\nregion = us-west-1\nduration_seconds = 1\n")
    target = target_of(SessionRequest(profile="p", duration=900, region="us-west-2"))
    core = ProfileBotocoreSession(target)
    assert core.get_config_variable("region") == "us-west-2"
    replaced = {"region": "us-west-1", "duration_seconds": "900"}
    assert core.get_scoped_config() == settings | replaced


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


def test_handlers_of_one_session(aws: EmbeddedAws) -> None:
    """A handler that is added to a session doesn't change other sessions."""
    ours, other = open_session("RoleBeta"), open_session("RoleBeta")
    called: list[str] = []
    ours.events.register("before-send.s3", lambda request, **_: called.append(request.url))
    other.client("s3").list_buckets()
    assert called == []
    ours.client("s3").list_buckets()
    assert len(called) == 1


def test_handlers_that_others_add_to_botocore(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a library such as moto adds handlers to botocore's list, later sessions have them."""
    earlier, called = open_session("RoleBeta"), []
    added = [*botocore.handlers.BUILTIN_HANDLERS, ("before-send.s3", lambda **_: called.append(1))]
    monkeypatch.setattr("botocore.handlers.BUILTIN_HANDLERS", added)
    earlier.client("s3").list_buckets()
    assert called == []
    open_session("RoleBeta").client("s3").list_buckets()
    assert called == [1]


def test_methods_that_boto3_adds(aws: EmbeddedAws) -> None:
    """Clients can upload files, and resources can create tags, as in a plain session."""
    session = open_session("RoleBeta")
    assert callable(session.client("s3").upload_file)
    assert callable(session.resource("s3").Bucket("b").download_file)
    assert callable(session.resource("ec2").create_tags)
    assert callable(session.resource("dynamodb").Table("t").batch_writer)


@pytest.mark.parametrize("where", ["environment", "profile"])
def test_users_models(
    where: str, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Models in AWS_DATA_PATH or in the profile's data_path are found, as with plain boto3."""
    file = tmp_path / "home-made" / "2026-01-01" / "service-2.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"metadata": {}, "operations": {}, "shapes": {}}))
    data_path: Any = {"data_path": str(tmp_path)} if where == "profile" else {}
    keys: Any = {"aws_access_key_id": "A", "aws_secret_access_key": "s"}
    aws.write_profile("mine", region="us-east-1", **data_path, **keys)
    if where == "environment":
        monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    ours, theirs = open_session("mine"), boto3.Session(profile_name="mine")
    assert "home-made" in ours.get_available_services()
    assert ours.get_available_services() == theirs.get_available_services()
    assert ours.get_available_resources() == theirs.get_available_resources()


def test_models_are_shared(aws: EmbeddedAws) -> None:
    """Sessions share a model, however many are opened, and a forked process can load others."""
    sessions = [open_session("RoleBeta") for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        clients = list(pool.map(lambda one: one.client("ec2"), sessions))
    assert len({id(client.meta.service_model.metadata) for client in clients}) == 1
    if not (child := os.fork()):
        os._exit(0 if sessions[0].client("sqs") else 1)
    assert os.waitpid(child, 0)[1] == 0
