"""A script has one Switcher, so children of a block get credentials until the script ends."""

from __future__ import annotations

import asyncio
import gc
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile import open_session
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.switch.using_profile import running_switcher, using_profile
from tests.shells import run_python

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

CHILD = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"


@pytest.mark.slow
def test_a_child_outlives_its_block(aws: EmbeddedAws) -> None:
    """A child process with a block's environment gets credentials even after the block."""
    with using_profile("RoleBeta", session_name="child", read_only=True):
        environment = dict(os.environ)
    gc.collect()
    code = f"import os; os.environ.update({environment!r})\n{CHILD}"
    assert run_python(code).endswith("assumed-role/RoleBeta/child\n")


def test_blocks_in_blocks(aws: EmbeddedAws) -> None:
    """Nested blocks share one Switcher, and each restores the previous session."""
    with using_profile("RoleBeta") as outer:
        with using_profile("UserAlpha") as inner:
            assert running_switcher().session is inner
        assert running_switcher().session is outer
    assert running_switcher().session is None


def account_of(session: boto3.Session) -> str:
    """Return the account that STS reports for a session."""
    return str(session.client("sts").get_caller_identity()["Account"])


def test_threads_do_not_share_a_block(aws: EmbeddedAws) -> None:
    """A thread can't enter a block while another thread is in one, but can open a session."""

    def in_a_block() -> str:
        with using_profile("UserAlpha") as session:
            return account_of(session)

    with ThreadPoolExecutor(1) as pool:
        with using_profile("RoleBeta"):
            with pytest.raises(AwsProfileError, match="Another thread or task") as refused:
                pool.submit(in_a_block).result()
            assert "`open_session(NAME)`" in refused.value.hint
            opened = pool.submit(lambda: account_of(open_session("UserAlpha"))).result()
            assert opened == USER_ACCOUNT
            assert account_of(boto3._get_default_session()) == ROLE_ACCOUNT
        assert pool.submit(in_a_block).result() == USER_ACCOUNT
    assert running_switcher().session is None


def test_tasks_do_not_share_a_block(aws: EmbeddedAws) -> None:
    """While an asyncio task is in a block, a second task is refused and the first continues."""

    async def in_a_block(name: str) -> str:
        with using_profile(name):
            await asyncio.sleep(0)
            return account_of(boto3._get_default_session())

    async def both() -> list[str | BaseException]:
        blocks = map(in_a_block, ("RoleBeta", "UserAlpha"))
        return await asyncio.gather(*blocks, return_exceptions=True)

    first, second = asyncio.run(both())
    assert first == ROLE_ACCOUNT
    assert isinstance(second, AwsProfileError)
    assert asyncio.run(in_a_block("UserAlpha")) == USER_ACCOUNT
