"""A block has another identity, and its end restores the state from before it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import boto3
import pytest

from ipy_awsprofile import across_profiles
from ipy_awsprofile.demo.stages import add_role
from ipy_awsprofile.errors import InvalidOption, NotForOneProfile
from ipy_awsprofile.switch.using_profile import Block, running_switcher, using_profile
from tests.aws import EmbeddedAws
from tests.shells import Shell

IMPORTS = """
import asyncio, threading
from contextlib import ExitStack
import boto3, os
from ipy_awsprofile import open_session, using_profile
def who(): return boto3.client("sts").get_caller_identity()["Arn"].split("/")[1]
"""


def who(session: Any = boto3) -> str:
    """Return the name of the user or role that STS reports."""
    return str(session.client("sts").get_caller_identity()["Arn"].split("/")[1])


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws) -> Shell:
    """Return a notebook that has switched to RoleGamma."""
    add_role(aws, "RoleGamma", "s3:*")
    shell.good(f"{IMPORTS}\n%aws_profile RoleGamma")
    return shell


# A script without IPython ---


def test_in_a_script(aws: EmbeddedAws) -> None:
    """Nested blocks, even of one object, restore the former state, even after an error."""
    before, block = dict(os.environ), using_profile("RoleBeta")
    with using_profile("UserAlpha"):
        with block as outer:
            with suppress(ZeroDivisionError), block as inner:
                assert inner is not outer
                1 / 0  # noqa: B018
            assert who() == "RoleBeta"
        assert who() == "UserAlpha"
    assert dict(os.environ) == before
    assert boto3.DEFAULT_SESSION is None


# Functions ---


async def coroutine() -> str:
    """Return the caller, as an async function."""
    return who()


def generator() -> Any:
    """Yield the caller."""
    yield who()


@pytest.mark.parametrize(
    ("function", "code"),
    [(coroutine, "with using_profile(NAME):"), (generator, "session = open_session(NAME)")],
)
def test_decorated_later_body(function: Callable[[], Any], code: str) -> None:
    """A function whose body runs after the call can't be decorated."""
    with pytest.raises(InvalidOption) as refused:
        using_profile("RoleBeta")(function)
    assert refused.value.hint == f"Use `{code}` in the function's body."


def test_decorated_before_a_reload(notebook: Shell) -> None:
    """A decorated function works even after the extension was reloaded or unloaded."""
    notebook.good("@using_profile('RoleBeta')\ndef decorated(): return who()")
    for command in ("%reload_ext", "%unload_ext"):
        assert notebook.good(f"{command} ipy_awsprofile\ndecorated()").result == "RoleBeta"
        assert "AWS_PROFILE" not in os.environ


# What the user does in a block ---


def test_the_users_changes_stay(notebook: Shell) -> None:
    """What the user changes in a block stays after it, and everything else is restored."""
    outside = dict(os.environ)
    notebook.good(
        "import os\nwith using_profile('RoleBeta'):\n"
        "    session = 'mine'\n    os.environ.update(AWS_REGION='eu-north-1', OTHER='mine')"
    )
    assert dict(os.environ) == outside | {"AWS_REGION": "eu-north-1", "OTHER": "mine"}
    assert notebook.names["session"] == "mine"
    assert notebook.good("who()").result == "RoleGamma"
    notebook.good("%aws_profile --off")
    assert notebook.names["session"] == os.environ["OTHER"] == "mine"
    assert os.environ["AWS_REGION"] == "eu-north-1"


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_generator_that_is_dropped(notebook: Shell, kind: str) -> None:
    """A block in code that doesn't go on ends without undoing a later switch."""
    notebook.good(
        f"{kind} f():\n    with using_profile('RoleBeta'):\n        "
        + ("yield" if kind == "def" else "await asyncio.sleep(0)")
    )
    for line, name in (("UserAlpha", "UserAlpha"), ("--off", "")):
        notebook.good("kept = f(); kept.send(None)")
        assert notebook.good("who()").result == "RoleBeta"
        notebook.good(f"%aws_profile {line}\ndel kept")
        assert os.environ.get("AWS_PROFILE", "") == name
        assert notebook.good("%aws_profile").text.startswith(name or "No profile is active")
    notebook.good("%aws_profile RoleGamma\nkept = f(); kept.send(None); del kept")
    assert notebook.good("who()").result == "RoleGamma"


