"""Which thread or task can change the layers while a scope is open, and what AWS sees."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile.demo.stages.scenario import allow
from ipy_awsprofile.switch.using_profile import running_switcher, using_profile

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

IMPORTS = """
import asyncio, threading
from contextlib import ExitStack
import boto3
from ipy_awsprofile import open_session, using_profile
"""

BLOCK_IN_THREAD = """
begun, go = threading.Event(), threading.Event()
def job():
    with using_profile("RoleBeta"):
        begun.set()
        go.wait(60)
        boto3.client("s3").list_buckets()
thread = threading.Thread(target=job)
thread.start()
begun.wait(60)
"""

BLOCK_IN_TASK = """
go = asyncio.Event()
async def job():
    with using_profile("RoleBeta"):
        await go.wait()
        boto3.client("s3").list_buckets()
task = asyncio.create_task(job())
await asyncio.sleep(0)
"""

BLOCKS = {
    "thread": (BLOCK_IN_THREAD, "go.set()\nthread.join()"),
    "task": (BLOCK_IN_TASK, "go.set()\nawait task"),
}

CALL = "boto3.client('s3').list_buckets() and None"


def signers(aws: EmbeddedAws) -> list[str]:
    """Return the names of the users and roles that have listed buckets since the last time."""
    arns = [call.arn or "" for call in aws.calls if call.action == "s3:ListAllMyBuckets"]
    aws.calls.clear()
    return [arn.split("/")[1] for arn in arns]


@pytest.fixture
def users(aws: EmbeddedAws) -> None:
    """Create the users Own and Other, with profiles of the same names."""
    for name in ("Own", "Other"):
        user = aws.create_user(name, account="333333333333", policy=allow("s3:*"))
        keys = {
            "aws_access_key_id": user.access_key_id,
            "aws_secret_access_key": user.secret_access_key,
        }
        aws.write_profile(name, region="us-west-2")
        aws.write_profile(name, file="credentials", **keys)


@pytest.fixture
def notebook(shell: Shell, users: None) -> Shell:
    """Return a shell that has switched to Own."""
    shell.good(IMPORTS)
    shell.good("%aws_profile Own")
    return shell


@pytest.mark.parametrize(("begin", "end"), BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("line", ["%aws_profile Other", "%aws_profile --off"])
def test_switch_during_a_block_elsewhere(
    notebook: Shell, aws: EmbeddedAws, line: str, begin: str, end: str
) -> None:
    """A switch waits, as its hint says, until the block of another thread or task has ended."""
    notebook.good(begin)
    assert "Wait until its block has ended." in notebook.refused(line).hint
    notebook.good(end)
    assert signers(aws) == ["RoleBeta"]
    notebook.good(CALL)
    assert signers(aws) == ["Own"]
    notebook.good(line)
    active = running_switcher().session
    assert (active and active.profile_name) == ("Other" if "Other" in line else None)


def test_sign_out_during_a_block_elsewhere(notebook: Shell, aws: EmbeddedAws) -> None:
    """``--logout`` is refused, too, because it would leave identities."""
    notebook.good(BLOCK_IN_THREAD)
    assert "Another thread or task" in str(notebook.refused("%aws_profile --logout"))
    notebook.good("go.set()\nthread.join()")
    assert signers(aws) == ["RoleBeta"]


def test_switch_during_a_session_elsewhere(notebook: Shell, aws: EmbeddedAws) -> None:
    """The hint's `open_session` gives a thread an identity that a switch doesn't change."""
    notebook.good(
        BLOCK_IN_THREAD.replace("with using_profile", "for session in [open_session")
        .replace("):\n        begun", ")]:\n        begun")
        .replace("boto3.client", "session.client")
    )
    notebook.good("%aws_profile Other")
    notebook.good("go.set()\nthread.join()")
    assert signers(aws) == ["RoleBeta"]


ENDED = {
    "thread": (
        "thread = threading.Thread(target=stack.enter_context, args=[using_profile('RoleBeta')])\n"
        "thread.start()\nthread.join()"
    ),
    "task": "stack.enter_context(using_profile('RoleBeta'))\nawait asyncio.sleep(0)",
}


@pytest.mark.parametrize("begin", ENDED.values(), ids=ENDED)
def test_switch_after_the_end_of_a_thread(notebook: Shell, aws: EmbeddedAws, begin: str) -> None:
    """A thread or task that has ended without ending its block doesn't prevent a switch."""
    notebook.good(f"stack = ExitStack()\n{begin}")
    notebook.good(f"%aws_profile Other\n{CALL}")
    notebook.good(f"stack.close()\n{CALL}")
    assert signers(aws) == ["Other", "Own"]


def test_switch_during_a_generators_block(notebook: Shell, aws: EmbeddedAws) -> None:
    """In the same thread, a switch lasts until the block ends, even if a generator is in it."""
    notebook.good(
        "def rows():\n    with using_profile('RoleBeta'):\n        while True:\n"
        f"            yield {CALL}\nrows = rows()\nnext(rows)"
    )
    notebook.good(f"%aws_profile Other\n{CALL}\nnext(rows)\nrows.close()\n{CALL}")
    assert signers(aws) == ["RoleBeta", "Other", "Other", "Own"]


def test_task_in_a_block(aws: EmbeddedAws, users: None) -> None:
    """A task in an event loop that a block runs can be in another block."""

    async def inner() -> None:
        with using_profile("Own"):
            boto3.client("s3").list_buckets()

    with using_profile("RoleBeta"):
        asyncio.run(inner())
        boto3.client("s3").list_buckets()
    assert signers(aws) == ["Own", "RoleBeta"]
    assert running_switcher().session is None


def test_only_the_session_in_a_block(notebook: Shell, aws: EmbeddedAws) -> None:
    """A block with ``--only-session`` lets new clients of the rest sign without a warning."""
    lines = [
        "%%aws_profile RoleBeta --only-session",
        "%%aws_profile RoleBeta --only-session --read-only",
        "%aws_profile RoleBeta --only-session",
    ]
    for line in lines:
        ran = notebook.good(f"{line}\n{CALL}")
        assert "from before" not in ran.text
        assert signers(aws) == ["Own"]
    notebook.good("with using_profile('RoleBeta', only_session=True) as session:\n    " + CALL)
    assert signers(aws) == ["Own"]
