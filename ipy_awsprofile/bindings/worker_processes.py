"""Worker processes from before a switch: pools, executors and clusters keep them.

A worker has the environment, and the clients, of the time when it was started. joblib's idle
workers are ended, since joblib starts new ones by itself; others are named on the card.

https://docs.python.org/3/library/multiprocessing.html
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.owners import Owner

#: What kinds of workers are called, as they are named, and what ends and starts them.
_POOLS = {
    "PoolWorker": "`pool.terminate()`, then create the pool again",
    "Dask": "`client.restart()`, or close the cluster and create it again",
    "Loky": "`from joblib.externals.loky import get_reusable_executor; "
    "get_reusable_executor().shutdown()`, and joblib starts new ones",
}
_OTHERS = "shut their executor down, for example by `pool.shutdown()`, and create it again"


class WorkerProcesses:
    """The worker processes of the kernel, with the identity under which each was noticed."""

    def __init__(self) -> None:
        self._owners: dict[int, Owner | None] = {}

    def note(self, owner: Owner | None) -> None:
        """Note whose the workers are that were started since the last time."""
        alive = _alive()
        self._owners = {process.pid: self._owners.get(process.pid, owner) for process in alive}

    def from_before(self) -> Iterator[tuple[str, Owner | None]]:
        """Yield the kind of each worker from before the last switch, and its owner."""
        for process in _alive():
            if process.pid in self._owners:
                yield _kind(process.name), self._owners[process.pid]


def how_to_end(kind: str) -> str:
    """Return how workers of a kind are ended and started again."""
    return next((how for name, how in _POOLS.items() if name in kind), _OTHERS)


def _alive() -> list[Any]:
    """Return the processes of Python's `multiprocessing`, on which the other libraries build."""
    multiprocessing = sys.modules.get("multiprocessing")
    return multiprocessing.active_children() if multiprocessing else []


def _kind(name: str) -> str:
    """Return a process's name without its numbers, such as ``SpawnPoolWorker``."""
    return re.sub(r"[-:]\d+", "", name)


def end_idle_workers() -> None:
    """Let joblib start new workers when it is used next; busy ones go on.

    https://joblib.readthedocs.io/en/stable/parallel.html
    """
    for name in ("joblib.externals.loky.reusable_executor", "loky.reusable_executor"):
        executor = getattr(sys.modules.get(name), "_executor", None)
        # loky has no public way to ask whether there is an executor, nor what it does.
        if executor is not None and not (
            executor._pending_work_items or executor._running_work_items  # noqa: SLF001
        ):
            executor.shutdown(wait=True)
