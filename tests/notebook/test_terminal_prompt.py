"""The active profile in the input prompt of a real terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.terminal.prompts import Token

from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.notebook.terminal_prompt import LONGEST, add_profile_to_prompt
from ipy_awsprofile.switch.switcher import Switcher
from tests.shells import Shell, without_colours

if TYPE_CHECKING:
    from pathlib import Path

    import pexpect

    from ipy_awsprofile.demo.aws import EmbeddedAws

ROLE = "arn:aws:iam::123456789012:role/RoleBeta"


@pytest.mark.slow
def test_in_ipython(ipython: pexpect.spawn[str]) -> None:
    """The prompt begins with the active profile while the setting and the switch are in effect."""

    def run(cell: str, expected: str) -> str:
        ipython.send(cell + "\r")
        ipython.expect(expected)
        return str(ipython.before) + str(ipython.after)

    ipython.expect("In ")
    assert "RoleBeta In" not in without_colours(run("%aws_profile RoleBeta", r"In .*\[.*2"))
    run("%config AwsProfileMagics.prompt = True", r"RoleBeta .*In ")
    run("%config AwsProfileMagics.protected = ['*Beta']", r"\x1b\[0;[39]1[;\d]*mRoleBeta .*In ")
    run("%aws_profile UserAlpha", "UserAlpha .*In ")
    run("%config AwsProfileMagics.prompt = False", r"In .*\[.*6")
    run("%config AwsProfileMagics.prompt = True", "UserAlpha .*In ")
    run("%aws_profile --off", "switch is undone")
    assert "UserAlpha" not in run("1", r"In .*\[.*9")


def test_prompts_of_the_user(aws: EmbeddedAws, tmp_path: Path) -> None:
    """The shell's own prompts stay the same after the profile, and a long name is shortened."""
    with Shell.opened(tmp_path / "ipython", TerminalInteractiveShell) as opened:
        shell = opened.ip
        switcher, before = Switcher(None), shell.prompts
        name = "x" * 90
        aws.write_profile(name, source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
        end = add_profile_to_prompt(shell, switcher)
        assert shell.prompts.in_prompt_tokens() == before.in_prompt_tokens()
        switcher.switch(SwitchRequest(profile=name))
        (token, shown), *others = shell.prompts.in_prompt_tokens()
        assert (token, shown == f"{name[:LONGEST]}… ") == (Token.Prompt, True)
        assert others == before.in_prompt_tokens()
        assert shell.prompts.out_prompt_tokens() == before.out_prompt_tokens()
        assert shell.prompts.rewrite_prompt_tokens() == before.rewrite_prompt_tokens()
        switcher.protection.protected = ("x*",)
        assert shell.prompts.in_prompt_tokens()[0][0] is Token.OutPromptNum
        end()
        assert shell.prompts is before
        switcher.off()
