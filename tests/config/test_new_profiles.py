"""New profiles are appended to the config file, whose existing content doesn't change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.new_profiles import NewProfile, append_profiles
from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.config.shared_files import SharedFiles
from ipy_awsprofile.errors import ConfigFileError, InvalidOption

ONE = NewProfile("one", {"region": "eu-west-1", "s3": {"addressing_style": "path"}})
TWO = NewProfile("my two", {"sso_session": "corp"})
WRITTEN = """[profile one]
region = eu-west-1
s3 =
  addressing_style = path

[profile "my two"]
sso_session = corp
"""


@pytest.fixture
def files(shared_files: tuple[Path, Path]) -> SharedFiles:
    return SharedFiles(*shared_files)


@pytest.mark.parametrize(
    ("before", "between"),
    [
        ("# mine\n[profile a]\nregion=x ; kept\n\n[profile \u00e9]\n", "\n"),
        ("[profile a]\nregion = x", "\n\n"),
        ("", ""),
    ],
)
def test_appended(files: SharedFiles, before: str, between: str) -> None:
    """The new profiles follow the existing content, which stays the same byte for byte."""
    files.config.write_text(before)
    assert append_profiles([ONE, TWO], files) == files.config
    assert files.config.read_text() == f"{before}{between}{WRITTEN}"
    assert list_profiles()[-2:] == ["one", "my two"]
    assert read_config(files).profiles["one"]["s3"] == {"addressing_style": "path"}


def test_line_ends_of_windows(files: SharedFiles) -> None:
    """New profiles use the line endings of the file."""
    files.config.write_bytes(b"[profile a]\r\nregion = x\r\n")
    append_profiles([TWO], files)
    added = b'\r\n[profile "my two"]\r\nsso_session = corp\r\n'
    assert files.config.read_bytes() == b"[profile a]\r\nregion = x\r\n" + added


def test_link_and_mode(files: SharedFiles, tmp_path: Path) -> None:
    """A symbolic link stays a link, and the file that it points to keeps its mode."""
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "aws"
    real.write_text("[profile a]\n")
    real.chmod(0o640)
    files.config.symlink_to(real)
    append_profiles([ONE], files)
    assert files.config.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "[profile one]" in real.read_text()
    assert os.listdir(real.parent) == ["aws"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can")
def test_file_of_another_user(files: SharedFiles) -> None:
    """A file that root changes, such as in a container, keeps its owner, group and mode."""
    files.config.write_text("[profile a]\n")
    os.chown(files.config, 12345, 54321)
    files.config.chmod(0o640)
    append_profiles([TWO], files)
    status = files.config.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (12345, 54321, 0o640)


def test_file_that_does_not_exist(tmp_path: Path) -> None:
    """A missing file is created with its folder, and only the user can access them."""
    files = SharedFiles(tmp_path / "new" / "config", tmp_path / "new" / "credentials")
    append_profiles([ONE], files)
    assert files.config.stat().st_mode & 0o777 == 0o600
    assert files.config.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["a", "keys", "", "x]", 'x"y', "x\ny", " x", "a  b", "x#"])
def test_names_that_are_refused(files: SharedFiles, name: str) -> None:
    """An existing or invalid profile name is an error, and changes nothing."""
    files.config.write_text("[profile a]\n")
    files.credentials.write_text("[keys]\n")
    with pytest.raises(InvalidOption):
        append_profiles([ONE, NewProfile(name, {})], files)
    with pytest.raises(InvalidOption, match="Two of the new"):
        append_profiles([ONE, ONE], files)
    assert files.config.read_text() == "[profile a]\n"


def test_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A path below a file, which can't be a folder, raises one error."""
    (tmp_path / "file").write_text("")
    files = SharedFiles(tmp_path / "file" / "config", tmp_path / "credentials")
    with pytest.raises(ConfigFileError, match=r"can't be written: Not a directory|File exists"):
        append_profiles([ONE], files)


def test_file_that_another_program_writes(
    files: SharedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another program changes the file at the same time, its change is kept."""
    files.config.write_text("[profile a]\n")
    sync = os.fsync

    def meanwhile(handle: int) -> None:
        sync(handle)
        files.config.write_text("[profile theirs]\n")

    monkeypatch.setattr("ipy_awsprofile.config.config_file.os.fsync", meanwhile)
    with pytest.raises(ConfigFileError, match="another program has just changed it"):
        append_profiles([ONE], files)
    assert files.config.read_text() == "[profile theirs]\n"
    assert sorted(os.listdir(files.config.parent)) == ["config"]
