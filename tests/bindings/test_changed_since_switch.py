"""The card lists what code has changed since a switch, until the next switch."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.roles import add_role
from tests.shells import run_python

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

CHANGES = {
    "default session": (
        "import boto3; boto3.setup_default_session(profile_name='UserAlpha')",
        "`boto3.DEFAULT_SESSION` was replaced after the switch",
    ),
    "no default session": (
        "import boto3; boto3.DEFAULT_SESSION = None",
        "`boto3.DEFAULT_SESSION` was replaced after the switch",
    ),
    "another profile": (
        "import os; os.environ['AWS_PROFILE'] = 'UserAlpha'",
        "`AWS_PROFILE` was changed after the switch: child processes use that",
    ),
    "no profile": (
        "import os; del os.environ['AWS_PROFILE']",
        "`AWS_PROFILE` was removed after the switch",
    ),
    "keys": (
        "import os; os.environ['AWS_SESSION_TOKEN'] = 'x'",
        "`AWS_SESSION_TOKEN` was set after the switch",
    ),
    "credentials file": (
        "import os; os.environ['AWS_SHARED_CREDENTIALS_FILE'] = '/nowhere'",
        "`AWS_SHARED_CREDENTIALS_FILE` was changed after the switch: child processes and `s3://`",
    ),
    "Region": (
        "import os; os.environ['AWS_DEFAULT_REGION'] = 'eu-west-1'",
        "`AWS_DEFAULT_REGION` was changed after the switch: child processes and `s3://` paths use",
    ),
    "the environment from before": (
        "import os; os.environ.clear(); os.environ.update(before)",
        "`AWS_PROFILE` was put back after the switch",
    ),
    "fsspec's profile": (
        "import fsspec.config; fsspec.config.conf['s3'] = {'profile': 'UserAlpha'}",
        '`fsspec.config.conf["s3"]` was changed after the switch: `s3://` paths use it',
    ),
    "fsspec's keys": (
        "import fsspec.config; fsspec.config.conf['s3'] = {'key': 'k', 'secret': 's'}",
        '`fsspec.config.conf["s3"]` has its own credentials, which `s3://` paths use',
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes(
    aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The card names each change, and no longer names it after another switch to the profile."""
    import fsspec.config

    monkeypatch.setattr(fsspec.config, "conf", {})
    code, note = CHANGES[change]
    shell.names["before"] = dict(os.environ)
    shell.good("%aws_profile RoleBeta")
    assert "after the switch" not in shell.good("%aws_profile").text
    shell.good(code)
    assert note in shell.good("%aws_profile").text
    if change in ("fsspec's keys", "keys", "credentials file"):  # only the user can undo these
        shell.good("import os, fsspec.config; fsspec.config.conf.clear()")
        shell.good("os.environ.pop('AWS_SESSION_TOKEN', None)")
        file = "AWS_SHARED_CREDENTIALS_FILE"
        shell.good(f"os.environ[{file!r}] = before[{file!r}]")
    card = shell.good("%aws_profile RoleBeta").text
    assert note.split(":")[0] not in card
    shell.good("%aws_profile --off")


def test_another_config_file(aws: EmbeddedAws, shell: Shell) -> None:
    """If `AWS_CONFIG_FILE` changes, the card says that `s3://` paths use the other file."""
    add_role(aws, "RoleGamma", "s3:*")
    text = aws.config_file.read_text()
    other = aws.config_file.with_name("other")
    other.write_text(text.replace("role/RoleBeta", "role/RoleGamma"))
    shell.good("import os, s3fs\n%aws_profile RoleBeta")
    shell.good(f"os.environ['AWS_CONFIG_FILE'] = {str(other)!r}")
    aws.calls.clear()
    shell.good("s3fs.S3FileSystem(skip_instance_cache=True).ls('')")
    assert {"assumed-role/RoleGamma" in str(call.arn) for call in aws.calls[-1:]} == {True}
    note = (
        "`AWS_CONFIG_FILE` was changed after the switch: child processes and `s3://` paths use that"
    )
    assert note in " ".join(shell.good("%aws_profile").text.split())
    shell.good("%aws_profile --off")