def test_keys_from_before_a_block(notebook: Shell) -> None:
    """A block restores keys that the user, or moto's `mock_aws`, has set after the switch."""
    notebook.good("import os\nfrom moto import mock_aws")
    mine = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "mine")
    notebook.names["mine"] = mine
    notebook.good("os.environ.update(mine)\nwith using_profile('RoleBeta'): pass")
    assert os.environ.items() >= mine.items()
    notebook.good("for name in mine: del os.environ[name]")
    mock = "mock_aws(config={'core': {'reset_boto3_session': False}})"
    notebook.good(f"with {mock}:\n    with using_profile('RoleBeta'): pass")
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    assert notebook.good("who()").result == "RoleGamma"


def test_ctrl_c_at_each_line_of_the_beginning(notebook: Shell) -> None:
    """After Ctrl-C at any line of a block's beginning, the former identity is active."""
    module, tracer, seen = Block.__enter__.__code__.co_filename, sys.gettrace(), set[int]()
    is_over = False

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal is_over
        is_ours = frame.f_code.co_filename == module and not is_over
        if is_ours and event == "line" and frame.f_lineno not in seen:
            is_over = True
            seen.add(frame.f_lineno)
            raise KeyboardInterrupt
        return trace if is_ours else None

    has_begun = False
    while not has_begun:
        is_over = False
        sys.settrace(trace)
        try:
            with suppress(KeyboardInterrupt), using_profile("RoleBeta"):
                has_begun = is_over = True
        finally:
            sys.settrace(tracer)
        assert os.environ["AWS_PROFILE"] == "RoleGamma", max(seen)
    assert len(seen) > 5


def test_ctrl_c_in_the_middle(notebook: Shell) -> None:
    """Ctrl-C in the middle of a change, even twice, takes effect when the change is complete."""
    notebook.good(
        "import fsspec, signal\n"
        "class Filesystem(fsspec.AbstractFileSystem):\n"
        "    @classmethod\n"
        "    def clear_instance_cache(cls): signal.raise_signal(signal.SIGINT)\n"
    )
    for change in ("%aws_profile RoleBeta", "with using_profile('UserAlpha'): pass"):
        assert notebook.run(change).error
        assert notebook.good("who()").result == os.environ["AWS_PROFILE"] == "RoleBeta"
    notebook.good("Filesystem.clear_instance_cache = lambda: None")


# Other threads and tasks ---

IN_THREAD = """
begun, go = threading.Event(), threading.Event()
def job():
    global seen
    with using_profile("RoleBeta"):
        begun.set()
        go.wait(60)
        seen = who()
thread = threading.Thread(target=job)
thread.start()
begun.wait(60)
"""

IN_TASK = """
go = asyncio.Event()
async def job():
    global seen
    with using_profile("RoleBeta"):
        await go.wait()
        seen = who()
task = asyncio.create_task(job())
await asyncio.sleep(0)
"""

ELSEWHERE = {
    "thread": (IN_THREAD, "go.set()\nthread.join()"),
    "task": (IN_TASK, "go.set()\nawait task"),
}

CHANGES = [
    "%aws_profile UserAlpha",
    "%aws_profile --off",
    "%aws_profile --logout",
    "%%aws_profile UserAlpha\n1",
    "with using_profile('UserAlpha'): pass",
    "from ipy_awsprofile import across_profiles; across_profiles('User*', lambda _: 1)",
]


