"""Child processes from before a switch: worker processes, a cluster, a JVM, a server.

A child keeps the environment, and a worker the clients, of the time when it was started. joblib's
idle workers are ended, since joblib starts new ones by itself; others are named on the card.

https://docs.python.org/3/library/multiprocessing.html
https://psutil.readthedocs.io/en/latest/#psutil.Process.children
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.environment import CREDENTIAL_VARIABLES
from ipy_awsprofile.config.user_environment import named_profile, set_by_switch

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.owners import Owner

#: Parts of a worker's or program's name, as they are named, and what ends and starts them again.
_KINDS = {
    "ForkServer": "`pool.terminate(); pool.join()` (of an executor, `pool.shutdown()`) and "
    "`%aws_profile --refresh`, then create the pool again",
    "PoolWorker": "`pool.terminate()`, then create the pool again",
    "Dask": "`client.restart()`, or close the cluster and create it again",
    "Loky": "`from joblib.externals.loky import get_reusable_executor; "
    "get_reusable_executor().shutdown()`, and joblib starts new ones",
    "Ray": "`ray.shutdown(); ray.init()`",
    # https://github.com/apache/spark/blob/master/python/pyspark/core/context.py
    "Spark": "`spark.stop()`, then end its JVM: `from pyspark import SparkContext; "
    "SparkContext._gateway.proc.stdin.close(); SparkContext._gateway = SparkContext._jvm = None`, "
    "and create the session again",
    "forked process": "end it, and start it again",
    "Process": "shut their executor down, for example by `pool.shutdown()`, and create it again",
}

_OTHERS = "stop it, and start it again"

#: Command lines of libraries' processes, and how they are named.
_LIBRARIES = {
    "Ray": re.compile(r"(^|/)(raylet|gcs_server)\b|/ray/"),
    "Spark": re.compile(r"org\.apache\.spark"),
}

#: Python's own helpers, which call nothing, and a debugger's.
_HELPERS = re.compile(r"\b(resource_tracker|semaphore_tracker|forkserver|debugpy)\b")

#: Programs that don't use AWS themselves; what they have started may.
_WITHOUT_AWS = re.compile(
    r"(ba|da|z|fi|k)?sh|cmd|powershell|pwsh|sudo|env|nohup|time|timeout|watch|xargs|make"
    r"|sleep|cat|tail|tee|less|more|top|htop|ps|vi|vim|nano|gdb|lldb|strace|py-spy|git|ssh|ssh-agent"
    r"|xdg-open|open|firefox.*|chrom.*|.*browser.*",
)

_Id = tuple[int, float | None]


class ChildProcesses:
    """The processes below the kernel, with the identity under which each was noticed."""

    def __init__(self) -> None:
        self._owners: dict[_Id, Owner | None] = {}

    def note(self, owner: Owner | None) -> None:
        """Note whose the processes are that were started since the last time."""
        alive = _alive()
        self._owners = {one.id: self._owner(one, alive, owner) for one in alive.values()}

    def _owner(self, one: _Process, alive: _Alive, new: Owner | None) -> Owner | None:
        """Return the owner of a process: its parent's, or ``new`` for a child of the kernel."""
        parent = alive.get(one.parent)
        noted = one if one.id in self._owners or parent is None else parent
        return self._owners.get(noted.id, new)

    def from_before(self) -> Iterator[tuple[str, Owner | None, int]]:
        """Yield the kind of each process from before the last switch, its owner and their number.

        What such a process has started counts with it.
        """
        alive = _alive()
        named: dict[int, tuple[str, Owner | None]] = {}
        numbers: Counter[int] = Counter()
        tops: dict[int, int] = {}
        for pid, one in alive.items():  # a process comes after its parent
            top = tops.get(one.parent, pid)
            parent = alive.get(one.parent)
            is_noted = one.id in self._owners or (parent and parent.id in self._owners)
            if top == pid and is_noted:
                owner = self._owner(one, alive, None)
                if kind := one.kind(is_lent=owner is not None):
                    named[pid] = kind, owner
            if top in named:
                tops[pid] = top
                numbers[top] += 1
        for pid, (kind, owner) in named.items():
            yield kind, owner, numbers[pid]


def how_to_end(kind: str) -> str:
    """Return how processes of a kind are ended and started again."""
    return next((how for name, how in _KINDS.items() if name in kind), _OTHERS)


