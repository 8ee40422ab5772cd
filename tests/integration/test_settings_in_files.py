"""Settings in files that would not limit anything: a line or an error says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT
from ipy_awsprofile.errors import ProtectedProfile
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

SETTING = "%config AwsProfileMagics."

#: An account ID as AWS's console shows it, and headers of a config file.
NOTATIONS = [f"{ROLE_ACCOUNT[:4]}-{ROLE_ACCOUNT[4:8]}-{ROLE_ACCOUNT[8:]}"]
NOTATIONS += ["profile RoleBeta", "[profile RoleBeta]", "[RoleBeta]"]


@pytest.mark.parametrize("pattern", NOTATIONS)
def test_notations_of_patterns(shell: Shell, aws: EmbeddedAws, pattern: str) -> None:
    """A pattern in the notation of the console or of a file's header protects what it names."""
    assert "matches" not in shell.good(f"{SETTING}protected = [{pattern!r}]").text
    assert isinstance(shell.refused("%aws_profile RoleBeta"), ProtectedProfile)
    shell.good(f"{SETTING}protected = []\n{SETTING}read_only = [{pattern!r}]")
    assert "access    read-only" in shell.good("%aws_profile RoleBeta").text


def test_replaced_patterns(shell: Shell, aws: EmbeddedAws) -> None:
    """If new patterns replace a configuration file's patterns, a line shows how to keep both."""
    shell.good("get_ipython().config.AwsProfileMagics.read_only = ['Beta']")
    shell.good("%reload_ext ipy_awsprofile")
    text = shell.good(f"{SETTING}read_only = ['Alpha']").text
    assert "doesn't contain `Beta` of the configuration file anymore." in text
    line = next(code for code in code_in(text) if code.startswith("%config"))
    assert "anymore" not in shell.good(line).text
    assert "access    read-only" in shell.good("%aws_profile RoleBeta").text
    assert "anymore" not in shell.good(f"{SETTING}read_only = []").text


@pytest.mark.parametrize("setting", ["expect_account = 210987654321", "protected = true"])
def test_limits_in_a_profile(shell: Shell, aws: EmbeddedAws, setting: str) -> None:
    """The card names a setting of this package in a profile, where it has no effect."""
    text = aws.config_file.read_text()
    header = "[profile RoleBeta]\n"
    assert header in text
    aws.config_file.write_text(text.replace(header, f"{header}{setting}\n"))
    name = setting.partition(" ")[0]
    assert (
        f"`{name}` isn't an AWS setting, so it is ignored."
        in shell.good("%aws_profile RoleBeta").text
    )


def test_an_invalid_setting_at_the_start(tmp_path: Path) -> None:
    """If an invalid setting keeps the extension from loading, each cell says that limits lack."""
    folder = tmp_path / "profile_default"
    folder.mkdir()
    (folder / "ipython_config.py").write_text(
        "c = get_config()\nc.InteractiveShellApp.extensions = ['ipy_awsprofile']\n"
        "c.AwsProfileMagics.read_only = [1]\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt"],
        input="print(1 + 1)\n",
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ipy_awsprofile isn't loaded, so its limits don't apply" in done.stdout
    assert "'read_only'" in done.stdout
    assert "2\n" in done.stdout


@pytest.mark.parametrize("setting", ["region", "cli_pager"])
def test_a_header_at_the_end_of_a_line(shell: Shell, aws: EmbeddedAws, setting: str) -> None:
    """A header behind the last value of a file gets its line, and works on its own line."""
    block = "[profile etl]\nsource_profile = UserAlpha\n"
    block += f"role_arn = arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta\n{setting} = us-west-2\n"
    block += f"endpoint_url = {aws.endpoint_url}\n"
    before = "[profile other]\nregion = us-west-2"
    aws.config_file.write_text(f"{aws.config_file.read_text()}\n{before}{block}")
    error = shell.refused("%aws_profile etl --region us-west-2")
    number = int(re.findall(r"(?:line |config:)(\d+)", f"{error} {error.hint}")[0])
    lines = aws.config_file.read_text().split("\n")
    assert "[profile etl]" in lines[number - 1]
    assert "its own line" in f"{error} {error.hint}"
    lines[number - 1] = lines[number - 1].replace("[profile etl]", "\n[profile etl]")
    aws.config_file.write_text("\n".join(lines))
    shell.good("%aws_profile etl --region us-west-2")


def test_the_policys_variable_in_a_notebook(shell: Shell, aws: EmbeddedAws) -> None:
    """If a cell sets the variable for the organization's policy, a line says that it's too late."""
    shell.good("%aws_profile UserAlpha")
    text = shell.good("%env IPY_AWSPROFILE_POLICY=policy.toml").text
    assert "`IPY_AWSPROFILE_POLICY` was set in the notebook, so it has no effect." in text
    assert "no effect" not in shell.good("1").text
    shell.good("import os\ndel os.environ['IPY_AWSPROFILE_POLICY']")
