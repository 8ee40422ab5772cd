"""The threads of a run, which open a profile's session and call the function with it.

A thread calls the function itself, or submits it to an executor and waits for the result. Thus,
credentials don't expire while they wait in a queue, and each session is released as soon as its
profile is finished.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import ref

from ipy_awsprofile.across.frame import rows_of
from ipy_awsprofile.across.outcomes import CallResult, Failure, Outcome, call, failure_of
from ipy_awsprofile.across.progress import progress_bar, waited_in_vain
from ipy_awsprofile.across.shared_sources import SharedSources
from ipy_awsprofile.across.worker import PortableFunction, call_in_worker
from ipy_awsprofile.bindings.run_signatures import refuse_until_returned
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.sessions.portable import portable
from ipy_awsprofile.sessions.run_isolation import thread_is_known
from ipy_awsprofile.sessions.session import ProfileSession, who_am_i
from ipy_awsprofile.switch.protection import account_in_name_or_files

if TYPE_CHECKING:
    from ipy_awsprofile.across.job import Job, Task
    from ipy_awsprofile.bindings.uninterrupted import Uninterrupted
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.switch.switcher import Switcher

#: The time after Ctrl-C for profiles to finish, in seconds.
_GRACE_PERIOD = 1.0


class Run:
    """One run over the pending calls of a job, with the state that its threads share."""

    def __init__(self, switcher: Switcher, job: Job) -> None:
        self.sources = SharedSources(switcher.person, connections=job.workers)
        self.protection = switcher.protection
        self.unattended = replace(switcher.person, sign_in=None)  # a thread can't prompt
        self.credentials: list[ref[Any]] = []
        self._job = job
        self._executor = job.executor
        self._portable = PortableFunction(job.function, job.executor) if job.executor else None
        self._requests = job.requests(switcher.session_name)
        self._stopped = threading.Event()
        self._submitted: set[Future[CallResult]] = set()
        self._refusals: list[RuntimeError] = []

    def ask_person(self) -> None:
        """Ask the user for the MFA codes and sign-ins that the profiles need."""
        targets = []
        for request in self._requests.values():
            with suppress(AwsProfileError):  # opening the profile reports it
                targets.append(self.target_of(request))
        self.sources.ask_person(targets)

    def target_of(self, request: SwitchRequest) -> Target:
        """Return the target of a request, with the job's first Region if it doesn't have a Region.

        Raises a subclass of `AwsProfileError`.
        """
        target = target_of(request)
        regions = self._job.regions
        return replace(target, region=regions[0]) if regions and not target.region else target

    def call_all(self, block: Uninterrupted) -> tuple[dict[Task, Outcome], bool]:
        """Return the outcomes of all calls and False, or the outcomes so far and True after Ctrl-C.

        Raises InvalidOption if the executor doesn't accept any of the calls.
        """
        tasks = self._job.pending
        counts = Counter(task.profile for task in tasks)
        profiles = {
            name: _ProfileRun(self, request, counts[name])
            for name, request in self._requests.items()
        }
        outcomes, interrupted = self._in_threads(profiles, tasks, block)
        if self._refusals and len(self._refusals) == len(tasks):
            raise InvalidOption(
                f"The executor doesn't accept calls: {self._refusals[0]}",
                "Pass another one: `retry(executor=…)` or `across_profiles(…, executor=…)`.",
            ) from self._refusals[0]
        return outcomes, interrupted

    def _in_threads(
        self, profiles: Mapping[str, _ProfileRun], tasks: Sequence[Task], block: Uninterrupted
    ) -> tuple[dict[Task, Outcome], bool]:
        job = self._job
        pool = ThreadPoolExecutor(job.workers, thread_name_prefix="across-profiles")
        futures: dict[Task, Future[Outcome | None]] = {}
        interrupted = False
        done: SimpleQueue[object] = SimpleQueue()
        unit = " calls" if job.regions else " profiles"
        try:
            for task in tasks:
                futures[task] = pool.submit(profiles[task.profile].outcome, task)
                futures[task].add_done_callback(done.put)
            with progress_bar(tasks, unit=unit, shown=job.progress) as counted:
                for _ in counted:
                    if interrupted := waited_in_vain(done, block):
                        self._stop()
                        begun = [one for one in futures.values() if not one.cancel()]
                        left_behind = wait(begun, timeout=_GRACE_PERIOD).not_done
                        refuse_until_returned(self.credentials, left_behind)
                        break
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        outcomes = {
            task: outcome
            for task, future in futures.items()
            if future.done() and not future.cancelled() and (outcome := future.result())
        }
        return outcomes, interrupted

    def _stop(self) -> None:
        """Stop submitting calls, and cancel the calls that the executor hasn't started."""
        self._stopped.set()
        for future in tuple(self._submitted):
            future.cancel()

    @property
    def is_stopped(self) -> bool:
        """Whether Ctrl-C has ended the run."""
        return self._stopped.is_set()

    @property
    def uses_executor(self) -> bool:
        """Whether an executor calls the function."""
        return self._executor is not None

    def call(self, session: ProfileSession, region: str | None) -> CallResult:
        """Call the function in this Region or the session's. Raises errors of the executor."""
        if self._executor is None or self._portable is None:
            return call(self._job.function, _in_region(session, region) if region else session)
        if self.is_stopped:
            raise CancelledError
        sent = portable(session)
        sent = replace(sent, region=region) if region else sent
        try:
            future = self._executor.submit(call_in_worker, sent, self._portable)
        except RuntimeError as error:  # the executor was shut down, or its workers died
            self._refusals.append(error)
            raise
        self._submitted.add(future)
        if self.is_stopped:  # `_stop` missed this call while the executor accepted it
            future.cancel()
        try:
            return future.result()
        finally:
            self._submitted.discard(future)


