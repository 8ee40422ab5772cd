"""Call a function for one profile, in a thread of the kernel or in a worker of an executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pickle import PicklingError, dumps, loads
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from tqdm.std import tqdm

from ipy_awsprofile.cards.runs import profile_and_region
from ipy_awsprofile.credentials.translation import from_error
from ipy_awsprofile.errors import InvalidOption, NotForOneProfile
from ipy_awsprofile.gate import PROCESS, Label, Turn, in_turn, turn_here
from ipy_awsprofile.kernel.places import places_of_run, require_default_session
from ipy_awsprofile.kernel.show import Kernel
from ipy_awsprofile.kernel.watch import activate, watch, watch_credentials
from ipy_awsprofile.sessions.portable import PortableSession, current_keys, portable
from ipy_awsprofile.sessions.session import names_of_chain
from ipy_awsprofile.text import shortened

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import boto3

Function = Callable[["boto3.Session"], object]

#: An error as text, because not every exception can be pickled: its type, message and hint.
Failure = dict[str, str]


def failure_of(error: BaseException, session: boto3.Session | None = None) -> Failure:
    """Return an error as text, on one line each, without the session's keys."""
    message = " ".join(str(error).split())
    if session:
        for key in filter(None, current_keys(session)[:3]):
            for text in (key, quote(key), quote(key, safe="")):  # a presigned URL has the token
                message = message.replace(text, "…")
    return {
        "error": type(error).__name__,
        "message": shortened(message),
        "hint": getattr(error, "hint", ""),
    }


def work_for(function: Function, turn: Turn) -> tuple[object, Failure | None]:
    """Call the function in a profile's turn, and return its value or its failure.

    A generator is consumed here, while the session is available.
    """
    try:
        with in_turn(turn):
            try:
                value = function(turn.session)
                if isinstance(value, Iterator):
                    value = list(value)
            finally:
                if turn.line:
                    print()  # noqa: T201  # completes the line
        require_default_session()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # asyncio's CancelledError isn't an Exception
        if isinstance(error, NoCredentialsError):  # the profile's session has some
            error = NotForOneProfile(
                "A client without credentials was used, instead of the profile's `session`.",
                'Create a client for each profile, such as `session.client("s3")`.',
            )
        elif isinstance(error, BotoCoreError | ClientError):
            error = from_error(error, names_of_chain(turn.session))
        return None, failure_of(error, turn.session)
    return value, None


class LinesOfCalls:
    """The standard output during a run: whole lines, each with the name of its profile."""

    def __init__(self, stream: Any, *, regional: bool) -> None:
        self._stream = stream
        self._regional = regional

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the complete lines of the thread's turn, or the whole text in any other thread."""
        turn = turn_here()
        if not turn:
            return int(self._stream.write(text))
        *lines, turn.line = (turn.line + text).split("\n")
        if lines:
            region = turn.session.region_name if self._regional else None
            name = profile_and_region({"profile": turn.label.profile, "region": region})
            room: AbstractContextManager[None] = nullcontext()
            if self._stream.isatty():  # the progress bar is there, too
                room = tqdm.external_write_mode(file=self)
            with room:
                self._stream.write("".join(f"{name}: {line}\n" for line in lines))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write some lines, as `write` does."""
        self.write("".join(lines))


def call_with(
    executor: Executor, function: Function, session: boto3.Session
) -> tuple[object, Failure | None]:
    """Call the function in a worker, which gets only short-lived credentials. Raises InvalidOption.

    If cloudpickle is installed, a function of the notebook is pickled by value.
    """
    try:
        with suppress(ImportError):
            import cloudpickle

            function = partial(_call_pickled, cloudpickle.dumps(function))
        # The worker unpickles the call in the task, because Dask's workers end if they can't
        # unpickle a message. They may not have this package.
        call = dumps(_Call(portable(session), function))
        result: tuple[object, Failure | None] = executor.submit(loads, call).result()
    except ImportError as error:
        raise InvalidOption(
            f"The executor's workers can't make the call: {error}.",
            "Install the notebook's packages there, with `ipy-awsprofile`.",
        ) from error
    except (RuntimeError, TypeError, PicklingError) as error:
        raise InvalidOption(
            f"The executor doesn't accept the call: {error}",
            "Don't use sessions or clients of the notebook in the function. If the executor was "
            "shut down, pass another one: `retry(executor=…)`.",
        ) from error
    return result


class _Call:
    """A call that is made when it is unpickled."""

    def __init__(self, session: PortableSession, function: Function) -> None:
        self._arguments = (session, function)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return call_in_worker, self._arguments


def _call_pickled(pickled: bytes, session: boto3.Session) -> object:
    return loads(pickled)(session)  # noqa: S301  # it comes from the kernel


class _Worker:
    """The calls that a worker process is making, in several threads."""

    lock = Lock()
    calls = 0
    kernel = Kernel()


def call_in_worker(session: PortableSession, function: Function) -> tuple[object, Failure | None]:
    """Open the session and call the function with it, in a worker of an executor."""
    isolation: AbstractContextManager[None] = nullcontext()
    if _Worker.calls or not PROCESS.is_run:  # otherwise, it is a thread in the kernel
        isolation = _isolated_worker()
    with isolation:
        turn = Turn(session.open(), Label(session.chain[0]))
        watch_credentials(turn.session.get_credentials(), turn.label)
        return work_for(function, turn)


@contextmanager
def _isolated_worker() -> Iterator[None]:
    with _Worker.lock:
        if not PROCESS.watched:
            watch()  # until the process ends
        if not _Worker.calls:
            _Worker.kernel.show(places_of_run(), {})
            activate(None, is_run=True)
        _Worker.calls += 1
    try:
        yield
    finally:
        with _Worker.lock:
            _Worker.calls -= 1
            if not _Worker.calls:
                activate(None)
                _Worker.kernel.show({}, {})
