"""Call a function for many profiles at the same time, and collect the results in one DataFrame.

Threads open the profiles' sessions and call the function. In its thread, the profile's session is
boto3's default session; see `gate` for what the threads can't use.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from dis import get_instructions
from inspect import iscoroutinefunction
from itertools import chain, product
from types import CodeType, FunctionType
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
from ipy_awsprofile.cards.tables import across_card
from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.config.regions import unknown_region
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.errors import InvalidOption, NotForOneProfile
from ipy_awsprofile.gate import PROCESS, Turn, require_no_run
from ipy_awsprofile.kernel.leftovers import is_handle, starts_workers
from ipy_awsprofile.kernel.uninterrupted import Uninterrupted, interruptible
from ipy_awsprofile.sessions.session import ProfileSession, fetch_identity, label_for
from ipy_awsprofile.switch.opening import open_guarded
from ipy_awsprofile.switch.using_profile import running_switcher
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    import pandas as pd

    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.sessions.session import Identity
    from ipy_awsprofile.switch.switcher import Switcher

#: How often to look for Ctrl-C and questions, and the time after Ctrl-C for profiles to finish, in
#: seconds.
_POLL = 0.1
_GRACE = 1.0

#: A profile, and a Region unless it is the profile's own.
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
    _variable: str = "",
) -> pd.DataFrame:
    """Call a function with a session of each profile and return all results as one DataFrame.

    ``profiles`` is the exact name of a profile, a pattern as in `list_profiles`, several of these
    with commas between them, or a list of exact names, patterns with wildcards, `Profile` records,
    and roles of `list_assigned_roles` or `organization_roles`. A pattern that begins with a
    sign-in, such as ``corp:1000*/Admin`` or ``corp:team-*/Admin``, also selects roles. ``exclude``
    leaves out some of them: names, account IDs, names of accounts of roles, or patterns for the
    whole name or ID, ignoring case.

    ``regions`` (a list, or a text such as ``eu-central-1,us-east-1``) calls the function for each
    profile in each of these Regions instead of the profile's Region. The Regions share the
    profile's credentials.

    ``function(session)`` returns rows (a DataFrame, a Series, a list of dicts), one row (a dict), a
    value (it becomes the column ``value``), or None for no row. An index becomes a column, except
    an unnamed index of integers; to keep it, return ``frame.reset_index()``. The first columns are
    ``profile``, ``account`` (as reported by STS) and ``region`` (of the session). For roles of
    `organization_roles`, ``profile`` is the role's ARN, and ``account_name`` is the next column
    after the account. If the function returns a column with one of these names, it is renamed, for
    example to ``result_region``. The rows are in the order of the profiles, and then of the
    Regions.

    A profile that fails doesn't stop the others. Its error is a row (``profile``, ``account`` if
    known, ``region`` if there are ``regions``, ``error``, ``message``, ``hint``) of
    ``result.attrs["errors"]``, and a summary is shown. If every profile fails, NoProfileAnswered is
    raised, with these rows as its ``errors``. Ctrl-C stops within seconds, keeps the results so far
    and sets ``result.attrs["interrupted"]`` to True. ``result.attrs["errors"].retry()`` retries
    the profiles that failed or weren't completed, and returns all results: see `ErrorRows`.

    The user is prompted once for each MFA device and each sign-in. Roles with the same source share
    its credentials. At most ``max_workers`` profiles are processed at the same time, in threads.
    ``progress`` shows a progress bar, and ``confirmed`` includes protected profiles. ``read_only``,
    ``policy`` and ``write`` are the options of ``%aws_profile``.

    Code that would use the notebook's identity, such as a global client, is an error of each
    profile. Raises InvalidOption if no profile matches or if the function is async,
    NotForOneProfile if the function names an object that is open in S3, and other subclasses of
    `AwsProfileError`.

    https://docs.python.org/3/library/concurrent.futures.html
    """
    require_no_run("`across_profiles`")
    _require_function(profiles, function)
    if max_workers < 1:
        raise InvalidOption("`max_workers` must be 1 or more.")
    if iscoroutinefunction(function):
        raise InvalidOption(
            "The function is async, and nothing would await its result.",
            "Run `import asyncio`, and pass `lambda session: asyncio.run(FUNCTION(session))`.",
        )
    switcher = running_switcher()
    _require_no_handles(getattr(function, "run", function), switcher.namespace)
    options = SwitchRequest(
        default_session_name=switcher.session_name,
        confirmed=confirmed,
        read_only=read_only,
        policy=policy,
        write=write,
    )
    requests: dict[str, SwitchRequest] = {}
    for profile in select_profiles(profiles, exclude, switcher.person):
        if isinstance(profile, OrganizationRole):
            requests[str(profile)] = profile.request(options)
        else:
            requests[profile] = replace(options, profile=profile)
    return Run(
        switcher=switcher,
        function=function,
        requests=requests,
        regions=_parse_regions(regions),
        workers=max_workers,
        progress=progress,
        variable=_variable,
    ).make()


@dataclass(slots=True, repr=False, kw_only=True)
class Run:
    """The calls of a function for profiles and Regions, with the outcomes so far.

    Without ``regions``, the function is called in each profile's Region. ``workers`` is the number
    of threads, and ``variable`` is the notebook's name for the result.
    """

    switcher: Switcher
    function: Function
    requests: Mapping[str, SwitchRequest]
    regions: tuple[str, ...]
    workers: int
    progress: bool
    variable: str
    outcomes: dict[Task, Outcome] = field(default_factory=dict)

    def make(self) -> pd.DataFrame:
        """Make the calls without a result, and return the results of all calls.

        Raises NoProfileAnswered without any result. Ctrl-C keeps the results so far.
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
            display(across_card(good, size, errors, not_run=not_run, frame=self.variable))
        return frame

    def _is_pending(self, task: Task) -> bool:
        outcome = self.outcomes.get(task)
        return outcome is None or outcome.failure is not None

    def _retry(self) -> pd.DataFrame:
        if self.variable == "_":  # which has changed by now
            self.variable = ""
        return self.make()

    def _make_calls(self, tasks: Sequence[Task], block: Uninterrupted) -> bool:
        """Make calls in threads, and keep their outcomes. Return whether Ctrl-C has ended them."""
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
        """Ask the calls' questions until all calls have ended. Return whether Ctrl-C ended them."""
        unit = " calls" if self.regions else " profiles"
        is_hidden = not waiting or not self.progress
        # Nothing stays, and a quick run shows nothing.
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
    """The session of one profile in a run, shared by the calls for its Regions."""

    run: Run
    questions: Questions
    sources: SharedSources
    request: SwitchRequest
    lock: threading.Lock = field(default_factory=threading.Lock)
    opened: Future[ProfileSession] = field(default_factory=Future)
    account: str | None = None

    def outcome(self, name: str, region: str | None) -> Outcome | None:
        """Call the function, and return its rows or its failure; None after Ctrl-C."""
        session = rows = failure = None
        try:
            with self.lock:  # the first call opens the session
                if not self.opened.done():
                    self._open()
            session = self.opened.result()
            if region is not None:
                session = _in_region(session, region)
            region = session.region_name
            turn = Turn(session, label_for(session), self.questions.is_over)
            rows = rows_of(work_for(self.run.function, turn))
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
    """Return a session in another Region with the same, jointly renewed credentials."""
    target = replace(session.target, region=region)
    core = ProfileBotocoreSession(target)
    core.callers = session.callers
    core.load_with(session.get_credentials)
    return ProfileSession(core, target, timeout=session.timeout, prompter=session.prompter)


