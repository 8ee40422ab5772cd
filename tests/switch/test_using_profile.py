"""A script has one Switcher, so what a block has lent lasts as long as the script."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

from ipy_awsprofile.switch.using_profile import running_switcher, using_profile
from tests.shells import run_python

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

CHILD = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"


def test_a_child_outlives_its_block(aws: EmbeddedAws) -> None:
    """A child process that was started in a block gets credentials after the block, too."""
    with using_profile("RoleBeta", session_name="child", read_only=True):
        environment = dict(os.environ)
    gc.collect()
    code = f"import os; os.environ.update({environment!r})\n{CHILD}"
    assert run_python(code).endswith("assumed-role/RoleBeta/child\n")


def test_blocks_in_blocks(aws: EmbeddedAws) -> None:
    """All blocks of a script share a Switcher, and a forked child has another one."""
    with using_profile("RoleBeta") as outer:
        with using_profile("UserAlpha") as inner:
            assert running_switcher().session is inner
        assert running_switcher().session is outer
    assert running_switcher().session is None
