"""Call a function for many profiles at the same time, and collect the results in one DataFrame."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ipy_awsprofile.across.frame import ErrorRows, frame_of, no_profile_answered
from ipy_awsprofile.across.job import Job, parse_regions, select_profiles
from ipy_awsprofile.across.outcomes import Function, require_sync
from ipy_awsprofile.across.run import Run
from ipy_awsprofile.bindings.isolated_run import isolated_run
from ipy_awsprofile.bindings.run_variables import no_readers_of_notebook, variables_with_readers
from ipy_awsprofile.bindings.uninterrupted import Uninterrupted
from ipy_awsprofile.cards.run_cards import across_card
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.libraries.fsspec import storage_options
from ipy_awsprofile.sessions.run_isolation import require_notebook
from ipy_awsprofile.switch.using_profile import running_switcher

if TYPE_CHECKING:
    import pandas as pd

#: The default number of threads. They spend nearly all of their time waiting for the network.
_MAX_WORKERS = 32

#: `gc.freeze` freezes many more objects. Python 3.12 itself freezes some hundreds of immortal
#: objects whenever it collects garbage.
_FEW_OBJECTS = 10_000


def across_profiles(
    profiles: str | Iterable[object],
    function: Function,
    *,
    regions: str | Iterable[str] | None = None,
    max_workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
    confirmed: bool = False,
    read_only: bool = False,
    policy: str | os.PathLike[str] | None = None,
    write: bool = False,
) -> pd.DataFrame:
    """Call a function with a session of each profile and return all results as one DataFrame.

    ``profiles`` is the exact name of a profile, a pattern as in `list_profiles`, or several names,
    `Profile` records and roles of `list_assigned_roles`. A pattern that begins with a sign-in, such
    as ``corp:1000*/Admin`` or ``corp:team-*/Admin``, also selects roles.

    ``regions`` (a list, or a text such as ``eu-central-1,us-east-1``) calls the function for each
    profile in each of these Regions instead of the profile's Region. The Regions share the
    profile's credentials.

    ``function(session)`` returns rows (a DataFrame, a Series, a list of dicts), one row (a dict), a
    value (it becomes the column ``value``), or None for no row. An index becomes a column, except
    an unnamed index of integers; to keep it, return ``frame.reset_index()``. The first columns are
    ``profile``, ``account`` (as reported by STS) and ``region`` (of the session). If the function
    returns a column with one of these names, it is renamed, for example to ``result_region``. The
    rows are in the order of the profiles, and then of the Regions.

    A profile that fails doesn't stop the others. Its error is a row (``profile``, ``account`` if
    known, ``region`` if there are ``regions``, ``error``, ``message``, ``hint``) of
    ``result.attrs["errors"]``, and a summary is shown. If every profile fails, NoProfileAnswered is
    raised, with these rows as its ``errors``. Ctrl-C stops within seconds, keeps the results so far
    and sets ``result.attrs["interrupted"]`` to True. ``result.attrs["errors"].retry()`` retries
    the profiles that failed or weren't completed, and returns all results: see `ErrorRows`.

    Before the run starts, the user is prompted once for each MFA device and each sign-in. Roles
    with the same source share its credentials, and calls that AWS throttles are retried. At most
    ``max_workers`` profiles (default 32) are processed at the same time, in threads or with an
    ``executor``: a process pool, or ``client.get_executor()`` of a Dask cluster. An executor
    receives only short-lived credentials. ``progress`` shows a progress bar, and ``confirmed``
    includes protected profiles. ``read_only``, ``policy`` and ``write`` are the options of
    ``%aws_profile``, for the session of each profile.

    Code that would use the notebook's identity, such as a global client, is an error of each
    profile. Raises InvalidOption if no profile matches, if a Region is misspelled or repeated, if
    the function is async or can't be sent to the executor, or if the executor was shut down. Also
    raises NoProfileAnswered and ConfigFileError.

    https://docs.python.org/3/library/concurrent.futures.html
    """
    return run_across(
        profiles,
        function,
        regions=regions,
        max_workers=max_workers,
        executor=executor,
        progress=progress,
        confirmed=confirmed,
        read_only=read_only,
        policy=os.fspath(policy) if policy is not None else None,
        write=write,
        caller="across_profiles",
    )


def run_across(
    profiles: str | Iterable[object],
    function: Function,
    *,
    regions: str | Iterable[str] | None = None,
    max_workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
    variable: str = "",
    **options: Any,
) -> pd.DataFrame:
    """Implement `across_profiles`. ``variable`` is the notebook's name for the DataFrame.

    ``options`` are fields of a `SwitchRequest`.
    """
    require_notebook("`across_profiles`")
    require_sync(function)
    switcher = running_switcher()
    workers = _MAX_WORKERS if max_workers is None else max_workers
    if workers < 1:
        raise InvalidOption(f"`max_workers` is {workers}; it must be at least 1.")
    job = Job(
        profiles=tuple(select_profiles(profiles, switcher.person)),
        regions=() if regions is None else parse_regions(regions),
        function=function,
        executor=executor,
        workers=workers,
        progress=progress,
        variable=variable,
        options=options,
    )
    return _run(job)


def _run(job: Job) -> pd.DataFrame:
    """Run the pending calls of a job, and return the results of all its calls."""
    switcher = running_switcher()
    namespace = switcher.namespace
    opened = variables_with_readers(namespace, job.function, switcher.readers, switcher.session)
    run = Run(switcher, job)
    run.ask_person()
    # Until the end, Ctrl-C keeps the results so far.
    with Uninterrupted() as block:
        with (
            isolated_run(storage_options, switcher.owners),
            no_readers_of_notebook(namespace, opened),
            _frozen_garbage_collector(),
        ):
            outcomes, interrupted = run.call_all(block)
        not_run = len(job.pending) - len(outcomes)
        job = replace(job, outcomes={**job.outcomes, **outcomes})
        frame = _result_of(job, interrupted)
        errors = frame.attrs["errors"]
        if errors and len(errors) == len(job.tasks) and not not_run:
            raise no_profile_answered(errors, job.size)
        if errors or interrupted:
            good = len(job.tasks) - len(job.pending)
            card = across_card(good, job.size, errors, not_run=not_run, frame=job.variable)
            display(card)
        frame.attrs["interrupted"] |= block.took_interrupt()
    return frame


def _result_of(job: Job, interrupted: bool) -> pd.DataFrame:
    """Return the outcomes of a job as a DataFrame with errors that can be retried."""
    outcomes = [job.outcomes[task] for task in job.tasks if task in job.outcomes]
    frame = frame_of(outcomes, interrupted=interrupted, regional=bool(job.regions))
    if job.pending:
        frame.attrs["errors"].on_retry = partial(_retry, job)
    else:
        whole = frame.copy(deep=False)  # shares the values, but not the errors
        whole.attrs = {}
        frame.attrs["errors"].on_retry = partial(_unchanged, whole)
    return frame


def _retry(job: Job, executor: Executor | None) -> pd.DataFrame:
    """Run the pending calls of a job again, and return the results of all its calls."""
    require_notebook("A retry")
    # IPython's `_` has another value by now.
    variable = "" if job.variable == "_" else job.variable
    return _run(replace(job, executor=executor or job.executor, variable=variable))


def _unchanged(whole: pd.DataFrame, _executor: Executor | None) -> pd.DataFrame:
    """Return a complete result as it is, because there is nothing to retry."""
    frame = whole.copy(deep=False)
    frame.attrs = {"errors": ErrorRows(on_retry=partial(_unchanged, whole)), "interrupted": False}
    return frame


@contextmanager
def _frozen_garbage_collector() -> Iterator[None]:
    """Exclude all existing objects from garbage collection until the end.

    Sessions contain reference cycles. To find them, Python searches all objects of the notebook
    again and again, which took a fifth of the time. If the user has called `gc.freeze`, do nothing.
    """
    if gc.get_freeze_count() > _FEW_OBJECTS:
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