def test_variables_without_a_default_profile(aws: EmbeddedAws, shell: Shell) -> None:
    """Without the filesystems binding, `s3://` paths use the variables, and the card says so."""
    shell.good("%config AwsProfileMagics.bindings = ['namespace', 'environment']")
    shell.good("import os\n%aws_profile RoleBeta\nos.environ['AWS_PROFILE'] = 'UserAlpha'")
    note = "`AWS_PROFILE` was changed after the switch: child processes and `s3://` paths use that"
    assert note in " ".join(shell.good("%aws_profile").text.split())


def child_role(aws: EmbeddedAws) -> str:
    """Return the name of the role or user that AWS sees when a child process calls STS."""
    aws.calls.clear()
    run_python("import boto3; boto3.client('sts').get_caller_identity()")
    return str(aws.calls[-1].arn).split("/")[1]


def test_the_environment_of_an_earlier_switch(aws: EmbeddedAws, shell: Shell) -> None:
    """The card says that an earlier switch's environment was put back, and `--off` undoes it."""
    before = dict(os.environ)
    put_back = "os.environ.clear(); os.environ.update(earlier)"
    shell.good("import os\n%aws_profile UserAlpha\nearlier = dict(os.environ)")
    shell.good(f"%aws_profile RoleBeta --read-only\n{put_back}")
    assert child_role(aws) == "UserAlpha"
    card = shell.good("%aws_profile").text
    assert "`AWS_PROFILE` was put back after the switch: child processes" in card
    assert "was put back" not in shell.good("%aws_profile RoleBeta --read-only").text
    assert child_role(aws) == "RoleBeta"
    shell.good(f"{put_back}\n%aws_profile --off")
    assert dict(os.environ) == before


@pytest.mark.parametrize("change", ["os.environ['HOME'] = other", "os.chdir(other)"])
def test_files_in_another_place(
    aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str
) -> None:
    """If HOME or the working directory leads to other files, the card names them."""
    add_role(aws, "RoleGamma", "s3:*")
    text, keys = aws.config_file.read_text(), aws.credentials_file.read_text()
    for name, config in {
        "own": text,
        "other": text.replace("role/RoleBeta", "role/RoleGamma"),
    }.items():
        folder = tmp_path / name / ".aws"
        folder.mkdir(parents=True)
        (folder / "config").write_text(config)
        (folder / "credentials").write_text(keys)
    place = "~/.aws" if "HOME" in change else ".aws"
    monkeypatch.setenv("HOME", str(tmp_path / "own"))
    monkeypatch.chdir(tmp_path / "own")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{place}/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{place}/credentials")
    shell.names["other"] = str(tmp_path / "other")
    shell.good("import os\n%aws_profile RoleBeta")
    assert child_role(aws) == "RoleBeta"
    assert "no longer used" not in shell.good("%aws_profile").text
    shell.good(change)
    assert child_role(aws) == "RoleGamma"
    card = " ".join(shell.good("%aws_profile").text.split())
    for name in ("config", "credentials"):
        assert f"`{tmp_path}/own/.aws/{name}` is no longer used" in card
        assert f"read `{tmp_path}/other/.aws/{name}`" in card
    assert "no longer used" not in shell.good("%aws_profile RoleBeta").text
    shell.good("%aws_profile --off")


@pytest.mark.slow
def test_a_library_that_comes_later(aws: EmbeddedAws) -> None:
    """If s3fs is imported after a switch, the card says that it follows with the next one."""
    code = (
        "from IPython.testing.globalipapp import start_ipython\n"
        "shell = start_ipython()\n"
        "run = lambda cell: shell.run_cell(cell).raise_error()\n"
        "run('%load_ext ipy_awsprofile')\n"
        "run(\"%config AwsProfileMagics.bindings = ['namespace', 'filesystems']\")\n"
        "run('%aws_profile RoleBeta')\n"
        "run('import s3fs')\n"
        "run('%aws_profile')\n"
        "run('%aws_profile RoleBeta')\n"
        "run('%aws_profile --off')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.count("`s3fs` was imported after the switch: it follows with the next") == 1
