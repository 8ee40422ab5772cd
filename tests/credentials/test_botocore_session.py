"""A target's botocore session has the target's settings, files and Region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession

if TYPE_CHECKING:
    from pathlib import Path


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
