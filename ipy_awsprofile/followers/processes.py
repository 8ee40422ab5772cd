"""Describe how a switch updates libraries that start worker processes on this machine.

Worker processes keep the environment that they were started with.
"""

# ruff: noqa: SLF001  # libraries have no public API for what they keep

from __future__ import annotations

import sys
from collections.abc import Iterator
from traceback import walk_tb
from types import ModuleType

from ipy_awsprofile.follower import Cache, Follower, is_one_of

_WHY = "Worker processes keep the environment that they were started with."


def _end_idle_workers(module: ModuleType) -> None:
    """End the idle workers of loky, which joblib uses, so that new workers get the new environment.

    https://joblib.readthedocs.io/en/stable/parallel.html
    """
    if hasattr(module, "_executor_storage"):  # loky 3.7 keeps workers for each thread
        workers = module._executor_storage.executor
    else:
        workers = module._executor
    if workers and not (workers._pending_work_items or workers._running_work_items):
        workers.shutdown(wait=True)
        workers.was_ended_by_switch = True


def line_about_ended_workers(error: BaseException) -> str:
    """Return a line about an error of code that uses workers that a switch has ended, or ""."""
    callers = [frame.f_locals.get("self") for frame, _ in walk_tb(error.__traceback__)]
    if not any(getattr(each, "was_ended_by_switch", False) for each in callers):
        return ""
    is_of_joblib = any(map(_is_parallel, callers))
    new = "`Parallel(…)`" if is_of_joblib else "executor with `get_reusable_executor(…)`"
    return (
        "A switch ended these worker processes, because they would have kept the former identity. "
        f"Create a new {new}."
    )


def _end_forkserver(module: ModuleType) -> None:
    """End the server that forks the workers of `multiprocessing`.

    https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
    """
    server = module._forkserver
    if sys.modules["multiprocessing"].active_children():
        # It reports the exit codes of its workers, so it goes on until the kernel ends.
        server._forkserver_address = server._forkserver_alive_fd = server._forkserver_pid = None
    else:
        server._stop()


def _children() -> Iterator[object]:
    """Yield the process IDs of the kernel's child processes."""
    for process in sys.modules["multiprocessing"].active_children():
        yield process.pid


_is_parallel = is_one_of("joblib.parallel.Parallel")

FOLLOWERS = (
    Follower(
        package="joblib",
        why=_WHY,
        tried="joblib 1.6",
        caches=(Cache("joblib.externals.loky.reusable_executor", _end_idle_workers),),
        starts_workers=is_one_of(
            "joblib.externals.loky.process_executor.ProcessPoolExecutor",
            "joblib.externals.loky.reusable_executor._ReusablePoolExecutor",
        ),
    ),
    Follower(
        package="loky",
        why=_WHY,
        tried="loky 3.7",
        caches=(Cache("loky.reusable_executor", _end_idle_workers),),
        starts_workers=is_one_of(
            "loky.process_executor.ProcessPoolExecutor",
            "loky.reusable_executor._ReusablePoolExecutor",
        ),
    ),
    Follower(
        package="multiprocessing",
        why=_WHY,
        tried="Python 3.14",
        caches=(Cache("multiprocessing.forkserver", _end_forkserver),),
        starts_workers=is_one_of("multiprocessing.pool.Pool"),
        processes=_children,
        restart="start new ones",
    ),
    Follower(
        package="concurrent.futures.process",
        why=_WHY,
        tried="Python 3.14",
        starts_workers=is_one_of("concurrent.futures.process.ProcessPoolExecutor"),
    ),
)