@pytest.mark.parametrize(("begin", "end"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_during_a_block_elsewhere(notebook: Shell, begin: str, end: str) -> None:
    """Switches wait, as the hint says, until the block of another thread or task has ended."""
    notebook.good(begin)
    for change in CHANGES:
        hint = getattr(notebook.run(change).error, "hint", "")
        assert "Wait until that block has ended." in hint
        assert "`open_session(NAME)`" in hint
    notebook.good(end)
    assert notebook.names["seen"] == "RoleBeta"
    assert notebook.good("who()").result == "RoleGamma"
    assert notebook.good("%aws_profile UserAlpha\nwho()").result == "UserAlpha"


ENDED = {
    "thread": (
        "thread = threading.Thread(target=stack.enter_context, args=[using_profile('RoleBeta')])\n"
        "thread.start()\nthread.join()"
    ),
    "task": "stack.enter_context(using_profile('RoleBeta'))\nawait asyncio.sleep(0)",
}


@pytest.mark.parametrize("begin", ENDED.values(), ids=ENDED)
def test_after_the_end_of_a_thread(notebook: Shell, begin: str) -> None:
    """A thread or task that has ended without ending its block doesn't prevent a switch."""
    notebook.good(f"stack = ExitStack()\n{begin}")
    assert notebook.good("%aws_profile UserAlpha\nwho()").result == "UserAlpha"
    assert notebook.good("stack.close()\nwho()").result == "RoleGamma"


def test_in_a_run(notebook: Shell) -> None:
    """A function of a run and the other threads can't switch until the run has ended."""

    def switches(_session: boto3.Session) -> list[str]:
        def enter() -> None:
            with using_profile("UserAlpha"):
                raise AssertionError

        def begin_another_run() -> None:
            across_profiles("UserAlpha", lambda _: 1, progress=False)

        said = []
        with ThreadPoolExecutor(1) as pool:
            for act in (enter, running_switcher().off, begin_another_run):
                for call in (act, lambda act=act: pool.submit(act).result()):
                    with pytest.raises(NotForOneProfile) as refused:
                        call()
                    said.append(str(refused.value))
        return said

    frame = across_profiles("RoleBeta", switches, progress=False)
    assert "works with the identity of the whole notebook" in frame["value"][0]
    assert notebook.good("who()").result == "RoleGamma"


SUSPENDED = """
def suspended(name):
    with using_profile(name):
        yield
kept = suspended('RoleBeta')
next(kept)
"""


ROWS = """
def rows():
    with using_profile("UserAlpha", region="eu-west-1") as session:
        for _ in range(2):
            yield session.client("sts").get_caller_identity()["Arn"].split("/")[1]
"""
STATEMENT = 'with using_profile("UserAlpha", region="eu-west-1") as session'


@pytest.mark.parametrize("line", ["%aws_profile RoleBeta --read-only", ""])
@pytest.mark.parametrize("use", ["first = next(found)", "for first in found:\n    break"])
def test_a_generators_block_says_that_it_applies_to_the_cell(
    notebook: Shell, use: str, line: str
) -> None:
    """A line says that a generator's block applies to the kernel, and its hint mends it."""
    told = notebook.good(f"{line}\n{ROWS}\nfound = rows()\n{use}").text
    assert "`rows` is a generator, so its block applies to the whole kernel until" in told
    assert "still open" not in told
    before, code = (
        "replace the `with` statement with `",
        r"open_session('UserAlpha', region='eu-west-1')",
    )
    assert f"{before}session = {code}`" in told
    mended = ROWS.replace(STATEMENT, f"session = {code}\n    if True")
    notebook.good("found.close()")
    assert not notebook.good(f"{mended}\nfound = rows()\n{use}").text.strip()
    assert notebook.names["first"] == "UserAlpha"
    assert notebook.good("who()").result == ("RoleBeta" if line else "RoleGamma")


def test_a_generator_that_contextlib_suspends(notebook: Shell) -> None:
    """A function with `contextmanager` uses a block without a warning."""
    notebook.good("from contextlib import contextmanager")
    notebook.good(
        "@contextmanager\ndef alpha():\n    with using_profile('UserAlpha'):\n        yield"
    )
    assert not notebook.good("with alpha():\n    inside = who()").text.strip()
    assert notebook.names["inside"] == "UserAlpha"


def test_a_block_that_is_open_after_the_cell(notebook: Shell) -> None:
    """A block that the cell leaves open is mentioned once, with the command that ends it."""
    told = notebook.good("block = using_profile('UserAlpha'); block.__enter__()").text
    assert "is still open, so the next cells also use `UserAlpha`." in told
    assert not notebook.good("block").text.strip().startswith("A block")
    assert notebook.good("who()").result == "UserAlpha"
    assert "run `%aws_profile --off`" in told
    notebook.good("%aws_profile --off")
    assert notebook.good("%aws_profile").text.startswith("No profile is active")


def test_a_block_in_a_thread_after_the_cell(notebook: Shell) -> None:
    """A line says that the next cells use the identity of a thread's block."""
    notebook.good("begun, done = threading.Event(), threading.Event()")
    notebook.good(
        "def job():\n    with using_profile('UserAlpha'):\n        begun.set(); done.wait(30)\n"
    )
    told = notebook.good("thread = threading.Thread(target=job)\nthread.start()\nbegun.wait(30)")
    assert "the next cells also use `UserAlpha`. In threads and tasks, use" in told.text
    assert "still open" not in notebook.good("done.set(); thread.join()").text
    assert notebook.good("who()").result == "RoleGamma"


THREAD = """
import threading, boto3
begun, ended = threading.Event(), threading.Event()
seen = []
def work():
    session = {}
    begun.set(); ended.wait(30)
    try:
        session.client('s3').put_object(Bucket='my-first-bucket', Key='a', Body=b'')
        seen.append('written')
    except Exception as error:
        seen.append(str(error))
thread = threading.Thread(target=work, name='sync')
"""


LIMITED = "using_profile('RoleBeta', read_only=True)"


@pytest.mark.parametrize(
    "cell",
    [
        f"{{thread}}\nwith {LIMITED}:\n    thread.start(); begun.wait(30)",
        f"{{thread}}\n@{LIMITED}\ndef start():\n    thread.start(); begun.wait(30)\nstart()",
        "%%aws_profile RoleBeta --read-only --quiet\n{thread}\nthread.start(); begun.wait(30);",
        "%run thread.py",
    ],
)
def test_a_thread_that_outlives_a_block(
    notebook: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    """A line names the identity of the thread, and code with which the thread keeps the limit."""
    monkeypatch.chdir(tmp_path)
    imports = "from ipy_awsprofile import open_session, using_profile"
    with_block = f"with {LIMITED}:\n    thread.start(); begun.wait(30)"

    def told(session: str) -> str:
        thread = THREAD.format(session)
        Path("thread.py").write_text(f"{imports}\n{thread}\n{with_block}")
        return notebook.good(cell.format(thread=thread)).text

    text = told("boto3")
    assert "The thread `sync` is still running. Its new clients now use `RoleGamma`" in text
    assert notebook.good("ended.set(); thread.join(); seen").result == ["written"]
    (code,) = re.findall(r"`(open_session\(.*?\))`", text)
    told(code)
    (refused,) = notebook.good("ended.set(); thread.join(); seen").result
    assert "no session policy allows" in refused


def test_a_thread_that_ends_in_a_block(notebook: Shell) -> None:
    """Threads from before the block, and threads that end in the block, get no line."""
    notebook.good(THREAD.format("boto3"))
    notebook.good("thread.start(); begun.wait(30)")
    block = "with using_profile('RoleBeta', read_only=True):\n    {}"
    assert "The thread" not in notebook.good(block.format("pass")).text
    notebook.good("ended.set(); thread.join()")
    notebook.good("other = threading.Thread(target=work)")
    assert "The thread" not in notebook.good(block.format("other.start(); other.join()")).text


@pytest.mark.parametrize("then", ["", "%aws_profile UserAlpha", "%aws_profile RoleBeta"])
@pytest.mark.parametrize("end", ["%aws_profile --off", "%reload_ext ipy_awsprofile"])
def test_a_generator_after_the_end_of_its_block(notebook: Shell, end: str, then: str) -> None:
    """`--off` and a reload end a generator's block for good: its end brings nothing back."""
    notebook.good(SUSPENDED)
    assert notebook.good("who()").result == "RoleBeta"
    notebook.good(f"{end}\n{then}\nmine = boto3.client('sts')")
    before = dict(os.environ), boto3.DEFAULT_SESSION, notebook.good("%aws_profile").text
    notebook.good("list(kept)")
    assert (dict(os.environ), boto3.DEFAULT_SESSION) == before[:2]
    assert notebook.good("%aws_profile").text == before[2]
    assert "signs" not in notebook.run("mine.get_caller_identity()").text


def test_off_in_a_block(notebook: Shell) -> None:
    """`--off` in a block ends it and the notebook's switch, so that nothing comes back."""
    block = "with using_profile('RoleBeta'):\n    %aws_profile --off\n"
    notebook.good(f"{block}    inside = dict(os.environ)")
    assert dict(os.environ) == notebook.names["inside"]
    assert "AWS_PROFILE" not in os.environ
    assert notebook.good("%aws_profile").text.startswith("No profile is active")
    notebook.good(f"{block}    %aws_profile UserAlpha")
    assert notebook.good("who()").result == "UserAlpha"


@pytest.mark.parametrize("line", ["RoleGamma", "--refresh"])
def test_a_reload_after_a_dropped_block(notebook: Shell, line: str) -> None:
    """A reload ends the switch that a dropped block has left to the notebook."""
    notebook.good("%reload_ext ipy_awsprofile")
    notebook.good(f"{SUSPENDED}\n%aws_profile {line}\ndel kept\n%reload_ext ipy_awsprofile")
    assert notebook.good("%aws_profile").text.startswith("No profile is active")
    assert "AWS_PROFILE" not in os.environ
