"""Writing profiles to the config file, whose other content doesn't change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ipy_awsprofile.config.files import SharedFiles, read_config
from ipy_awsprofile.config.saved import ConfigFile, difference, profiles_in_block
from ipy_awsprofile.errors import ConfigFileError, InvalidOption
from tests.processes import is_private, open_elsewhere, posix

CLI = [sys.executable, "-m", "awscli"]
ONE: dict[str, Any] = {"region": "eu-west-1", "s3": {"addressing_style": "path"}}
SECTION = "[profile one]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n"
MINE = "# mine\n[profile a]\nregion=x ; kept\n\n\n[profile \u00e9]\n"
AFTER = "\n; the end\n[profile z]\n\n"
ROLES: dict[str, dict[str, Any]] = {"b": {"sso_role_name": "B"}, "a b": {"sso_role_name": "A"}}
BLOCK = """# >>> ipy_awsprofile: roles of corp
[profile 'a b']
sso_role_name = A

[profile b]
sso_role_name = B
# <<< ipy_awsprofile: roles of corp
"""


@pytest.fixture
def files(shared_files: tuple[Path, Path]) -> SharedFiles:
    return SharedFiles(*shared_files)


def write(files: SharedFiles, text: str) -> ConfigFile:
    """Write a config file as it is, and read it."""
    files.config.write_bytes(text.encode())
    return ConfigFile.read(files)


@pytest.mark.parametrize(
    ("before", "between"), [(MINE, "\n"), ("[profile a]\nregion = x", "\n\n"), ("", "")]
)
def test_at_the_end(files: SharedFiles, before: str, between: str) -> None:
    """A new profile or block follows the existing content, which stays the same byte for byte."""
    file = write(files, before)
    file.write(file.with_profile("one", ONE))
    assert files.config.read_text() == f"{before}{between}{SECTION}"
    assert read_config(files).profiles["one"] == ONE
    assert file.with_block("roles of corp", ROLES) == f"{before}{between}{BLOCK}"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_block_is_replaced(files: SharedFiles, end: str) -> None:
    """Only the lines of the sign-in's own block change, whatever their line ends are."""
    other = BLOCK.replace("corp", "corp2").replace("[profile ", "[profile x")
    around = [part.replace("\n", end) for part in (MINE + other, AFTER)]
    text = BLOCK.replace("\n", end).join(around)
    file = write(files, text)
    assert profiles_in_block(file.text, "roles of corp") == {"a b", "b"}
    assert "b" not in file.without_block("roles of corp").profiles
    assert file.with_block("roles of corp", ROLES) == file.text
    file.write(file.with_block("roles of corp", {"c": {"sso_role_name": "C"}}))
    marks = BLOCK.splitlines()[0], BLOCK.splitlines()[-1]
    new = end.join([marks[0], "[profile c]", "sso_role_name = C", marks[1], ""])
    assert files.config.read_bytes().decode() == new.join(around)
    file = ConfigFile.read(files)
    assert file.with_block("roles of corp", {}) == MINE + other + AFTER


def test_the_aws_cli_edits_the_block(files: SharedFiles) -> None:
    """A setting that the AWS CLI adds to the block's last profile belongs to the block."""
    file = write(files, MINE)
    file.write(file.with_block("roles of corp", ROLES))
    command = [*CLI, "configure", "set", "output", "json", "--profile", "b"]
    subprocess.run(command, check=True, capture_output=True)
    file = ConfigFile.read(files)
    assert file.config.profiles["b"]["output"] == "json"
    text = file.with_block("roles of corp", ROLES)
    assert text == f"{MINE}\n{BLOCK}"
    assert [line for line in difference(file.text, text) if line[0] in "+-"] == ["-output = json"]


