"""Call a function for many profiles at the same time, and collect the results in one DataFrame.

A limited number of threads in the kernel open the sessions. They either call the function
themselves or submit it to an executor and wait for the result. So no credentials wait in a queue
until they expire, and a session is released as soon as its profile is done.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from weakref import ref

from IPython.display import display

from ipy_awsprofile.across.frame import frame_of, no_profile_answered, rows_of
from ipy_awsprofile.across.outcomes import CallResult, Function, Outcome, call, failure_of
from ipy_awsprofile.across.progress import progress_bar, waited_in_vain
from ipy_awsprofile.across.requests import names_of, request_for, targets_of
from ipy_awsprofile.across.shared_sources import SharedSources
from ipy_awsprofile.across.worker import PortableFunction, call_in_worker
from ipy_awsprofile.bindings.isolated_run import isolated_run
from ipy_awsprofile.bindings.run_signatures import refuse_until_returned
from ipy_awsprofile.bindings.run_variables import no_readers_of_notebook, variables_with_readers
from ipy_awsprofile.cards import cards
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.interrupts import Uninterrupted
from ipy_awsprofile.errors import (
    AwsProfileError,
    InvalidOption,
)
from ipy_awsprofile.libraries.fsspec import storage_options
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.portable import portable
from ipy_awsprofile.sessions.run_isolation import require_notebook, thread_is_known
from ipy_awsprofile.sessions.session import ProfileSession
from ipy_awsprofile.switch.switcher import Switcher
from ipy_awsprofile.switch.using_profile import running_switcher

if TYPE_CHECKING:
    import pandas as pd

#: Default number of threads. Nearly all of their time, they wait for the network.
_MAX_WORKERS = 32

#: `gc.freeze` freezes many more objects. Python 3.12 itself freezes some hundreds, those that are
#: immortal, whenever it collects garbage.
_FEW_OBJECTS = 10_000

#: Seconds after Ctrl-C for profiles that are nearly done.
_GRACE_PERIOD = 1.0


def across_profiles(
    profiles: str | Iterable[object],
    function: Function,
    *,
    max_workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
    confirmed: bool = False,
    read_only: bool = False,
    policy: str | os.PathLike[str] | None = None,
    write: bool = False,
) -> pd.DataFrame:
    """Call a function with a session of each profile and return all results as one DataFrame.

    ``profiles`` is the exact name of a profile, or else a pattern as in `list_profiles`; or several
    names, `Profile` records and roles of `list_assigned_roles`. A pattern that begins with a
    sign-in, such as ``corp:1000*/Admin`` or ``corp:team-*/Admin``, selects roles as well.

    ``function(session)`` returns rows (a DataFrame, a Series, a list of dicts), one row (a dict), a
    value (it becomes the column ``value``), or None for no row. The first columns are ``profile``,
    ``account`` (as reported by STS) and ``region`` (of the session); if the function returns a
    column with such a name, it is renamed, for example to ``result_region``. The rows are in the
    order of the profiles.

    A profile that fails doesn't stop the others. Its error is a row (``profile``, ``error``,
    ``message``, ``hint``) of ``result.attrs["errors"]``, and a summary is shown. If every profile
    fails, NoProfileAnswered is raised, whose ``errors`` are these rows. Ctrl-C stops within seconds
    and keeps the results so far; ``result.attrs["interrupted"]`` is then True.

    The user is asked for MFA codes and sign-ins before the start, once for each device and each
    sign-in. Roles with the same source share its credentials, and calls that AWS throttles are
    retried. At most ``max_workers`` profiles (default 32) are processed at the same time, in
    threads or with an ``executor``: a process pool, or ``client.get_executor()`` of a Dask cluster.
    An executor receives only short-lived credentials. ``progress`` shows a progress bar, and
    ``confirmed`` includes protected profiles. ``read_only``, ``policy`` and ``write`` are the
    options of ``%aws_profile``, for the session of each profile.

    What would sign as the notebook, such as a global client, is an error of each profile. Raises
    InvalidOption if no profile matches, or if the function can't be sent to the executor;
    NoProfileAnswered, and ConfigFileError.

    https://docs.python.org/3/library/concurrent.futures.html
    """
    return run_across(
        profiles,
        function,
        max_workers=max_workers,
        executor=executor,
        progress=progress,
        confirmed=confirmed,
        read_only=read_only,
        policy=os.fspath(policy) if policy is not None else None,
        write=write,
    )


def run_across(
    profiles: str | Iterable[object],
    function: Function,
    *,
    max_workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
    variable: str = "",
    **options: Any,
) -> pd.DataFrame:
    """Do what `across_profiles` does; ``variable`` is the notebook's name for the DataFrame.

    ``options`` are fields of a `SwitchRequest`.
    """
    require_notebook("`across_profiles`")
    switcher = running_switcher()
    names = names_of(profiles, switcher.person)
    workers = _MAX_WORKERS if max_workers is None else max_workers
    if workers < 1:
        raise InvalidOption(f"`max_workers` is {workers}; it must be at least 1.")
    options["default_session_name"] = switcher.session_name
    requests = {name: request_for(name, switcher, options) for name in names}
    namespace = switcher.namespace
    opened = variables_with_readers(namespace, function, switcher.readers, switcher.session)
    run = _Run(switcher, function, executor, workers)
    run.sources.ask_person(targets_of(requests.values()))
    # Ctrl-C at any time until the end keeps the results so far.
    with Uninterrupted(signal.SIGINT) as block:
        with (
            isolated_run(storage_options, switcher.owners),
            no_readers_of_notebook(namespace, opened),
            _frozen_garbage_collector(),
        ):
            outcomes, interrupted = _run_all(run, requests, workers, progress, block)
        frame = frame_of(outcomes, interrupted=interrupted)
        errors, missing = frame.attrs["errors"], len(names) - len(outcomes)
        if errors and len(errors) == len(names):
            raise no_profile_answered(errors)
        if errors or interrupted:
            display(cards.across_card(len(names), errors, missing, variable))
        frame.attrs["interrupted"] |= block.took_interrupt()
    return frame


class _Run:
    """One run of a function over profiles: what its threads share."""

    def __init__(
        self,
        switcher: Switcher,
        function: Function,
        executor: Executor | None,
        workers: int,
    ) -> None:
        self.sources = SharedSources(switcher.person, connections=workers)
        self._function = function
        self._executor = executor
        self._protection = switcher.protection
        self._nobody = replace(switcher.person, sign_in=None)  # a thread can't ask
        self._portable = PortableFunction(function, executor) if executor else None
        self._stopped = threading.Event()
        self._submitted: set[Future[CallResult]] = set()
        self.credentials: list[ref[Any]] = []

    def outcome(self, request: SwitchRequest) -> Outcome:
        """Open a session of one profile, call the function, and return the outcome."""
        name, account, region = request.name, None, None
        thread_is_known()
        try:
            # A pattern can fit the name of the account, which isn't in the files.
            request = self._protection.resolve_name(request, self._nobody)
            target = target_of(request := self._protection.allowed(request))
            session = self.sources.open(target)
            account, region = who_am_i(session).account, session.region_name
            if (allowed := self._protection.allowed(request, account)) != request:
                session = self.sources.open(target := target_of(allowed))
            self.credentials.append(ref(session.get_credentials()))
            result = self._call(session)
            if result.expired and self._executor:
                result = self._call(self.sources.open(target, fresh=True))
            rows = None if result.failure else rows_of(result.value)
            return Outcome(name, account, region, rows, result.failure)
        except Exception as error:  # noqa: BLE001
            return Outcome(name, account, region, failure=failure_of(error))

    def stop(self) -> None:
        """Stop submitting calls, and cancel those that the executor hasn't started."""
        self._stopped.set()
        for future in tuple(self._submitted):
            future.cancel()

    def _call(self, session: ProfileSession) -> CallResult:
        if self._executor is None or self._portable is None:
            return call(self._function, session)
        if self._stopped.is_set():
            raise AwsProfileError("The run was interrupted.")
        future = self._executor.submit(call_in_worker, portable(session), self._portable)
        self._submitted.add(future)
        if self._stopped.is_set():  # while the executor took the call, so `stop` didn't see it
            future.cancel()
        try:
            return future.result()
        finally:
            self._submitted.discard(future)


