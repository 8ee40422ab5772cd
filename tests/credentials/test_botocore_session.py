"""botocore's chain for a profile, with replaced settings and the AWS CLI's cache."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession

if TYPE_CHECKING:
    from pathlib import Path


def test_replaced_settings_go_before_the_files(shared_files: tuple[Path, Path]) -> None:
    """Settings and region stand in for those of the profile, and the rest stays."""
    shared_files[0].write_text("[profile p]\nregion = one\nduration_seconds = 1\noutput = json\n")
    target = replace(
        target_of(SessionRequest(profile="p")), settings={"duration_seconds": "900"}, region="two"
    )
    core = ProfileBotocoreSession(target)
    assert core.get_config_variable("region") == "two"
    assert core.get_scoped_config() == {
        "region": "one",
        "duration_seconds": "900",
        "output": "json",
    }


def test_nothing_replaced_is_botocore(shared_files: tuple[Path, Path]) -> None:
    """Without a replacement, a profile is as its files say."""
    shared_files[0].write_text("[profile p]\nregion = one\n")
    core = ProfileBotocoreSession(target_of(SessionRequest(profile="p")))
    assert core.get_config_variable("region") == "one"


def test_session_keeps_to_its_own_files_and_region(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the environment says later doesn't reach a session that is open already."""
    shared_files[0].write_text("[profile p]\nregion = one\n[profile q]\n")
    cores = [ProfileBotocoreSession(target_of(SessionRequest(profile=name))) for name in ("p", "q")]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "three")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "other"))
    assert [core.get_config_variable("region") for core in cores] == ["one", None]
    assert [set(core.full_config["profiles"]) for core in cores] == [{"p", "q"}] * 2
