"""The card lists what code has changed since a switch, until the next switch."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.roles import add_role

if TYPE_CHECKING:
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
