"""Call a function for one profile, and combine the outcomes of many profiles in one DataFrame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from pickle import PicklingError, loads
from threading import Lock
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from tqdm.std import tqdm

from ipy_awsprofile.cards.card import MOST_ROWS, Card, Table, Tone
from ipy_awsprofile.cards.runs import profile_and_region, reasons
from ipy_awsprofile.credentials.translation import from_error
from ipy_awsprofile.errors import (
    AwsProfileError,
    InvalidOption,
    NoProfileAnswered,
    NotForOneProfile,
)
from ipy_awsprofile.kernel.gate import GATE, Label, Row, row_here, working_for
from ipy_awsprofile.kernel.places import places_of_run, require_default_session
from ipy_awsprofile.kernel.show import Kernel
from ipy_awsprofile.kernel.watch import put_label, watch
from ipy_awsprofile.sessions.portable import PortableSession, current_keys, portable
from ipy_awsprofile.sessions.session import chain_of
from ipy_awsprofile.text import number_of, one_line, shortened, visible

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import boto3
    import pandas as pd

    #: A DataFrame, or records, which are faster for many small results.
    Rows = pd.DataFrame | list[Mapping[str, Any]]

Function = Callable[["boto3.Session"], Any]

#: An error as text, because not every exception can be pickled: its type, message and hint.
Failure = dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rows of one call of the function, or its failure.

    ``account`` is the account reported by STS. If no session could be opened, it is the account in
    the files, if any. ``account_name`` is its name for a role of `organization_roles`.
    """

    profile: str
    account: str | None = None
    region: str | None = None
    rows: Rows | None = None
    failure: Failure | None = None
    account_name: str | None = None


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


def call_in_row(function: Function, row: Row) -> tuple[Any, Failure | None]:
    """Call the function for a row, and return its value or its failure.

    A generator is consumed here, while the session is available.
    """
    try:
        with working_for(row):
            try:
                value = function(row.session)
                if isinstance(value, Iterator):
                    value = list(value)
            finally:
                if row.line:
                    print()  # noqa: T201  # completes the line
        require_default_session()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # asyncio's CancelledError isn't an Exception
        if isinstance(error, NoCredentialsError):  # the row's session has some
            error = NotForOneProfile(
                "A client without credentials was used, instead of the row's `session`.",
                'Create a client for each profile, such as `session.client("s3")`.',
            )
        elif isinstance(error, BotoCoreError | ClientError):
            error = from_error(error, chain_of(row.session))
        return None, failure_of(error, row.session)
    return value, None


class LinesOfRows:
    """The standard output during a run: whole lines, each with the name of its row's profile."""

    def __init__(self, stream: Any, *, regional: bool) -> None:
        self._stream = stream
        self._regional = regional

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the complete lines of the thread's row, or the whole text in any other thread."""
        row = row_here()
        if not row:
            return int(self._stream.write(text))
        *lines, row.line = (row.line + text).split("\n")
        if lines:
            region = row.session.region_name if self._regional else None
            name = profile_and_region({"profile": row.label.profile, "region": region})
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
) -> tuple[Any, Failure | None]:
    """Call the function in a worker, which gets only short-lived credentials. Raises InvalidOption.

    If cloudpickle is installed, a function of the notebook is pickled by value.
    """
    try:
        with suppress(ImportError):
            import cloudpickle

            function = partial(_call_pickled, cloudpickle.dumps(function))
        return executor.submit(call_in_worker, portable(session), function).result()
    except (RuntimeError, TypeError, PicklingError) as error:
        raise InvalidOption(
            f"The executor doesn't accept the call: {error}",
            "Don't use sessions or clients of the notebook in the function. If the executor was "
            "shut down, pass another one: `retry(executor=…)`.",
        ) from error


def _call_pickled(pickled: bytes, session: boto3.Session) -> Any:
    return loads(pickled)(session)  # noqa: S301  # it comes from the kernel


class _Worker:
    """The calls that a worker process is making, in several threads."""

    lock = Lock()
    calls = 0
    kernel = Kernel()


def call_in_worker(session: PortableSession, function: Function) -> tuple[Any, Failure | None]:
    """Open the session and call the function with it, in a worker of an executor."""
    isolation: AbstractContextManager[None] = nullcontext()
    if _Worker.calls or not GATE.is_run:  # otherwise, it is a thread in the kernel
        isolation = _isolated_worker()
    with isolation:
        row = Row(session.open(), Label(session.chain[0]))
        put_label(row.session.get_credentials(), row.label)
        return call_in_row(function, row)


@contextmanager
def _isolated_worker() -> Iterator[None]:
    with _Worker.lock:
        if not GATE.watched:
            watch()  # until the process ends
        if not _Worker.calls:
            _Worker.kernel.show(places_of_run())
        _Worker.calls += 1
        GATE.is_run = True
    try:
        yield
    finally:
        with _Worker.lock:
            _Worker.calls -= 1
            if not _Worker.calls:
                GATE.is_run = False
                _Worker.kernel.show({})


