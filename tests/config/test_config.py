"""The config that we pass to botocore equals the config that it reads from the same files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.shared_files import SharedFiles
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.errors import ConfigFileError

if TYPE_CHECKING:
    from pathlib import Path


def by_botocore(files: SharedFiles) -> dict[str, Any]:
    """Return the files as a plain botocore session reads them."""
    session = botocore.session.Session()
    session.set_config_variable("config_file", str(files.config))
    session.set_config_variable("credentials_file", str(files.credentials))
    return {"sso_sessions": {}, "services": {}} | session.full_config


@pytest.mark.parametrize(
    ("config", "credentials"),
    [
        ("", ""),
        ("[default]\nregion = one\n", ""),
        ("[profile p]\nregion = one\n", "[p]\naws_access_key_id = A\nregion = two\n"),
        ("", "[p]\naws_access_key_id = A\n[profile p]\nregion = two\n"),
        ("[profile p]\ns3 =\n  addressing_style = path\n", "[p]\ns3 =\n  max_queue_size = 1\n"),
        ("[sso-session corp]\nsso_region = one\n[profile p]\nsso_session = corp\n", ""),
        ("[services local]\ns3 =\n  endpoint_url = http://127.0.0.1\n", ""),
        ("[plugins]\ncli_legacy_plugin_path = x\n[preview]\na = b\n", ""),
        ("[DEFAULT]\nregion = one\n[profile p]\noutput = json\n[plugins]\n", ""),
        ("[profile p]\n[profile 'p']\nregion = one\n", ""),
        ("[profile two words]\n[services]\n[sso-session]\n[profiles]\n", ""),
    ],
)
@pytest.mark.parametrize("profile", ["p", "default"])
def test_same_dict_as_botocore(
    shared_files: tuple[Path, Path], profile: str, config: str, credentials: str
) -> None:
    """Profiles, sso-sessions, services and other sections equal what botocore reads."""
    files = SharedFiles(*shared_files)
    files.config.write_text(config)
    files.credentials.write_text(credentials)
    expected = by_botocore(files)
    config_of_both = read_config(files)
    ours = config_of_both.full_config({profile: config_of_both.profiles.get(profile, {})})
    assert ours["profiles"] == {profile: {}} | expected["profiles"]
    assert list(ours["profiles"])[: len(expected["profiles"])] == list(expected["profiles"])
    assert ours | {"profiles": None} == expected | {"profiles": None}
    assert config_of_both.full_config({}) == expected


def test_files_that_do_not_exist(shared_files: tuple[Path, Path]) -> None:
    """Without files, the config contains only the requested profile and its replaced settings."""
    config = read_config(SharedFiles(*shared_files)).full_config({"p": {"role_arn": "arn"}})
    assert config["profiles"] == {"p": {"role_arn": "arn"}}


def test_sessions_are_independent(shared_files: tuple[Path, Path]) -> None:
    """Changing one session's config doesn't affect another session."""
    files = SharedFiles(*shared_files)
    files.config.write_text("[profile p]\nregion = one\n[profile q]\n")
    config = read_config(files)
    own = config.profiles["p"]
    first, second = (config.full_config({"p": own | {"output": it}}) for it in ("json", "text"))
    first["profiles"]["p"]["region"] = "two"
    first["profiles"]["new"] = {}
    first["plugins"] = {}
    assert second["profiles"] == {"p": {"region": "one", "output": "text"}, "q": {}}
    assert "plugins" not in second
    assert config.full_config({"q": {}})["profiles"]["p"] == {"region": "one"}


def test_a_copy_is_independent(shared_files: tuple[Path, Path]) -> None:
    """Changing a copy, even in an indented block, doesn't affect the next copy."""
    files = SharedFiles(*shared_files)
    files.config.write_text("[profile p]\ns3 =\n  addressing_style = path\n[plugins]\na = b\n")
    copy = read_config(files).full_config({})
    copy["profiles"]["p"]["s3"]["addressing_style"] = "virtual"
    copy["plugins"].clear()
    assert read_config(files).full_config({}) == by_botocore(files)


def test_a_changed_file_is_read_again(shared_files: tuple[Path, Path]) -> None:
    """A session keeps the settings that it read; a later session reads the changed file."""
    config = shared_files[0]
    config.write_text("[profile p]\nregion = one\n")
    before = ProfileBotocoreSession(target_of(SessionRequest(profile="p")))
    assert before.get_scoped_config() == {"region": "one"}
    config.write_text("[profile p]\nregion = another\n")
    assert before.full_config["profiles"]["p"] == {"region": "one"}
    assert ProfileBotocoreSession(target_of(SessionRequest(profile="p"))).get_scoped_config() == {
        "region": "another"
    }


def test_setting_that_no_longer_overrides(shared_files: tuple[Path, Path]) -> None:
    """A setting that is removed from the credentials file doesn't stay in a profile of both."""
    config, credentials = shared_files
    config.write_text("[profile p]\nregion = one\n")
    credentials.write_text("[p]\nregion = two\noutput = json\n")
    before = read_config()
    credentials.write_text("[p]\noutput = text\n")
    now = read_config()
    assert dict(before.profiles["p"]) == {"region": "two", "output": "json"}
    assert dict(now.profiles["p"]) == {"region": "one", "output": "text"}
    assert now.profiles["p"].in_credentials == {"output"}


def test_file_that_becomes_malformed(shared_files: tuple[Path, Path]) -> None:
    """A file that becomes malformed doesn't affect a session whose target was resolved earlier."""
    config = shared_files[0]
    config.write_text("[profile p]\nregion = one\n")
    core = ProfileBotocoreSession(target_of(SessionRequest(profile="p")))
    config.write_text("[profile p]\ns3 =\n  nonsense\n")
    assert core.get_scoped_config() == {"region": "one"}
    with pytest.raises(ConfigFileError):
        target_of(SessionRequest(profile="p"))
