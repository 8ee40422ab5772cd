"""botocore's chain for a profile, with replaced settings and the AWS CLI's cache."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.core import ProfileCore
from ipy_awsprofile.credentials.renewal import quiet_refresh
from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.credentials.role_cache import CallerIdentity, RoleCache

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws

DOCUMENT = {
    "Credentials": {
        "AccessKeyId": "ASIAX",
        "SecretAccessKey": "s",
        "SessionToken": "t",
        "Expiration": "2100-01-01T00:00:00Z",
    },
    "AssumedRoleUser": {"Arn": "arn:aws:sts::1:assumed-role/R/s", "AssumedRoleId": "AROAX:s"},
}


def changed(**settings: Any) -> dict[str, Any]:
    """Return the document with some of its credentials' fields changed; None takes one out."""
    fields = DOCUMENT["Credentials"] | settings
    return DOCUMENT | {
        "Credentials": {name: value for name, value in fields.items() if value is not None}
    }


def test_replaced_settings_go_before_the_files(shared_files: tuple[Path, Path]) -> None:
    """Settings and region stand in for those of the profile, and the rest stays."""
    shared_files[0].write_text("[profile p]\nregion = one\nduration_seconds = 1\noutput = json\n")
    target = replace(
        target_of(SessionRequest(profile="p")), settings={"duration_seconds": "900"}, region="two"
    )
    core = ProfileCore(target)
    assert core.get_config_variable("region") == "two"
    assert core.get_scoped_config() == {
        "region": "one",
        "duration_seconds": "900",
        "output": "json",
    }


def test_nothing_replaced_is_botocore(shared_files: tuple[Path, Path]) -> None:
    """Without a replacement, a profile is as its files say."""
    shared_files[0].write_text("[profile p]\nregion = one\n")
    core = ProfileCore(target_of(SessionRequest(profile="p")))
    assert core.get_config_variable("region") == "one"


def test_session_keeps_to_its_own_files_and_region(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the environment says later doesn't reach a session that is open already."""
    shared_files[0].write_text("[profile p]\nregion = one\n[profile q]\n")
    cores = [ProfileCore(target_of(SessionRequest(profile=name))) for name in ("p", "q")]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "three")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "other"))
    assert [core.get_config_variable("region") for core in cores] == ["one", None]
    assert [set(core.full_config["profiles"]) for core in cores] == [{"p", "q"}] * 2


def test_bounds() -> None:
    """A bounded client waits so long, twice at most."""
    config: Any = give_up_soon(3.5)
    assert (config.connect_timeout, config.read_timeout) == (3.5, 3.5)
    assert config.retries["total_max_attempts"] == 2


def test_users_clients_keep_the_defaults(aws: EmbeddedAws) -> None:
    """The bounds are for our own calls: a client of the user's session has botocore's."""
    from ipy_awsprofile.sessions.session import open_session

    config = open_session("RoleBeta", timeout=1.5).client("s3").meta.config
    assert (
        config.read_timeout == boto3.Session().client("sts", "us-east-1").meta.config.read_timeout
    )


def test_cache_writes_the_clis_file(tmp_path: Path) -> None:
    """An entry is a file that only its owner can read, in a folder of the same sort."""
    cache = RoleCache(tmp_path / "cli" / "cache", fresh=False)
    cache["key"] = DOCUMENT
    file = tmp_path / "cli" / "cache" / "key.json"
    assert json.loads(file.read_text()) == DOCUMENT
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_cache_knows_the_caller(tmp_path: Path) -> None:
    """What is read or written says whose credentials these are."""
    writer, reader = (RoleCache(tmp_path, fresh=False) for _ in range(2))
    writer["key"] = DOCUMENT
    assert "key" in reader
    assert reader["key"] == DOCUMENT
    caller = CallerIdentity("arn:aws:sts::1:assumed-role/R/s", "AROAX:s")
    assert writer.callers == reader.callers == {"ASIAX": caller}


def test_cache_without_an_assumed_role(tmp_path: Path) -> None:
    """An entry that doesn't say whose it is can be used, and tells nothing."""
    cache = RoleCache(tmp_path, fresh=False)
    cache["key"] = {"Credentials": DOCUMENT["Credentials"]}
    assert "key" in cache
    assert cache.callers == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        "{}",
        '{"Credentials": null}',
        '{"Credentials": []}',
        '{"Credentials": {}}',
        json.dumps(DOCUMENT | {"AssumedRoleUser": "text"}),
        json.dumps(DOCUMENT | {"AssumedRoleUser": {"Arn": "a"}}),
        json.dumps(changed(Expiration=None)),
        json.dumps(changed(Expiration="soon")),
        json.dumps(changed(Expiration=7)),
        json.dumps(changed(SecretAccessKey=None)),
        json.dumps(changed(SessionToken=None)),
    ],
)
def test_cache_passes_over_what_the_cli_never_wrote(tmp_path: Path, text: str) -> None:
    """A broken file in the cache is as good as none."""
    (tmp_path / "key.json").write_text(text)
    cache = RoleCache(tmp_path, fresh=False)
    assert "key" not in cache
    with pytest.raises(KeyError):
        cache["key"]


def test_fresh_cache_sees_only_its_own(tmp_path: Path) -> None:
    """A fresh cache passes over what others wrote, and keeps what it writes."""
    RoleCache(tmp_path, fresh=False)["key"] = DOCUMENT
    fresh = RoleCache(tmp_path, fresh=True)
    assert "key" not in fresh
    fresh["key"] = DOCUMENT
    assert "key" in fresh


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """Where no file can be written, an entry lasts as long as the cache."""
    (tmp_path / "file").write_text("")
    cache = RoleCache(tmp_path / "file" / "cache", fresh=False)
    cache["key"] = DOCUMENT
    assert cache["key"] == DOCUMENT


def test_quiet_refresh(caplog: pytest.LogCaptureFixture) -> None:
    """The traceback of a failed refresh is kept back, everything else is logged."""
    logger = logging.getLogger("botocore.credentials")
    with quiet_refresh():
        logger.warning("Refreshing temporary credentials failed during %s", "x")
        logger.warning("Something else")
    logger.warning("Refreshing temporary credentials failed afterwards")
    assert [record.getMessage() for record in caplog.records] == [
        "Something else",
        "Refreshing temporary credentials failed afterwards",
    ]