def test_the_difference() -> None:
    """Changed lines are shown with the lines around them, and without secrets."""
    before = BLOCK.replace("= B\n", "= B\naws_secret_access_key = hush\n") + AFTER
    after = BLOCK.replace("[profile 'a b']\nsso_role_name = A\n\n", "") + "[profile c]\n" + AFTER
    assert difference(before, after) == [
        " # >>> ipy_awsprofile: roles of corp",
        "-[profile 'a b']",
        "-sso_role_name = A",
        " [profile b]",
        " sso_role_name = B",
        "-aws_secret_access_key = …",
        " # <<< ipy_awsprofile: roles of corp",
        "+[profile c]",
        " ; the end",
        " [profile z]",
    ]
    assert difference(before, before.replace("\n", "\r\n")) == []


@posix
def test_link_and_mode(files: SharedFiles, tmp_path: Path) -> None:
    """A link to a file elsewhere stays a link, and the file keeps its mode."""
    (real := tmp_path / "dotfiles" / "aws").parent.mkdir()
    files.config.symlink_to(real)
    write(files, "[profile a]\n")
    real.chmod(0o640)
    file = ConfigFile.read(files)
    file.write(file.with_profile("one", ONE))
    assert files.config.is_symlink()
    assert "[profile one]" in real.read_text()
    assert real.stat().st_mode & 0o7777 == 0o640
    assert os.listdir(real.parent) == ["aws"]


def test_file_that_does_not_exist(tmp_path: Path) -> None:
    """A missing file is created with its folder, and only the user can access them."""
    files = SharedFiles(tmp_path / "new" / "config", tmp_path / "new" / "credentials")
    file = ConfigFile.read(files)
    file.write(file.with_profile("one", ONE))
    assert files.config.read_text() == SECTION
    assert is_private(files.config)
    assert is_private(files.config.parent)


@pytest.mark.parametrize("name", ["", "x]", 'x"y', "x#", "a", "keys"])
def test_names_that_are_refused(files: SharedFiles, name: str) -> None:
    """A name that either file has, or that not all SDKs can read, is an error."""
    files.credentials.write_text("[keys]\n")
    with pytest.raises(InvalidOption, match=r"can't be the name|already exists"):
        write(files, "[profile a]\n").with_profile(name, {})


@pytest.mark.parametrize(
    ("name", "header"),
    [("R&D", "[profile R&D]"), ("Zürich", "[profile Zürich]"), ("my own", "[profile 'my own']")],
)
def test_quoted_names(files: SharedFiles, name: str, header: str) -> None:
    """Only a name with a space is quoted, as by the AWS CLI, because not all SDKs read quotes."""
    assert header in write(files, "[profile a]\n").with_profile(name, {}).splitlines()


def test_file_that_is_read_only(files: SharedFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the user can't write isn't replaced, and neither is one in another encoding."""
    file = write(files, MINE)
    monkeypatch.setattr("ipy_awsprofile.config.saved.ENCODING", "cp1252")
    with pytest.raises(ConfigFileError, match="can't be written: its encoding lacks a character"):
        file.write("[profile 日本]\n")
    monkeypatch.setattr("os.access", lambda *_: False)  # root can write any file
    with pytest.raises(ConfigFileError, match="can't be written: Permission denied"):
        file.write(file.with_profile("one", ONE))
    assert files.config.read_text() == MINE


def test_file_that_another_program_reads(files: SharedFiles) -> None:
    """On Windows, a save waits until the other program has closed the file."""
    file = write(files, MINE)
    with open_elsewhere(files.config):
        file.write(file.with_profile("one", ONE))
    assert read_config(files).profiles["one"] == ONE
    assert os.listdir(files.config.parent) == ["config"]


def test_file_that_another_program_writes(files: SharedFiles) -> None:
    """If another program has changed the file since it was read, its change is kept."""
    file = write(files, MINE)
    files.config.write_text("[profile theirs]\n")
    with pytest.raises(ConfigFileError, match="another program has just changed it"):
        file.write(file.with_profile("one", ONE))
    assert files.config.read_text() == "[profile theirs]\n"
    assert os.listdir(files.config.parent) == ["config"]