class ErrorRows(list[dict[str, str | None]]):
    """The errors of a run over many profiles, shown as a table.

    A row has the ``profile``, its ``account`` (as reported by STS, otherwise from the files, or
    None if unknown), its ``account_name`` in a run with `organization_roles`, the ``region`` if the
    run has ``regions``, the ``error``'s type, its ``message`` and a ``hint``. The rows are plain
    dicts, because pandas compares, copies and writes a frame's ``attrs``. The method `frame`
    returns a DataFrame.
    """

    def __init__(
        self,
        rows: Iterable[dict[str, str | None]] = (),
        on_retry: Callable[[Executor | None], pd.DataFrame] | None = None,
    ) -> None:
        super().__init__(rows)
        #: Runs the calls without a result again. None if the errors have no run.
        self.on_retry = on_retry

    def retry(self, *, executor: Executor | None = None) -> pd.DataFrame:
        """Retry the profiles that failed or that Ctrl-C left out, and return all results.

        Call the function with the same options, for the profiles and Regions without a result. The
        DataFrame contains the earlier and the new results, as if they came from one run. Its
        ``attrs["errors"]`` contains the remaining errors. ``executor`` replaces the run's executor,
        for example after it was shut down.

        Raises NoProfileAnswered if there is still no result, and AwsProfileError if the errors come
        from a file or another process.
        """
        if self.on_retry is None:
            raise AwsProfileError(
                "These errors can't be retried: they come from a file or another process.",
                "Run the function again with `across_profiles`, or run the cell again.",
            )
        return self.on_retry(executor)

    def frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame."""
        import pandas as pd  # not needed if nothing failed

        return pd.DataFrame(list(self), columns=self._columns(), dtype="string")

    def _columns(self) -> list[str]:
        some = [name for name in ("account_name", "region") if self and name in self[0]]
        return ["profile", "account", *some, "error", "message", "hint"]

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        """Return the object itself. pandas copies ``attrs`` often, and the rows never change."""
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[list[dict[str, str | None]]]]:
        """Pickle the rows, but not the run with its function and results."""
        return type(self), (list(self),)

    def __repr__(self) -> str:
        lines = (
            f"{profile_and_region(row)}: {row['error']}: {row['message']}\n  {row['hint']}"
            for row in self
        )
        return "\n".join(map(str.rstrip, lines)) or "no errors"

    def _repr_html_(self) -> str:
        if not self:
            return "no errors"
        columns = self._columns()
        rows = [tuple(row.get(name) or "" for name in columns) for row in self]
        notes: tuple[str, ...] = ()
        if len(self) > MOST_ROWS:
            notes = ("The method `frame` returns all of them.",)
        return Card(
            number_of(len(self), "error"),
            notes=notes,
            tone=Tone.WARNING,
            table=Table(tuple(columns), rows),
        )._repr_html_()


def rows_of(value: Any) -> Rows:
    """Return the rows for a function's return value.

    A DataFrame (of pandas, polars or pyarrow), a Series and a list of dicts contain rows, a dict is
    one row, and None is no row. Any other list has a row for each item, and any other value is one
    row, in the column ``value``. An index becomes columns, except an unnamed index of integers,
    which pandas leaves after filtering or sorting.
    """
    import pandas as pd

    if hasattr(value, "to_pandas"):
        value = value.to_pandas()
    if isinstance(value, pd.Series):
        value = value.to_frame("value" if value.name is None else value.name)
    match value:
        case pd.DataFrame():
            index = value.index
            is_named = index.nlevels > 1 or index.name is not None
            keep = is_named or not pd.api.types.is_integer_dtype(index)
            rows = value.reset_index(drop=not keep)
            if not rows.columns.is_unique:
                raise ValueError("The result has two columns of the same name.")
            return rows
        case None:
            return []
        case Mapping():
            return [value]
        case list() | tuple():
            return [item if isinstance(item, Mapping) else {"value": item} for item in value]
        case _:
            return [{"value": value}]


def frame_of(outcomes: Sequence[Outcome], *, regional: bool = False) -> pd.DataFrame:
    """Return the rows of all outcomes as one frame, with profile, account and region in each row.

    With roles of an organization, each row also has an ``account_name``. A column of the function
    with one of these names is renamed. ``attrs["errors"]`` contains the failures as `ErrorRows`,
    with their Regions if ``regional``.
    """
    import pandas as pd

    good = [(outcome, outcome.rows) for outcome in outcomes if outcome.rows is not None]
    frames: list[Any] = []
    for are_records, group in groupby((rows for _, rows in good), lambda rows: type(rows) is list):
        if are_records:
            frames.append(pd.DataFrame(list(chain.from_iterable(group))))
        else:
            frames += group
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    first = ["profile", "account", "region"]
    if any(outcome.account_name for outcome in outcomes):
        first.insert(2, "account_name")
    frame = frame.rename(columns={name: f"result_{name}" for name in first})
    counts = [len(rows) for _, rows in good]
    for position, column in enumerate(first):
        values = (getattr(outcome, column) for outcome, _ in good)
        # pandas prints texts as they are.
        shown = pd.Series([value and one_line(value) for value in values], dtype="string")
        frame.insert(position, column, shown.repeat(counts).reset_index(drop=True))
    errors = ErrorRows()
    for outcome in outcomes:
        if outcome.failure:
            columns = first if regional else first[:-1]
            row = {name: getattr(outcome, name) for name in columns} | outcome.failure
            errors.append({name: text and visible(text) for name, text in row.items()})
    frame.attrs = {"errors": errors}
    return frame


def no_profile_answered(errors: ErrorRows, size: str) -> NoProfileAnswered:
    """Return the error for a run without any result. ``size`` describes the run."""
    if len(errors) == 1:
        (row,) = errors
        message = f"{profile_and_region(row, '`')} failed: {row['error']}: {row['message']}"
    else:
        message = f"None of {size} succeeded. {'; '.join(reasons(errors))}"
    counts = Counter(row["error"] for row in errors)
    most = max(errors, key=lambda row: (counts[row["error"]], bool(row["hint"])))
    failed = NoProfileAnswered(message, most["hint"] or "")
    failed.errors = errors
    return failed