@dataclass(frozen=True, slots=True)
class _Process:
    """A process; ``worker`` is its name if Python's `multiprocessing` started it.

    ``id`` has the time of its start, as the system gives the number of an ended process away.
    """

    id: _Id
    parent: int
    worker: str | None
    process: Any = None

    def kind(self, *, is_lent: bool) -> str:
        """Return how the process is named, such as ``SpawnPoolWorker`` or ``mlflow``.

        It is empty for a process that doesn't use the kernel's former credentials, as far as its
        command and its environment tell. ``is_lent`` says whether a switch was active at its start.
        """
        if self.worker is not None:
            return re.sub(r"[-:]\d+", "", self.worker)
        import psutil

        try:
            command = self.process.cmdline()  # empty after the process has ended
            text = " ".join(command)
            if not command or _HELPERS.search(text):
                return ""
            if command == psutil.Process().cmdline():
                return "forked process"
            name = _program(command)
            if _WITHOUT_AWS.fullmatch(name) or not _has_credentials(
                self.process.environ(), is_lent=is_lent
            ):
                return ""
        except (psutil.Error, OSError):
            return ""
        return next((kind for kind, library in _LIBRARIES.items() if library.search(text)), name)


_Alive = dict[int, _Process]


def _alive() -> _Alive:
    """Return the processes below the kernel by their number, each after its parent.

    Without psutil, which ipykernel installs, return only the workers of `multiprocessing`.
    """
    if "psutil" not in sys.modules and not _may_have_children():
        return {}
    multiprocessing, kernel = sys.modules.get("multiprocessing"), os.getpid()
    children = multiprocessing.active_children() if multiprocessing else []
    workers = {child.pid: child.name for child in children}
    try:
        import psutil
    except ImportError:
        return {pid: _Process((pid, None), kernel, name) for pid, name in workers.items()}
    alive = {}
    with suppress(psutil.Error, OSError):  # the system may not let itself be asked
        for one in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # it has ended meanwhile
                id_, worker = (one.pid, one.create_time()), workers.get(one.pid)
                alive[one.pid] = _Process(id_, one.ppid(), worker, one)
    return alive


def _may_have_children() -> bool:
    """Return whether there may be child processes: without any, psutil needn't be imported.

    https://man7.org/linux/man-pages/man5/proc_tid_children.5.html
    """
    try:
        lists = list(Path("/proc/self/task").glob("*/children"))
        return not lists or any(one.read_bytes() for one in lists)
    except OSError:  # a thread has ended meanwhile
        return True


def _program(command: list[str]) -> str:
    """Return a program's name; for Python, the name of its module or script."""
    name, *arguments = command
    name = PurePath(name).name.removesuffix(".exe")
    if not name.startswith("python"):
        return name
    if "-m" in arguments[:-1] and "-c" not in arguments:
        return arguments[arguments.index("-m") + 1].partition(".")[0]
    script = next((one for one in arguments if not one.startswith("-")), "")
    return PurePath(script).stem if script and "-c" not in arguments else "python"


def _has_credentials(environ: Mapping[str, str], *, is_lent: bool) -> bool:
    """Return whether a process was started with the credentials that the kernel had then.

    ``is_lent`` says that a switch had set them; the process can have been given others.
    """
    ours = set_by_switch(environ)
    if is_lent:
        given = ("AWS_PROFILE", *CREDENTIAL_VARIABLES)
        return bool(ours) and all(environ.get(name) == ours.get(name) for name in given)
    return bool(named_profile(environ)[0]) or any(name in environ for name in CREDENTIAL_VARIABLES)


def end_idle_workers() -> None:
    """Let joblib and `multiprocessing` start new workers when they are used next.

    Busy ones go on. The server that forks workers would give new ones the environment from before.

    https://joblib.readthedocs.io/en/stable/parallel.html
    https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
    """
    for name in ("joblib.externals.loky.reusable_executor", "loky.reusable_executor"):
        executor = getattr(sys.modules.get(name), "_executor", None)
        # loky has no public way to ask whether there is an executor, nor what it does.
        if executor is not None and not (
            executor._pending_work_items or executor._running_work_items  # noqa: SLF001
        ):
            executor.shutdown(wait=True)
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    if server is None or server._forkserver_pid is None:  # noqa: SLF001
        return
    workers = sys.modules["multiprocessing"].active_children()
    # Python has no public way to stop the server, which waits for its workers.
    if not any(getattr(one._popen, "method", "") == "forkserver" for one in workers):  # noqa: SLF001
        with suppress(ChildProcessError):  # it was killed
            server._stop()  # noqa: SLF001
