"""Combine the outcomes of many profiles in one DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Self

from ipy_awsprofile.cards.run_cards import profile_and_region, reasons
from ipy_awsprofile.errors import AwsProfileError, NoProfileAnswered
from ipy_awsprofile.text import one_line, visible

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd

    from ipy_awsprofile.across.outcomes import Outcome, Rows

#: The first columns. A function's column with one of these names gets `_PREFIX`.
_FIRST_COLUMNS = ("profile", "account", "region")
_PREFIX = "result_"


class ErrorRows(list[dict[str, str | None]]):
    """The errors of a run over many profiles, shown as a table.

    A row has the ``profile``, its ``account`` (as reported by STS, otherwise from the files, or
    None if unknown), the ``region`` if the run has ``regions``, the ``error``'s type, its
    ``message`` and a ``hint``.

    The rows are plain dicts, because pandas compares, copies and writes a frame's ``attrs`` with
    ``==``, `copy.deepcopy` and JSON. A DataFrame in ``attrs`` would break `pandas.concat`,
    ``merge`` and ``to_parquet``. The method `frame` returns a DataFrame.
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
        ``attrs["errors"]`` contains the remaining errors. If nothing is left to retry, the results
        are returned as they are. ``executor`` replaces the run's executor, for example after it was
        shut down.

        Raises NoProfileAnswered if there is still no result, InvalidOption if the executor was
        shut down, and AwsProfileError if the errors come from a file or another process.
        """
        if self.on_retry is None:
            raise AwsProfileError(
                "These errors can't be retried: they come from a file or another process.",
                "Run the function again with `across_profiles`, or run the cell again.",
            )
        return self.on_retry(executor)

    def frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame."""
        import pandas as pd

        region = ["region"] if self and "region" in self[0] else []
        columns = ["profile", "account", *region, "error", "message", "hint"]
        return pd.DataFrame(list(self), columns=columns, dtype="string")

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
        import pandas as pd

        with pd.option_context("display.max_colwidth", None):  # show the full messages
            return self.frame().to_html(notebook=True) if self else "no errors"


def rows_of(value: Any) -> Rows:
    """Return the rows for a function's return value.

    A DataFrame (of pandas, polars or pyarrow), a Series and a list of dicts contain rows, a dict is
    one row, and None is no row. Any other list has a row for each item, and any other value is one
    row, in the column ``value``. An index becomes columns, except an unnamed index of integers,
    which pandas leaves after filtering or sorting. Raises ValueError if two columns have the same
    name.
    """
    import pandas as pd

    if hasattr(value, "to_pandas"):
        value = value.to_pandas()
    match value:
        case pd.DataFrame():
            return _without_index(value)
        case pd.Series():
            return _without_index(value.to_frame("value" if value.name is None else value.name))
        case None:
            return []
        case Mapping():
            return [value]
        case list() | tuple() if all(isinstance(item, Mapping) for item in value):
            return list(value)
        case list() | tuple():
            return [{"value": item} for item in value]
        case _:
            return [{"value": value}]


def frame_of(
    outcomes: Sequence[Outcome], *, interrupted: bool = False, regional: bool = False
) -> pd.DataFrame:
    """Return the rows of all outcomes as one frame, with profile, account and region in each row.

    ``attrs["errors"]`` contains the failures as `ErrorRows`, and ``attrs["interrupted"]`` is
    ``interrupted``. With ``regional``, the failures include their Regions.
    """
    import pandas as pd

    good = [(outcome, outcome.rows) for outcome in outcomes if outcome.rows is not None]
    frames = list(_frames(rows for _, rows in good))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    frame = frame.rename(columns=_new_names(frame.columns))
    counts = [len(rows) for _, rows in good]
    for position, column in enumerate(_FIRST_COLUMNS):
        values = (getattr(outcome, column) for outcome, _ in good)
        # pandas prints texts as they are.
        shown = [value and one_line(value) for value in values]
        series = pd.Series(shown, dtype="string")
        frame.insert(position, column, series.repeat(counts).reset_index(drop=True))
    errors = ErrorRows(_error_rows(outcomes, regional=regional))
    frame.attrs = {"errors": errors, "interrupted": interrupted}
    return frame


def _frames(parts: Iterable[Rows]) -> Iterator[pd.DataFrame]:
    """Yield each DataFrame, and one DataFrame for each group of records between them."""
    import pandas as pd

    for are_records, group in groupby(parts, lambda rows: isinstance(rows, list)):
        if are_records:
            yield pd.DataFrame(list(chain.from_iterable(group)))
        else:
            yield from group  # type: ignore[misc]


def _without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame without its index. Drop unnamed integers, and turn others into columns."""
    import pandas as pd

    index = frame.index
    counts = index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index)
    rows = frame.reset_index(drop=bool(counts))
    if not rows.columns.is_unique:
        raise ValueError("The result has two columns of the same name.")
    rows.attrs = {}
    return rows


def _new_names(columns: Collection[Any]) -> dict[str, str]:
    """Return new names for the columns with the name of one of the first columns."""
    names = {}
    for column in _FIRST_COLUMNS:
        if column in columns:
            name = _PREFIX + column
            while name in columns:
                name = _PREFIX + name
            names[column] = name
    return names


def _error_rows(outcomes: Sequence[Outcome], *, regional: bool) -> Iterator[dict[str, str | None]]:
    for outcome in outcomes:
        if outcome.failure:
            row = {"profile": outcome.profile, "account": outcome.account}
            row |= {"region": outcome.region} if regional else {}
            row |= asdict(outcome.failure)
            yield {name: text and visible(text) for name, text in row.items()}


def no_profile_answered(errors: ErrorRows, size: str) -> NoProfileAnswered:
    """Return the error for a run without any result. ``size`` is `Job.size`."""
    if len(errors) == 1:
        (one,) = errors
        message = f"{profile_and_region(one, '`')} failed: {one['error']}: {one['message']}"
    else:
        message = f"None of {size} succeeded. {'; '.join(reasons(errors))}"
    hint = next((row["hint"] for row in errors if row["hint"]), "") or ""
    failed = NoProfileAnswered(message, hint)
    failed.errors = errors
    return failed
