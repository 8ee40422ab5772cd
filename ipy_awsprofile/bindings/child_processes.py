"""Child processes from before a switch: worker processes, a cluster, a JVM, a server.

A child process keeps the environment that it was started with, and a worker keeps its clients, too.
A switch ends joblib's idle workers, because joblib starts new ones when needed. The card lists the
other processes.

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

from ipy_awsprofile.config.user_environment import (
    CREDENTIAL_VARIABLES,
    changes_by_switch,
    named_profile,
)

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.owner import Owner

#: Parts of the displayed names of workers and programs, and how to end and restart them.
_KINDS = {
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

#: Displayed names of libraries' processes, and patterns for their command lines.
_LIBRARIES = {
    "Ray": re.compile(r"(^|/)(raylet|gcs_server)\b|/ray/"),
    "Spark": re.compile(r"org\.apache\.spark"),
}

#: Helper processes of Python and the debugger, which don't call AWS.
_HELPERS = re.compile(r"\b(resource_tracker|semaphore_tracker|forkserver|debugpy)\b")

#: Programs that don't use AWS themselves. Their child processes may.
_WITHOUT_AWS = re.compile(
    r"(ba|da|z|fi|k)?sh|cmd|powershell|pwsh|sudo|env|nohup|time|timeout|watch|xargs|make"
    r"|sleep|cat|tail|tee|less|more|top|htop|ps|vi|vim|nano|gdb|lldb|strace|py-spy|git|ssh|ssh-agent"
    r"|xdg-open|open|firefox.*|chrom.*|.*browser.*",
)

_Id = tuple[int, float | None]


class ChildProcesses:
    """The kernel's descendant processes, and the identity that was active when each was noted."""

    def __init__(self) -> None:
        self._owners: dict[_Id, Owner | None] = {}

    def note(self, owner: Owner | None) -> None:
        """Record the owner of each process that was started since the last call."""
        alive = _alive()
        self._owners = {one.id: self._owner(one, alive, owner) for one in alive.values()}

    def _owner(self, one: _Process, alive: _Alive, new: Owner | None) -> Owner | None:
        """Return the recorded owner of a process or of its parent; ``new`` if there is neither."""
        parent = alive.get(one.parent)
        noted = one if one.id in self._owners or parent is None else parent
        return self._owners.get(noted.id, new)

    def from_before(self) -> Iterator[tuple[str, Owner | None, int]]:
        """Yield each process from before the last switch: its kind, its owner and a process count.

        The count includes the processes that it has started.
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
    """Return how to end and restart processes of this kind."""
    return next((how for name, how in _KINDS.items() if name in kind), _OTHERS)


@dataclass(frozen=True, slots=True)
class _Process:
    """A process; ``worker`` is its name if Python's `multiprocessing` started it.

    ``id`` includes the start time, because the system can reuse the PID of an ended process.
    """

    id: _Id
    parent: int
    worker: str | None
    process: Any = None

    def kind(self, *, is_lent: bool) -> str:
        """Return the displayed name of the process, such as ``SpawnPoolWorker`` or ``mlflow``.

        The name is empty if, judging by its command and environment, the process doesn't use the
        kernel's former credentials. ``is_lent`` says whether a switch was active when the process
        started.
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
    """Return the kernel's descendant processes by PID, parents first.

    Without psutil, which ipykernel installs, return only the workers of `multiprocessing`.
    """
    if not _may_have_children():
        return {}
    multiprocessing, kernel = sys.modules.get("multiprocessing"), os.getpid()
    children = multiprocessing.active_children() if multiprocessing else []
    workers = {child.pid: child.name for child in children}
    try:
        import psutil
    except ImportError:
        return {pid: _Process((pid, None), kernel, name) for pid, name in workers.items()}
    alive = {}
    with suppress(psutil.Error, OSError):  # the system may refuse to list processes
        for one in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # it has ended in the meantime
                id_, worker = (one.pid, one.create_time()), workers.get(one.pid)
                alive[one.pid] = _Process(id_, one.ppid(), worker, one)
    return alive


def _may_have_children() -> bool:
    """Return whether the kernel may have child processes.

    It is quick, whereas psutil reads about every process of the machine.

    https://man7.org/linux/man-pages/man5/proc_tid_children.5.html
    """
    threads = Path("/proc/self/task")
    try:
        return any((threads / one / "children").read_bytes() for one in os.listdir(threads))
    except OSError:  # a thread has just ended, or the system doesn't have these files
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
    """Return whether a process inherited the credentials that the kernel had at that time.

    ``is_lent`` says that a switch had set these credentials. The process can have been started with
    different ones.
    """
    ours = changes_by_switch(environ)
    if is_lent:
        given = ("AWS_PROFILE", *CREDENTIAL_VARIABLES)
        return bool(ours) and all(environ.get(name) == ours.get(name, (None,))[0] for name in given)
    return bool(named_profile(environ)[0]) or any(name in environ for name in CREDENTIAL_VARIABLES)


def end_idle_workers() -> None:
    """End idle workers, so that joblib and `multiprocessing` start new ones when needed.

    Busy workers continue. New workers of `multiprocessing` also get a new fork server, because the
    former one would start them with its old environment.

    https://joblib.readthedocs.io/en/stable/parallel.html
    https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
    """
    for name in ("joblib.externals.loky.reusable_executor", "loky.reusable_executor"):
        executor = getattr(sys.modules.get(name), "_executor", None)
        # loky has no public API to find the executor and its pending work.
        if executor is not None and not (
            executor._pending_work_items or executor._running_work_items  # noqa: SLF001
        ):
            executor.shutdown(wait=True)
    if server := getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None):
        _detach(server)


#: The PIDs of detached fork servers, with the end of a pipe that keeps each one running, or None
#: once it is closed. Like child processes, they belong to the process.
_detached: dict[int, int | None] = {}


def _detach(server: Any) -> None:
    """Make `multiprocessing` start a new fork server for new workers.

    The former server reports the exit codes of its workers, so it continues as long as there are
    any. Python has no public API for this.
    """
    with server._lock:  # noqa: SLF001
        if server._forkserver_pid is not None:  # noqa: SLF001
            _detached[server._forkserver_pid] = server._forkserver_alive_fd  # noqa: SLF001
            # Python does the same if the server was killed.
            server._forkserver_address = server._forkserver_alive_fd = None  # noqa: SLF001
            server._forkserver_pid = None  # noqa: SLF001
    workers = sys.modules["multiprocessing"].active_children()
    if any(getattr(one._popen, "method", "") == "forkserver" for one in workers):  # noqa: SLF001
        return
    for pid, pipe in list(_detached.items()):
        if pipe is not None:
            os.close(pipe)
            _detached[pid] = None
        with suppress(ChildProcessError):  # it was killed
            # Don't wait for its end, because a forked child can keep the pipe open.
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                continue
        del _detached[pid]
