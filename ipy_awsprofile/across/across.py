"""Call a function for many profiles at the same time, and collect the results in one DataFrame.

A `Run` opens a session for each profile and calls the function with the session in a worker thread.
In each worker thread, the profile's session is also boto3's default session. The module `gate`
prevents the worker threads from using other identities.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from inspect import iscoroutinefunction
from itertools import product
from types import FunctionType
from typing import TYPE_CHECKING, Any

from IPython.display import display
from tqdm.auto import tqdm

from ipy_awsprofile.across.frame import ErrorRows, Outcome, frame_of, no_profile_answered, rows_of
from ipy_awsprofile.across.function import (
    Function,
    LinesOfCalls,
    failure_of,
    work_for,
)
from ipy_awsprofile.across.organization import OrganizationRole
from ipy_awsprofile.across.selection import is_name, select_profiles
from ipy_awsprofile.across.sources import Questions, SharedSources
from ipy_awsprofile.across.variables import require_no_handles
from ipy_awsprofile.cards.tables import across_card
from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.config.regions import is_region_name, region_names_in, unknown_region
from ipy_awsprofile.config.request import SESSION, Form, Origin, SwitchRequest
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.gate import PROCESS, Turn, require_no_run
from ipy_awsprofile.kernel.uninterrupted import Uninterrupted, interruptible
from ipy_awsprofile.sessions.session import ProfileSession, fetch_identity, label_for
from ipy_awsprofile.switch.opening import open_guarded
from ipy_awsprofile.switch.session_parameter import require_session_parameter
from ipy_awsprofile.switch.using_profile import running_switcher
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    import pandas as pd

    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.sessions.session import Identity
    from ipy_awsprofile.switch.switcher import Switcher

#: How often to check for Ctrl-C and prompts, and how long to wait for calls to end after Ctrl-C, in
#: seconds.
_POLL = 0.1
_GRACE = 1.0

#: Where the Region of a call comes from if the Regions are an option.
_REGIONS = "`--regions`, or `regions=` in Python"

#: The name of a profile, and a Region, or None for the profile's own Region.
Task = tuple[str, str | None]


@checks_arguments
def across_profiles(
    profiles: str | Iterable[object],
    function: Function,
    *,
    exclude: str | Iterable[str] = (),
    regions: str | Iterable[str] | None = None,
    max_workers: int = 32,
    progress: bool = True,
    confirmed: bool = False,
    read_only: bool = False,
    policy: str | os.PathLike[str] | None = None,
    write: bool = False,
) -> pd.DataFrame:
    """Call a function with each profile's session, and return all results as one DataFrame.

    ``profiles`` is the exact name of a profile, a pattern as in `list_profiles`, or several of
    these separated by commas. ``profiles`` can also be a list of exact names, patterns with
    wildcards, `Profile` records, and roles from `list_assigned_roles` or `organization_roles`. A
    pattern that begins with the name of a sign-in, such as ``corp:1000*/Admin`` or
    ``corp:team-*/Admin``, also selects roles. ``exclude`` omits profiles and roles by name, account
    ID or account name, or by patterns for the whole name or ID. Case doesn't matter.

    ``regions`` is a list, or a string such as ``eu-central-1,us-east-1``. For each profile, the
    function is called once for each Region in ``regions`` instead of once for the profile's own
    Region.

    ``function(session)`` returns rows (a DataFrame, a Series or a list of dicts), a single row (a
    dict), another value (which becomes the column ``value``), or None for no rows. An index becomes
    a column, except an unnamed index of integers. To keep an unnamed index of integers, return
    ``frame.reset_index()``.

    In the result, the first columns are ``profile``, ``account`` (as reported by STS) and
    ``region`` (the session's Region). For roles from `organization_roles`, ``profile`` is the
    role's ARN, and the column ``account_name`` follows ``account``. If the function returns a
    column with the same name as one of these columns, the function's column is renamed, for example
    to ``result_region``. The rows are in the order of the profiles and, within each profile, in the
    order of the Regions.

    If the function fails for one profile, the calls for the other profiles continue. The error
    becomes a row in ``result.attrs["errors"]`` (with ``profile``, ``account`` if known, ``region``
    if you pass ``regions``, ``error``, ``message`` and ``hint``), and the cell shows a summary. If
    the function fails for every profile, the call raises NoProfileAnswered. The exception's
    attribute ``errors`` contains a row for each failure. After Ctrl-C, the call returns within
    seconds with the results so far, and ``result.attrs["interrupted"]`` is True.
    ``result.attrs["errors"].retry()`` retries the profiles that failed or weren't completed, and
    returns all results (see `ErrorRows`).

    The user is prompted once for each MFA device and each sign-in. Roles with the same source
    profile share the source profile's credentials. At most ``max_workers`` calls run at the same
    time, in threads. If ``progress`` is true, a progress bar is shown. If ``confirmed`` is true,
    protected profiles are included. ``read_only``, ``policy`` and ``write`` work like the options
    ``--read-only``, ``--policy`` and ``--write`` of ``%aws_profile``.

    If the function uses the notebook's identity, for example with a global client, the call fails
    for every profile. The call also fails if the function uses another profile's session or client
    that was created outside the function. Raise InvalidOption if no profile matches or if the
    function is async. Raise NotForOneProfile if the function uses an object that was opened in S3
    before the call. Raise another subclass of `AwsProfileError` for other failures.

    https://docs.python.org/3/library/concurrent.futures.html
    """
    options = SwitchRequest(confirmed=confirmed, read_only=read_only, policy=policy, write=write)
    run = prepare_run(
        profiles,
        function,
        options,
        exclude=exclude,
        regions=regions,
        workers=max_workers,
        progress=progress,
    )
    return run.make()


def prepare_run(
    profiles: str | Iterable[object],
    function: Function,
    options: SwitchRequest,
    *,
    exclude: str | Iterable[str],
    regions: str | Iterable[str] | None,
    workers: int,
    progress: bool,
    variable: str = "",
    form: Form = Form.FUNCTION_FOR_MANY,
) -> Run:
    """Return a `Run` with the calls for all selected profiles.

    ``options`` contains the options that apply to each profile. ``form`` is the form of the
    request, such as a cell magic or a call of a Python function. Raise the same errors for invalid
    arguments as `across_profiles` does.
    """
    require_no_run("`across_profiles`")
    _require_function(profiles, function)
    require_session_parameter(
        "across_profiles", function, f"`{SESSION}.profile_name` is the name of the profile."
    )
    if workers < 1:
        raise InvalidOption("`max_workers` must be 1 or more.")
    if iscoroutinefunction(function):
        raise InvalidOption(
            "The function is async, but `across_profiles` doesn't await its result.",
            "Run `import asyncio`, and pass `lambda session: asyncio.run(FUNCTION(session))`.",
        )
    switcher = running_switcher()
    require_no_handles(function, switcher.namespace)
    options = replace(options, default_session_name=switcher.session_name)
    requests: dict[str, SwitchRequest] = {}
    for profile in select_profiles(profiles, exclude, switcher.person):
        if isinstance(profile, OrganizationRole):
            requests[str(profile)] = profile.request(options)
        else:
            requests[profile] = replace(options, profile=profile)
    if not requests:  # such as the empty list that a pattern of `list_profiles` returns
        PROCESS.warn("The list of profiles is empty, so the function wasn't called.")
    return Run(
        switcher=switcher,
        function=function,
        requests=requests,
        regions=_parse_regions(regions),
        workers=workers,
        progress=progress,
        variable=variable,
        form=form,
    )


@dataclass(slots=True, repr=False, kw_only=True)
class Run:
    """The calls of a function for many profiles, with the outcomes so far.

    If ``regions`` is empty, the function is called in each profile's own Region. ``workers`` is the
    number of threads, and ``variable`` is the name of the notebook's variable for the result, or an
    empty string.
    """

    switcher: Switcher
    function: Function
    requests: Mapping[str, SwitchRequest]
    regions: tuple[str, ...]
    workers: int
    progress: bool
    variable: str
    form: Form
    outcomes: dict[Task, Outcome] = field(default_factory=dict)

    def make(self) -> pd.DataFrame:
        """Make all calls that don't have a result yet, and return the results of all calls.

        Raise NoProfileAnswered if every call has failed. After Ctrl-C, return the results so far.
        """
        tasks = list(product(self.requests, self.regions or (None,)))
        lines: Any = LinesOfCalls(sys.stdout, regional=bool(self.regions))
        with Uninterrupted() as block, self.switcher.run(), redirect_stdout(lines):
            pending = list(filter(self._is_pending, tasks))
            interrupted = self._make_calls(pending, block)
        done = list(filter(None, map(self.outcomes.get, tasks)))
        frame = frame_of(done, regional=bool(self.regions))
        errors: ErrorRows = frame.attrs["errors"]
        errors.on_retry = self._retry
        frame.attrs["interrupted"] = interrupted
        size = number_of(len(self.requests), "profile")
        if self.regions:
            regions = number_of(len(self.regions), "Region")
            size = f"{number_of(len(tasks), 'call')} ({size} in {regions})"
        if errors and len(errors) == len(tasks):
            raise no_profile_answered(errors, size)
        if errors or interrupted:
            good = len(done) - len(errors)
            not_run = len(tasks) - len(done)
            display(
                across_card(
                    good, size, errors, not_run=not_run, frame=self.variable, form=self.form
                )
            )
        return frame

    def _is_pending(self, task: Task) -> bool:
        outcome = self.outcomes.get(task)
        return outcome is None or outcome.failure is not None

    def _retry(self) -> pd.DataFrame:
        if self.variable == "_":  # which has changed by now
            self.variable = ""
        name = _replaced_name(self.function, self.switcher.namespace)
        if name:
            PROCESS.warn(
                f"`retry()` calls the `{name}` of the first run, and not the current `{name}`. To "
                "use the current function, call `across_profiles` again."
            )
        return self.make()

    def _make_calls(self, tasks: Sequence[Task], block: Uninterrupted) -> bool:
        """Make calls in threads, and store the outcomes.

        Return whether Ctrl-C interrupted the calls.
        """
        questions = Questions(self.switcher.person)
        sources = SharedSources(questions.person)
        profiles: dict[str, _Profile] = {}
        for name, request in self.requests.items():
            profiles[name] = _Profile(self, questions, sources, request)
        gc.freeze()  # the many new clients would make the collector scan the notebook's data
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="across-profiles")
        futures: dict[Future[Outcome | None], Task] = {}
        for task in tasks:
            futures[pool.submit(profiles[task[0]].outcome, *task)] = task
        del profiles  # a session is released after the last of its calls
        try:
            interrupted = self._wait(set(futures), questions, block)
        finally:
            questions.cancel()
            pool.shutdown(wait=False, cancel_futures=True)
            gc.unfreeze()
        if interrupted:
            wait(futures, _GRACE)
        for future, task in futures.items():
            if not future.done() or future.cancelled():
                continue
            outcome = future.result()
            if outcome:
                self.outcomes[task] = outcome
        return interrupted

    def _wait(
        self, waiting: set[Future[Outcome | None]], questions: Questions, block: Uninterrupted
    ) -> bool:
        """Show the calls' prompts to the user until all calls have ended.

        Return whether Ctrl-C interrupted the calls.
        """
        unit = " calls" if self.regions else " profiles"
        is_hidden = not waiting or not self.progress
        # The progress bar appears after a second, and is removed at the end.
        with tqdm(total=len(waiting), unit=unit, disable=is_hidden, leave=False, delay=1) as bar:
            while waiting:
                try:
                    with interruptible():  # Ctrl-C ends a prompt
                        questions.answer()
                except KeyboardInterrupt:
                    return True
                done, waiting = wait(waiting, _POLL, FIRST_COMPLETED)
                bar.update(len(done))
                if block.took_interrupt():
                    return True
        return False


@dataclass(slots=True, repr=False)
class _Profile:
    """One profile of a `Run`, with a session that the calls for all its Regions share."""

    run: Run
    questions: Questions
    sources: SharedSources
    request: SwitchRequest
    lock: threading.Lock = field(default_factory=threading.Lock)
    opened: Future[ProfileSession] = field(default_factory=Future)
    account: str | None = None

    def outcome(self, name: str, region: str | None) -> Outcome | None:
        """Call the function in a Region.

        Return the call's rows or failure as an `Outcome`, or None after Ctrl-C. If ``region`` is
        None, the function is called in the profile's own Region.
        """
        session = rows = failure = None
        try:
            with self.lock:  # the first call opens the session
                if not self.opened.done():
                    self._open()
            session = self.opened.result()
            if region is not None:
                session = _in_region(session, region)
            region = session.region_name
            label = label_for(session, Origin(self.request, self.run.form))
            turn = Turn(session, label, self.questions.is_over)
            rows = rows_of(work_for(self.run.function, turn, self.run.switcher.protection))
        except KeyboardInterrupt:  # of a question
            return None
        except BaseException as error:  # noqa: BLE001  # a failing profile doesn't stop the others
            failure = failure_of(error, session)
        return Outcome(name, self.account, region, rows, failure, self.request.account_name)

    def _open(self) -> None:
        try:
            opened = open_guarded(
                self.request,
                self.run.switcher.protection,
                self.sources.person,
                self._open_target,
            )
            opened.note("run")
            self.opened.set_result(opened.session)
        except Exception as error:  # noqa: BLE001  # each of the calls raises it
            self.opened.set_exception(error)

    def _open_target(self, target: Target) -> tuple[ProfileSession, Identity]:
        self.account = target.account or None
        if self.run.regions and not target.region:
            target = replace(target, region=self.run.regions[0])
        session = self.sources.open(target)
        identity = fetch_identity(session)
        self.account = identity.account
        return session, identity


def _in_region(session: ProfileSession, region: str) -> ProfileSession:
    """Return a session for the given Region that shares the credentials of ``session``."""
    request = replace(session.target.request, region=region)
    target = replace(session.target, request=request, region=region, region_variable=_REGIONS)
    core = ProfileBotocoreSession(target)
    core.load_with(session.get_credentials)
    return ProfileSession(core, target, timeout=session.timeout, prompter=session.prompter)


def _replaced_name(function: object, namespace: Mapping[str, object]) -> str:
    """Return the name of a notebook's function if the name now has different code, or ""."""
    if not isinstance(function, FunctionType) or function.__globals__ is not namespace:
        return ""
    current = namespace.get(function.__name__)
    if not isinstance(current, FunctionType):
        return ""
    return function.__name__ if current.__code__ != function.__code__ else ""


def _require_function(profiles: object, function: object) -> None:
    """Raise InvalidOption if the second argument of `across_profiles` isn't callable."""
    if callable(function):
        return
    hint = (
        "Pass the function itself, without calling it: write `across_profiles(profiles, function)` "
        "instead of `across_profiles(profiles, function(session))`."
    )
    if callable(profiles):
        name = getattr(profiles, "__name__", "")
        code = name if name.isidentifier() else "function"
        hint = f"The profiles come first: write `across_profiles({function!r}, {code})`."
    elif isinstance(function, str) and is_name(function):
        names = f"{profiles},{function}"
        hint = f"For several profiles, write `across_profiles({names!r}, function)`."
    elif isinstance(function, str) and function.isidentifier():
        hint = (
            "Pass the function itself, without quotation marks: "
            f"`across_profiles({profiles!r}, {function})`."
        )
    raise InvalidOption(
        "`across_profiles` takes a function as its second argument, not a value of type "
        f"{type(function).__name__}.",
        hint,
    )


def _parse_regions(regions: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the Region names from a list, or from a string with commas or spaces between names.

    A string may also contain semicolons, or be a list in Python's notation. If ``regions`` is None,
    return an empty tuple. Warn about names that botocore doesn't know. Raise InvalidOption if
    ``regions`` doesn't contain any names, or contains a pattern.
    """
    if regions is None:
        return ()
    if not isinstance(regions, str):
        regions = ",".join(map(str, regions))
    names = tuple(dict.fromkeys(region_names_in(regions)))
    if not names:
        raise InvalidOption(
            "`regions` is empty.",
            "Pass at least one Region, or omit `regions` to use each profile's own Region.",
        )
    for name in names:
        if not is_region_name(name):
            raise InvalidOption(
                f"`{name}` isn't the name of a Region.",
                "`--regions`, or `regions=` in Python, takes the names of Regions, separated by "
                "commas, and no patterns.",
            )
    for problem in filter(None, map(unknown_region, names)):
        PROCESS.warn(problem)
    return names
