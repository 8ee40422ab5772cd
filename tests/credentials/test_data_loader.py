"""Loaders share their data, but each has its own search paths."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import create_loader

from ipy_awsprofile.credentials.data_loader import MODELS, SessionLoader
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

VERSION = "2026-01-01"


def add_model(folder: Path, service: str, **metadata: str) -> None:
    """Write a service's model into a folder of models."""
    file = folder / service / VERSION / "service-2.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"metadata": metadata, "operations": {}, "shapes": {}}))


def test_same_data_as_botocore() -> None:
    """Every method returns what botocore's own loader returns."""
    ours, theirs = SessionLoader(None), create_loader(None)
    assert ours.search_paths == [*theirs.search_paths, MODELS]
    assert ours.list_available_services("service-2") == theirs.list_available_services("service-2")
    for service, kind in [("sts", "service-2"), ("s3", "paginators-1"), ("ec2", "paginators-1")]:
        version = theirs.determine_latest_version(service, kind)
        assert ours.determine_latest_version(service, kind) == version
        assert ours.list_api_versions(service, kind) == theirs.list_api_versions(service, kind)
        model = theirs.load_service_model(service, kind)
        if (service, kind) == ("sts", "service-2"):  # ours includes a new operation
            theirs.search_paths.append(MODELS)
            model = create_loader(MODELS).load_service_model(service, kind)
        assert ours.load_service_model(service, kind) == model
        assert ours.load_service_model(service, kind, api_version=version) == model
    assert ours.load_data("partitions") == theirs.load_data("partitions")
    assert ours.load_data_with_path("_retry") == theirs.load_data_with_path("_retry")


def test_same_errors_as_botocore() -> None:
    """Missing data raises the same errors as botocore's own loader."""
    with pytest.raises(UnknownServiceError):
        SessionLoader(None).load_service_model("no-such-service", "service-2")
    with pytest.raises(DataNotFoundError):
        SessionLoader(None).load_data("no-such-data")


def test_loaded_once(tmp_path: Path) -> None:
    """Two loaders with the same search paths return the same object."""
    add_model(tmp_path, "home-made")
    first, second = SessionLoader(str(tmp_path)), SessionLoader(str(tmp_path))
    model = first.load_service_model("home-made", "service-2")
    assert model is second.load_service_model("home-made", "service-2")
    assert model is not create_loader(str(tmp_path)).load_service_model("home-made", "service-2")


def test_search_paths_of_one_loader(tmp_path: Path) -> None:
    """A search path that is added to a loader takes effect at once, in this loader only."""
    add_model(tmp_path, "home-made")
    first, second = SessionLoader(None), SessionLoader(None)
    first.list_available_services("service-2")
    first.search_paths.append(str(tmp_path))
    assert "home-made" in first.list_available_services("service-2")
    assert "home-made" not in second.list_available_services("service-2")


def test_lists_can_be_changed() -> None:
    """Changing a returned list doesn't change later results."""
    SessionLoader(None).list_available_services("service-2").clear()
    SessionLoader(None).list_api_versions("sts", "service-2").clear()
    assert "sts" in SessionLoader(None).list_available_services("service-2")
    assert SessionLoader(None).list_api_versions("sts", "service-2")


@pytest.mark.parametrize("where", ["environment", "profile"])
def test_users_models(
    where: str, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Models in AWS_DATA_PATH or in the profile's data_path are found, as with plain boto3."""
    add_model(tmp_path, "home-made")
    data_path: Any = {"data_path": str(tmp_path)} if where == "profile" else {}
    aws.write_profile("mine", region="us-east-1", **data_path)
    aws.write_profile("mine", file="credentials", aws_access_key_id="A", aws_secret_access_key="s")
    if where == "environment":
        monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    ours, theirs = open_session("mine"), boto3.Session(profile_name="mine")
    assert "home-made" in ours.get_available_services()
    assert ours.get_available_services() == theirs.get_available_services()
    assert ours.get_available_resources() == theirs.get_available_resources()


def test_impossible_folder(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name in AWS_DATA_PATH that no folder can have is ignored, as with plain boto3."""
    monkeypatch.setenv("AWS_DATA_PATH", "x" * 5000)
    assert "s3" in open_session("UserAlpha").get_available_services()


def test_changed_model(tmp_path: Path) -> None:
    """Loaders that are created later find a model that the user has added or changed."""
    add_model(tmp_path, "home-made", serviceId="one")
    (tmp_path / "leads-nowhere").symlink_to(tmp_path / "nothing")
    first = SessionLoader(str(tmp_path))
    assert first.load_service_model("home-made", "service-2")["metadata"]["serviceId"] == "one"
    add_model(tmp_path, "home-made", serviceId="another")
    add_model(tmp_path, "newer")
    later = SessionLoader(str(tmp_path))
    assert later.load_service_model("home-made", "service-2")["metadata"]["serviceId"] == "another"
    assert "newer" in later.list_available_services("service-2")
    assert first.load_service_model("home-made", "service-2")["metadata"]["serviceId"] == "one"


def test_twenty_threads_at_once(tmp_path: Path) -> None:
    """If several threads need the same data at the same time, it is loaded once."""
    for number in range(5):
        add_model(tmp_path, f"home-made-{number}")

    def load(number: int) -> Any:
        loader = SessionLoader(str(tmp_path))
        services = loader.list_available_services("service-2")
        own = loader.load_service_model(f"home-made-{number % 5}", "service-2")
        return len(services), id(own), id(loader.load_service_model("ec2", "paginators-1"))

    with ThreadPoolExecutor(20) as pool:
        seen = list(pool.map(load, range(20)))
    assert [len(set(each)) for each in zip(*seen, strict=True)] == [1, 5, 1]


@pytest.mark.slow
def test_twenty_sessions_in_threads(aws: EmbeddedAws) -> None:
    """Sessions that are opened in several threads list the same buckets."""

    def names(_: int) -> tuple[str, ...]:
        answer = open_session("RoleBeta").client("s3").list_buckets()
        return tuple(bucket["Name"] for bucket in answer["Buckets"])

    with ThreadPoolExecutor(20) as pool:
        found = set(pool.map(names, range(20)))
    assert found == {("my-first-bucket", "my-second-bucket", "my-third-bucket")}
