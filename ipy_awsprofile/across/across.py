"""One function over many profiles, side by side, into one DataFrame.

Threads of the kernel open the sessions, a bounded number at a time, and either call the function
themselves or hand it to an executor and wait for the answer. So nothing waits in a queue with
credentials that end, and a session is dropped as soon as its profile is done.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from IPython.display import display

from ipy_awsprofile.across.frame import Outcome, rows_of, tidy
from ipy_awsprofile.across.outcomes import Answer, Function, answer_of, problem_of
from ipy_awsprofile.across.shared_sources import Sources
from ipy_awsprofile.across.worker import PortableFunction, work
from ipy_awsprofile.cards import cards
from ipy_awsprofile.config.profiles import Profile, list_profiles
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.errors import AwsProfileError, InvalidOption, ProtectedProfile
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.portable import portable
from ipy_awsprofile.sessions.session import ProfileSession
from ipy_awsprofile.switch.switcher import Switcher
from ipy_awsprofile.switch.using_profile import running_switcher

if TYPE_CHECKING:
    import pandas as pd

#: Profiles that are worked on at a time: they wait for the network nearly all of it.
WORKERS = 32

#: Seconds of a step of the wait for the next profile.
_STEP = 0.2

#: Seconds after Ctrl-C for what is nearly done.
_MOMENT = 1.0


def across_profiles(
    profiles: str | Profile | Iterable[str | Profile],
    function: Function,
    *,
    max_workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
    confirmed: bool = False,
) -> pd.DataFrame:
    """Call a function with a session of each profile, and put all that it returns into one frame.

    ``profiles`` is a pattern as in `list_profiles`, or names and `Profile` records.
    ``function(session)`` returns rows (a DataFrame, a Series, a list of dicts), one row (a dict), a
    value (which becomes the column ``value``), or None for no row. In front of its columns stand
    ``profile``, ``account`` (as STS said) and ``region`` (the session's); a column of its own with
    such a name becomes ``result_region``. The rows are in the order of the profiles.

    A profile that fails stops no other: it is a row (``profile``, ``error``, ``message``, ``hint``)
    of ``result.attrs["errors"]``, and a summary is shown. Ctrl-C stops soon and keeps what is done;
    ``result.attrs["interrupted"]`` says so.

    MFA codes and sign-ins are asked for before the start, once for each device and each sign-in.
    Roles with a common source share it, and calls that AWS throttles are tried again. At most
    ``max_workers`` profiles (32) are worked on at a time, on threads, or on an ``executor``: a
    process pool or a Dask cluster's ``client.get_executor()``. To that, only short-lived
    credentials travel. ``progress`` shows a bar. ``confirmed`` says that protected profiles are
    meant, too.

    Raises InvalidOption if no profile fits or the function can't travel, and ConfigFileError.

    https://docs.python.org/3/library/concurrent.futures.html
    """
    names = _names(profiles)
    workers = WORKERS if max_workers is None else max_workers
    if workers < 1:
        raise InvalidOption(f"`max_workers` is {workers}, and one is the least.")
    switcher = running_switcher()
    work_on = _Work(switcher, function, executor, workers, confirmed)
    work_on.sources.ask(_targets(names))
    with _spared_collector():
        outcomes, interrupted = _gathered(work_on, names, workers, progress)
    frame = tidy(outcomes, interrupted=interrupted)
    errors, missing = frame.attrs["errors"], len(names) - len(outcomes)
    if errors or interrupted:
        display(cards.across_card(len(names), errors, missing))
    return frame


class _Work:
    """What is done for each profile, in some thread of the kernel."""

    def __init__(
        self,
        switcher: Switcher,
        function: Function,
        executor: Executor | None,
        workers: int,
        confirmed: bool,
    ) -> None:
        self.sources = Sources(switcher.person, connections=workers)
        self._function = function
        self._executor = executor
        self._portable = PortableFunction(function, executor) if executor else None
        self._needs_consent = (lambda _name: False) if confirmed else switcher.is_protected
        self._stopped = threading.Event()
        self._away: set[Future[Answer]] = set()

    def outcome(self, name: str) -> Outcome:
        """Work on one profile; what goes wrong is told in the outcome."""
        account = region = None
        try:
            if self._needs_consent(name):
                raise ProtectedProfile(name)
            target = target_of(SessionRequest(profile=name))
            session = self.sources.open(target)
            account, region = who_am_i(session).account, session.region_name
            answer = self._answer(session)
            if answer.expired and self._executor:
                answer = self._answer(self.sources.open(target, fresh=True))
            rows = None if answer.problem else rows_of(answer.value)
            return Outcome(name, account, region, rows, answer.problem)
        except Exception as error:  # noqa: BLE001
            return Outcome(name, account, region, problem=problem_of(error))

    def stop(self) -> None:
        """Take back what an executor hasn't begun, and begin nothing more."""
        self._stopped.set()
        for future in tuple(self._away):
            future.cancel()

    def _answer(self, session: ProfileSession) -> Answer:
        if self._executor is None or self._portable is None:
            return answer_of(self._function, session)
        if self._stopped.is_set():
            raise AwsProfileError("It was interrupted.")
        future = self._executor.submit(work, portable(session), self._portable)
        self._away.add(future)
        try:
            return future.result()
        finally:
            self._away.discard(future)


def _gathered(
    work_on: _Work, names: list[str], workers: int, progress: bool
) -> tuple[list[Outcome], bool]:
    """Work on all profiles; give the outcomes that there are, and whether Ctrl-C came before."""
    from tqdm.auto import tqdm

    pool = ThreadPoolExecutor(workers, thread_name_prefix="across-profiles")
    futures: list[Future[Outcome]] = []
    interrupted = False
    ended: SimpleQueue[object] = SimpleQueue()
    try:
        for name in names:
            futures.append(pool.submit(work_on.outcome, name))
            futures[-1].add_done_callback(ended.put)
        for _ in tqdm(names, unit=" profiles", disable=not progress):
            _wait_for_next(ended)
    except KeyboardInterrupt:
        interrupted = True
        work_on.stop()
        wait([future for future in futures if not future.cancel()], timeout=_MOMENT)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    finished = [future for future in futures if future.done() and not future.cancelled()]
    return [future.result() for future in finished], interrupted


@contextmanager
def _spared_collector() -> Iterator[None]:
    """Let the garbage collector look only at what is made meanwhile.

    Sessions are garbage that refers to itself. To find it, Python looks through all that the
    notebook holds, again and again: a fifth of the time. Whoever uses `gc.freeze` for something
    else is left alone.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _wait_for_next(ended: SimpleQueue[object]) -> None:
    """Wait in short steps: Ctrl-C that comes just before a wait would be heard only after it."""
    while True:
        with suppress(Empty):
            ended.get(timeout=_STEP)
            return


def _names(profiles: str | Profile | Iterable[str | Profile]) -> list[str]:
    if isinstance(profiles, str):
        found = list_profiles(profiles)
        if not found:
            raise InvalidOption(
                f"No profile fits `{profiles}`.", "`%aws_profiles` lists the profiles there are."
            )
        profiles = list(found)
    records = [profiles] if isinstance(profiles, Profile) else profiles
    return list(dict.fromkeys(one.name if isinstance(one, Profile) else one for one in records))


def _targets(names: Iterable[str]) -> Iterator[Target]:
    for name in names:
        with suppress(AwsProfileError):  # it is told when it is opened
            yield target_of(SessionRequest(profile=name))
