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


def test_without_replaced_settings(shared_files: tuple[Path, Path]) -> None:
    """If a target replaces no settings, its session has the settings of the profile's files."""
    shared_files[0].write_text("[profile p]\nregion = us-west-1\n")
    core = ProfileBotocoreSession(target_of(SessionRequest(profile="p")))
    assert core.get_config_variable("region") == "us-west-1"


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


def handlers_of(session: Any, event: str) -> list[Any]:
    """Return the handlers of an event, without calling them."""
    return list(session.get_component("event_emitter")._emitter._handlers.prefix_search(event))


@pytest.fixture
def core(shared_files: tuple[Path, Path]) -> ProfileBotocoreSession:
    """Return the botocore session of a profile."""
    shared_files[0].write_text("[profile p]\nregion = us-east-1\n")
    return ProfileBotocoreSession(target_of(SessionRequest(profile="p")))


def test_same_handlers_as_botocore(core: ProfileBotocoreSession) -> None:
    """Each event has the same handlers, in the same order, as in a plain session."""
    plain = botocore.session.Session()
    for event in {spec[0].replace("*", "any") for spec in botocore.handlers.BUILTIN_HANDLERS}:
        assert handlers_of(core, event) == handlers_of(plain, event)


def test_handlers_of_one_session(core: ProfileBotocoreSession) -> None:
    """Adding a handler to a session, or removing one, doesn't change other sessions."""
    other = ProfileBotocoreSession(target_of(SessionRequest(profile="p")))
    event = "before-parse.s3.ListBuckets"
    before = handlers_of(other, event)
    events: Any = core.get_component("event_emitter")
    events.register("before-parse.s3", lambda **_: "mine")
    events.unregister("before-parse.s3.*", before[0])
    assert handlers_of(core, event) != before
    assert handlers_of(other, event) == before


def test_handlers_that_others_add_to_botocore(
    core: ProfileBotocoreSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a library such as moto adds handlers to botocore's list, later sessions have them."""

    def handler(**_: Any) -> None: ...

    added = [*botocore.handlers.BUILTIN_HANDLERS, ("before-send", handler)]
    monkeypatch.setattr("botocore.handlers.BUILTIN_HANDLERS", added)
    later = ProfileBotocoreSession(target_of(SessionRequest(profile="p")))
    assert handler in handlers_of(later, "before-send")
    assert handler not in handlers_of(core, "before-send")


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
