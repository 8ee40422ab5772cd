"""A malformed file changes nothing, and a profile with an unusual name works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from tests.shells import Shell

if TYPE_CHECKING:
    from ipy_awsprofile.demo.stages.scenario import Scenario


@pytest.mark.parametrize("which", ["config", "credentials"])
def test_malformed_file(shell: Shell, aws: EmbeddedAws, which: str) -> None:
    """The error names the file and the line, and the previous identity still works."""
    shell.good("%aws_profile RoleBeta")
    session = shell.names["session"]
    file = aws.config_file if which == "config" else aws.credentials_file
    file.write_text("[profile a]\nregion x\n")
    error = shell.refused("%aws_profile RoleBeta")
    assert type(error).__name__ == "ConfigFileError"
    assert str(error).startswith(f"{file}, line 2: botocore can't parse the file")
    assert shell.names["session"] is session
    assert len(session.client("s3").list_buckets()["Buckets"]) == 3


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


def test_odd_names(shell: Shell, aws: EmbeddedAws, scenario: Scenario) -> None:
    """You can switch to a profile with an unusual name in quotes, and errors quote such a name."""
    aws.write_profile(
        "placeholder", role_arn=scenario.role_arn, source_profile="UserAlpha", region="us-west-2"
    )
    config = aws.config_file.read_text()
    for name in ODD_NAMES:
        known = name.replace("\\\\", "\\")
        aws.config_file.write_text(config.replace("placeholder", f'"{name}"'))
        assert shell.good(f'%aws_profile "{known}"').text.startswith(f"{known} ← UserAlpha  (")
        error = shell.refused(f'%aws_profile "{known}zzz"')
        assert type(error).__name__ == "ProfileNotFound"
        assert f"`{known}zzz`" in str(error)
