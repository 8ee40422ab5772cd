"""A script has one Switcher, so children of a block get credentials until the script ends."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ipy_awsprofile import open_session
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.switch.using_profile import running_switcher, using_profile
from tests.shells import run_python

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

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


def test_one_block_inside_itself(aws: EmbeddedAws) -> None:
    """A block that is used again inside itself ends twice, and restores the state from before."""
    with using_profile("UserAlpha"):
        block = using_profile("RoleBeta")
        with block as outer:
            with block as inner:
                assert inner is not outer
            assert account_of(boto3._get_default_session()) == ROLE_ACCOUNT
        assert account_of(boto3._get_default_session()) == USER_ACCOUNT
    assert running_switcher().session is None


def test_one_block_in_two_threads(aws: EmbeddedAws) -> None:
    """A thread that can't enter a block that another thread is in doesn't end it."""
    block = using_profile("RoleBeta")
    with using_profile("UserAlpha"), ThreadPoolExecutor(1) as pool:
        with block:
            with pytest.raises(AwsProfileError, match="Another thread or task"):
                pool.submit(block.__enter__).result()
            assert account_of(boto3._get_default_session()) == ROLE_ACCOUNT
        assert account_of(boto3._get_default_session()) == USER_ACCOUNT


async def coroutine() -> str:
    """Return an account, as an async function."""
    return account_of(boto3._get_default_session())


def generator() -> Any:
    """Yield an account."""
    yield account_of(boto3._get_default_session())


async def asynchronous_generator() -> Any:
    """Yield an account, as an async function."""
    yield account_of(boto3._get_default_session())


@pytest.mark.parametrize("function", [coroutine, generator, asynchronous_generator])
def test_decorated_later_body(aws: EmbeddedAws, function: Callable[[], Any]) -> None:
    """A function whose body runs after the call can't be decorated. The hint's block works."""
    with pytest.raises(InvalidOption) as refused:
        using_profile("RoleBeta")(function)
    assert refused.value.hint == "Use `with using_profile(NAME):` in its body."

    async def with_block() -> str:
        with using_profile("RoleBeta"):
            return await coroutine()

    assert asyncio.run(with_block()) == ROLE_ACCOUNT


@pytest.mark.parametrize("line", ["%reload_ext ipy_awsprofile", "%unload_ext ipy_awsprofile"])
def test_decorated_before_a_reload(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """A decorated function works even after the extension was reloaded or unloaded."""
    shell.good(
        "import boto3\nfrom ipy_awsprofile import using_profile\n@using_profile('RoleBeta')\n"
        "def account(): return boto3.client('sts').get_caller_identity()['Account']"
    )
    assert shell.good(f"{line}\naccount()").result == ROLE_ACCOUNT
    assert running_switcher().session is None
