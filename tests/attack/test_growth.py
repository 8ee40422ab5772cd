"""Repeated actions, which leave no objects, threads, files, hooks or processes behind.

Caches that a module keeps on purpose, such as the last versions of a file, are full before the test
counts.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from types import MethodType
from typing import TYPE_CHECKING

import pytest
from botocore.endpoint_provider import EndpointProvider
from stack_data.core import Source

from ipy_awsprofile import across_profiles, using_profile
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.picker.widget import ProfilePicker
from tests.attack.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def switch(shell: Shell, random: Random) -> None:
    """Switch to another identity, with or without a lent session, and sometimes run `--off`."""
    shell.good(f"%aws_profile {random.choice(['RoleBeta', 'UserAlpha', 'RoleBeta --read-only'])}")
    if random.random() < 0.2:
        shell.good("%aws_profile --off")


def refresh(shell: Shell, _random: Random) -> None:
    """Refresh a session that is lent to child processes."""
    if "--read-only" not in shell.names.setdefault("now", ""):
        shell.good("%aws_profile RoleBeta --read-only\nnow = '--read-only'")
    shell.good("%aws_profile --refresh")


def another(shell: Shell, random: Random) -> None:
    """Lend a new identity each time; a variable has its name, because IPython keeps each cell."""
    shell.names["name"] = f"n{random.randrange(10**9)}"
    shell.good("%aws_profile RoleBeta --session-name $name")


def fail(shell: Shell, random: Random) -> None:
    """Fail to switch."""
    with suppress(AwsProfileError):
        name = random.choice(["nobody", "RoleBeta --duration 1", "RoleBeta --expect-account 1"])
        shell.run(f"%aws_profile {name}")


def cell(shell: Shell, random: Random) -> None:
    """Use a different identity in a cell, which can fail."""
    shell.run(f"%%aws_profile RoleBeta --read-only\nvalue = 1/{random.randrange(2)}")


def script(shell: Shell, _random: Random) -> None:
    """Use a different identity in a block of a script, which has no shell."""
    type(shell.ip).clear_instance()
    try:
        with using_profile("RoleBeta", read_only=True):
            pass
    finally:
        for kind in type(shell.ip)._walk_mro():
            kind._instance = shell.ip


def pick(shell: Shell, _random: Random) -> None:
    """Open a picker, and close it."""
    picker = shell.names["picker"] = ProfilePicker()
    picker.on_switch(print)
    shell.good("%aws_profile RoleBeta")
    picker.close()


def across(_shell: Shell, _random: Random) -> None:
    """Call a function for many profiles."""
    across_profiles("*", lambda session: session.profile_name, progress=False, max_workers=2)


def retry(shell: Shell, _random: Random) -> None:
    """Retry a run's errors twice."""
    shell.good(
        "from ipy_awsprofile import across_profiles\n"
        "frame = across_profiles(['RoleBeta', 'Gone'], id, progress=False, max_workers=2)\n"
        "frame = frame.attrs['errors'].retry().attrs['errors'].retry()"
    )


def reload(shell: Shell, _random: Random) -> None:
    """Reload the extension while a session is lent."""
    shell.good("%aws_profile RoleBeta --read-only\n%reload_ext ipy_awsprofile")


#: The actions, and how often `make test` repeats each of them.
DONE: dict[Callable[[Shell, Random], None], int] = {
    switch: 40,
    refresh: 30,
    another: 30,
    fail: 30,
    cell: 30,
    script: 30,
    pick: 30,
    across: 25,
    retry: 25,
    reload: 25,
}


def is_child(status: Path) -> bool:
    """Return whether a process is a child of this one."""
    with suppress(OSError):
        return f"\nPPid:\t{os.getpid()}\n" in status.read_text()
    return False


def resources() -> Counter[str]:
    """Return the number of threads, descriptors, child processes and files of the kernel."""
    return Counter(
        threads=threading.active_count(),
        descriptors=len(os.listdir("/proc/self/fd")),
        children=sum(map(is_child, Path("/proc").glob("[0-9]*/status"))),
        files=sum(1 for _ in Path("~/.cache").expanduser().rglob("*")),
    )


def objects() -> Counter[str]:
    """Return the number of objects of each type, except those of the embedded AWS.

    botocore keeps its clients' last 100 endpoints, IPython's tracebacks keep each line that failed,
    and Coverage keeps a tracer for each past thread. A bound method counts as the object to which
    it is bound.
    """
    Source._class_local("__executing_cache", {}).clear()
    for method in vars(EndpointProvider).values():
        if hasattr(method, "cache_info"):
            method.cache_info.__self__.cache_clear()
    for _ in range(3):
        gc.collect()
    kinds = (type(one.__self__ if isinstance(one, MethodType) else one) for one in gc.get_objects())
    counted = Counter(f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
    others = ("moto.", "ipy_awsprofile.demo.", "coverage.", "socket.")  # descriptors are counted
    return Counter({name: n for name, n in counted.items() if not name.startswith(others)})


@pytest.mark.slow
@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize("do", DONE, ids=lambda do: do.__name__)
def test_nothing_grows(
    rounds: Rounds, shell: Shell, aws: EmbeddedAws, do: Callable[[Shell, Random], None]
) -> None:
    """Many repetitions leave no more objects and resources than a few."""
    for seed in range(70 if do is another else 10):  # the kernel lends 64 sessions
        do(shell, Random(seed))
    had, before = resources(), objects()
    times = 0
    for random in rounds(DONE[do]):
        do(shell, random)
        aws.calls.clear()
        times += 1
    gc.collect()
    do(shell, Random(0))  # the next switch drops unused sessions
    after = objects()
    most = 10 + times // 2  # for example, a thread of the embedded AWS may still be ending
    assert {name: count for name, count in (after - before).items() if count > most} == {}
    assert {name: count for name, count in (resources() - had).items() if count > 4} == {}