def _require_function(profiles: object, function: object) -> None:
    """Raise InvalidOption unless the second argument can be called."""
    if callable(function):
        return
    hint = "Write `across_profiles(profiles, function)`."
    if isinstance(function, str) and is_name(function):
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


def _require_no_handles(function: object, namespace: Mapping[str, object]) -> None:
    """Raise NotForOneProfile if a function names an object that the notebook opened in S3."""
    if not isinstance(function, FunctionType):
        return
    for what, value in _values_of(function, namespace):
        if starts_workers(value):
            raise NotForOneProfile(
                f"{what} runs code in processes that have the notebook's identity.",
                "In the function, use only its `session`.",
            )
        if is_handle(value):
            raise NotForOneProfile(
                f"{what} was opened in S3 before the run, and keeps its identity.",
                "Open it in the function, with the profile's `session`.",
            )


def _values_of(
    function: FunctionType, namespace: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    """Yield the variables of a function, and of the notebook's functions that it names."""
    functions = [function]
    for reached in functions:  # the list grows
        for name, value in _variables_of(reached, namespace).items():
            yield f"`{name}`", value
            if not isinstance(value, FunctionType) or value in functions:
                continue
            if value.__globals__ is namespace:
                functions.append(value)


def _variables_of(function: FunctionType, namespace: Mapping[str, object]) -> dict[str, object]:
    """Return a function's default arguments, and the variables that it names."""
    code = function.__code__
    defaults = function.__defaults__ or ()
    arguments = code.co_varnames[: code.co_argcount]
    variables: dict[str, object] = dict(zip(reversed(arguments), reversed(defaults), strict=False))
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # not assigned yet
            variables[name] = cell.cell_contents
    # A cell with `%%aws_profiles` becomes a function with its code in variables.
    codes = list(_codes_in((code, *variables.values())))
    own: set[str] = set()
    names: set[str] = set()
    for step in chain.from_iterable(map(get_instructions, codes)):
        if step.opname == "STORE_NAME":
            own.add(step.argval)
        elif step.opname in {"LOAD_NAME", "LOAD_GLOBAL"}:  # not an attribute
            names.add(step.argval)
    for scope in (function.__globals__, namespace):
        for name in (names - own) & scope.keys():
            variables[name] = scope[name]
    return variables


def _codes_in(values: Iterable[object]) -> Iterator[CodeType]:
    """Yield code among values, and the code of the functions that it defines."""
    for value in values:
        if isinstance(value, CodeType):
            yield value
            yield from _codes_in(value.co_consts)


def _parse_regions(regions: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the names of Regions, from a list or a text with commas or blanks between the names.

    None is each profile's own Region. Raises InvalidOption for an empty list. Warns about names
    that botocore doesn't know.
    """
    if regions is None:
        return ()
    if not isinstance(regions, str):
        regions = ",".join(map(str, regions))
    names = tuple(dict.fromkeys(regions.replace(",", " ").split()))
    if not names:
        raise InvalidOption(
            "`regions` names no Region.",
            "Name at least one, or leave out `regions` to use each profile's own Region.",
        )
    for problem in filter(None, map(unknown_region, names)):
        PROCESS.warn(problem)
    return names
