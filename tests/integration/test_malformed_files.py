"""Files that can't be read, and odd names in them."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from tests.shells import Shell, run_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.stages.scenario import Scenario

MALFORMED = {
    "no section": ("region = x\n", 1, "Settings stand here before the first [section]."),
    "no value": ("[profile a]\nregion x\n", 2, "This line is neither a [section] nor"),
    "twice": ("[profile a]\n[profile a]\n", 2, "The section [profile a] stands here"),
    "block": ("[profile a]\ns3 =\n  x\n", 2, "A line of the indented block has no `=`."),
}


@pytest.mark.parametrize("how", MALFORMED)
@pytest.mark.parametrize("which", ["config", "credentials"])
def test_malformed_file(shell: Shell, aws: EmbeddedAws, which: str, how: str) -> None:
    """A malformed file is named with its line, and the identity from before still works."""
    text, line, problem = MALFORMED[how]
    shell.good("%aws_profile RoleBeta")
    session = shell.names["session"]
    file = aws.config_file if which == "config" else aws.credentials_file
    file.write_text(text)
    error = shell.refused("%aws_profile RoleBeta")
    assert type(error).__name__ == "ConfigFileError"
    assert str(error).startswith(f"{file}, line {line}: {problem}")
    assert shell.names["session"] is session
    assert len(session.client("s3").list_buckets()["Buckets"]) == 3


def test_malformed_file_in_a_kernel(aws: EmbeddedAws) -> None:
    """A kernel names file and line in one card, and quotes nothing of it."""
    aws.credentials_file.write_text("[UserAlpha]\naws_secret_access_key hush-hush\n")
    cell = run_notebook(
        "%load_ext ipy_awsprofile", "%aws_profile RoleBeta", environment=aws.environment()
    )[0][1]
    assert len(cell.cards) == 1
    assert cell.error.ename == "ConfigFileError"
    assert f"{aws.credentials_file}, line 2: " in cell.error.evalue
    assert "hush" not in str(cell.outputs)


def test_unreadable_file(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read is named with the system's reason, and nothing changes."""
    shell.good("%aws_profile RoleBeta")
    session = shell.names["session"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        config = Path(folder, "config")
        config.write_text("[profile a]\n")
        config.chmod(0)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        with powerless():
            error = shell.refused("%aws_profile UserAlpha")
    assert type(error).__name__ == "ConfigFileError"
    assert str(error) == f"{config}: The file can't be read: Permission denied."
    assert shell.names["session"] is session


@contextmanager
def powerless() -> Iterator[None]:
    """Give up root's right to read everything, where the tests run as root."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


ODD_NAMES = [
    "my profile",
    "größe δ",
    "日本語",
    "team/dev",
    "a.b@c+d=e",
    "it's",
    "back\\\\slash",
    "cost$center",
    "{braces}",
    "{}",
    "$",
    "%percent",
    "semi;colon",
    "hash#tag",
    "a  b",
    "<b>bold</b>",
    "tick`tick",
    "😀",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(shell: Shell, aws: EmbeddedAws, scenario: Scenario, name: str) -> None:
    """A profile with an odd name can be switched to, in quotation marks, and be misspelt."""
    known = name.replace("\\\\", "\\")
    aws.write_profile(
        "placeholder", role_arn=scenario.role_arn, source_profile="UserAlpha", region="us-west-2"
    )
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace("placeholder", f'"{name}"'))
    assert shell.good(f'%aws_profile "{known}"').text.startswith(f"{known} ← UserAlpha  (")
    assert type(shell.refused(f'%aws_profile "{known}zzz"')).__name__ == "ProfileNotFound"
    assert f"`{known}zzz`" in str(shell.run(f'%aws_profile "{known}zzz"').error)