class _ProfileRun:
    """The session of one profile in a run, shared by the calls for its Regions.

    The first call opens the session, and the last call releases it.
    """

    def __init__(self, run: Run, request: SwitchRequest, calls: int) -> None:
        self._run = run
        self._request = request
        self._left = calls
        self._lock = threading.Lock()
        self._session: ProfileSession | None = None
        self._failure: Failure | None = None
        self._account: str | None = None

    def outcome(self, task: Task) -> Outcome | None:
        """Call the function for a task with the profile's session, and return the outcome.

        Return None if Ctrl-C has cancelled the call.
        """
        thread_is_known()
        rows, region = None, task.region
        try:
            session, failure = self._open_once()
            if session:
                region = region or session.region_name
                result = self._run.call(session, task.region)
                if result.expired and self._run.uses_executor:
                    result = self._run.call(self._renew(session), task.region)
                failure = result.failure
                rows = None if failure else rows_of(result.value)
        except Exception as error:  # noqa: BLE001
            if isinstance(error, CancelledError) and self._run.is_stopped:
                return None
            failure = failure_of(error)
        finally:
            self._release()
        return Outcome(task.profile, self._account, region, rows, failure)

    def _open_once(self) -> tuple[ProfileSession | None, Failure | None]:
        """Return the session, or the failure to open it. The first call opens it."""
        with self._lock:
            if not self._session and not self._failure:
                try:
                    self._session = self._open()
                except Exception as error:  # noqa: BLE001
                    self._failure = failure_of(error)
                    self._account = self._account or _known_account(self._request.name)
            return self._session, self._failure

    def _open(self) -> ProfileSession:
        run, protection = self._run, self._run.protection
        # A protection pattern can match the account's name, which isn't in the files.
        request = protection.resolve_name(self._request, run.unattended)
        session = run.sources.open(run.target_of(request := protection.allowed(request)))
        self._account = who_am_i(session).account
        if (allowed := protection.allowed(request, self._account)) != request:
            session = run.sources.open(run.target_of(allowed))
        run.credentials.append(ref(session.get_credentials()))
        return session

    def _renew(self, expired: ProfileSession) -> ProfileSession:
        """Return a session with new credentials. If several calls need it, the first opens it."""
        with self._lock:
            if self._session is expired:
                self._session = self._run.sources.open(expired.target, fresh=True)
            return self._session or expired

    def _release(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self._session = None


def _known_account(name: str) -> str | None:
    """Return the account in the name or files of a profile that couldn't be opened, or None."""
    with suppress(AwsProfileError):
        return account_in_name_or_files(name) or None
    return None


def _in_region(session: ProfileSession, region: str) -> ProfileSession:
    """Return a session in another Region with the same, jointly renewed credentials."""
    target = replace(session.target, region=region)
    config = session._session.get_default_client_config()  # noqa: SLF001  # not public
    core = ProfileBotocoreSession(target, config)
    core.callers = session.callers
    shared = SimpleNamespace(load_credentials=session.get_credentials)
    core.register_component("credential_provider", shared)
    there = ProfileSession(core, target, timeout=session.timeout, person=session.person)
    there.principal = session.principal
    return there