def _run_all(
    run: _Run,
    requests: Mapping[str, SwitchRequest],
    workers: int,
    progress: bool,
    block: Uninterrupted,
) -> tuple[list[Outcome], bool]:
    """Return the outcomes of all profiles, or those so far and True after Ctrl-C."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="across-profiles")
    futures: list[Future[Outcome]] = []
    interrupted = False
    done: SimpleQueue[object] = SimpleQueue()
    try:
        for request in requests.values():
            futures.append(pool.submit(run.outcome, request))
            futures[-1].add_done_callback(done.put)
        with progress_bar(list(requests), shown=progress) as counted:
            for _ in counted:
                if interrupted := waited_in_vain(done, block):
                    run.stop()
                    begun = [one for one in futures if not one.cancel()]
                    left_behind = wait(begun, timeout=_GRACE_PERIOD).not_done
                    refuse_until_returned(run.credentials, left_behind)
                    break
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    finished = [future for future in futures if future.done() and not future.cancelled()]
    return [future.result() for future in finished], interrupted


@contextmanager
def _frozen_garbage_collector() -> Iterator[None]:
    """Exclude all objects that exist now from garbage collection until the end.

    Sessions contain reference cycles. To find these, Python looks through all objects of the
    notebook again and again, which took a fifth of the time. If the user has called `gc.freeze`,
    nothing is changed.
    """
    if gc.get_freeze_count() > _FEW_OBJECTS:
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
