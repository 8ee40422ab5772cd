"""What was changed since a switch is named on the card, until the next switch."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

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
        "`AWS_PROFILE` was changed after the switch: subprocesses go by that",
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
        "`AWS_SHARED_CREDENTIALS_FILE` was changed after the switch",
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
        '`fsspec.config.conf["s3"]` has credentials of its own: `s3://` paths use them',
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes(
    aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Each change is named once, and the next switch to the same profile mends it."""
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


def test_a_library_that_comes_later(aws: EmbeddedAws) -> None:
    """Without the environment, s3fs that is imported after the switch follows with the next one."""
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
