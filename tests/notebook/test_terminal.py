"""IPython in a real terminal: the list of profiles, and the identity in the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.errors import InvalidOption
from tests.processes import in_a_terminal, posix
from tests.shells import without_colours

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pexpect

    from tests.aws import EmbeddedAws
    from tests.shells import Shell


pytestmark = posix


@pytest.fixture
def ipython(aws: EmbeddedAws, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """Start IPython in a terminal, and load the extension."""
    options = ("--no-banner", "--no-confirm-exit", "--ext=ipy_awsprofile")
    with in_a_terminal("IPython", *options, IPYTHONDIR=str(tmp_path)) as started:
        yield started


def run(ipython: pexpect.spawn[str], cell: str, expected: str) -> str:
    """Type a line in the terminal, and return the text up to the expected one."""
    ipython.send(cell + "\r")
    ipython.expect(expected)
    return str(ipython.before) + str(ipython.after)


def test_pick(ipython: pexpect.spawn[str], aws: EmbeddedAws, auditor: str) -> None:
    """The list searches as the user types, and Enter switches as `%aws_profile NAME` does."""
    ipython.expect("In ")
    run(ipython, "%aws_profile --pick", "Profile:")
    ipython.send("\x03")
    ipython.expect("No profile is active")
    run(ipython, "%aws_profile --pick", "Profile:")
    run(ipython, "bet", "RoleBeta ← UserAlpha")
    run(ipython, "pick = lambda: get_ipython().run_line_magic('aws_profile', '--pick')", "In ")
    run(ipython, "import asyncio; await asyncio.sleep(0); pick()", "Profile:")
    run(ipython, "user", "user/UserAlpha")
    run(ipython, "%config AwsProfileMagics.protected = ['Auditor']", "In ")
    run(ipython, "%aws_profile --pick", "Profile:")
    run(ipython, "Auditor", "`Auditor` protects the profile")
    run(ipython, "%aws_profile Auditor --yes", "MFA code for .*: ")
    run(ipython, aws.iam.mfa_code(auditor), r"Auditor ← AuditorUser  \(protected, ")


def test_without_a_terminal(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a terminal, the magic raises an error that says what to run, and doesn't wait."""
    error = shell.refused("%aws_profile --pick")
    assert error.hint == "Run `%aws_profile NAME`. `%aws_profiles` lists the names."
    assert isinstance(shell.refused("%aws_profile --pick RoleBeta"), InvalidOption)


def test_prompt(ipython: pexpect.spawn[str]) -> None:
    """The prompt begins with the active profile while the setting and the switch are in effect."""
    ipython.expect("In ")
    assert "RoleBeta In" not in without_colours(
        run(ipython, "%aws_profile RoleBeta", r"In .*\[.*2")
    )
    run(ipython, "%config AwsProfileMagics.prompt = True", r"RoleBeta .*In ")
    protected = "%config AwsProfileMagics.protected = ['*Beta']"
    run(ipython, protected, r"\x1b\[0;[39]1[;\d]*mRoleBeta .*In ")
    run(ipython, "%aws_profile UserAlpha", "UserAlpha .*In ")
    run(ipython, "%config AwsProfileMagics.prompt = False", r"In .*\[.*6")
    run(ipython, "%config AwsProfileMagics.prompt = True", "UserAlpha .*In ")
    run(ipython, "%aws_profile --off", "switch is undone")
    assert "UserAlpha" not in run(ipython, "1", r"In .*\[.*9")
    # A setting in a config file is there when the extension is loaded.
    run(ipython, "%reload_ext ipy_awsprofile", r"In .*\[.*10")
    run(ipython, "%aws_profile UserAlpha", r"In .*\[.*11")
    assert "UserAlpha" in run(ipython, "1", r"In .*\[.*12")
