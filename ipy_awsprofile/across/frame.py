"""Combine the results of many calls in one DataFrame, and their failures in a table of errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mode
from typing import TYPE_CHECKING, Any, NoReturn, Self

from ipy_awsprofile.cards.card import MOST_ROWS, Card, Table, Tone
from ipy_awsprofile.cards.tables import profile_and_region, reasons
from ipy_awsprofile.errors import AwsProfileError, NoProfileAnswered
from ipy_awsprofile.text import number_of, one_line, visible

if TYPE_CHECKING:
    import pandas as pd

    from ipy_awsprofile.across.function import Failure

    #: A DataFrame, or records, which are faster for many small results.
    Rows = pd.DataFrame | list[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rows that a function returned for a profile, or the failure of the call.

    ``account`` is the account ID that STS reported or, if no session could be opened, the account
    ID from the shared files. ``account_name`` is the account's name for a role from
    `organization_roles`, and otherwise None.
    """

    profile: str
    account: str | None = None
    region: str | None = None
    rows: Rows | None = None
    failure: Failure | None = None
    account_name: str | None = None


class ErrorRows(list[dict[str, str | None]]):
    """The errors of a function or cell that ran for many profiles.

    The notebook displays the errors as a table. Each row is a dict with the keys ``profile``,
    ``account``, ``error``, ``message`` and ``hint``. ``account`` is the ID that STS reported or, if
    STS didn't report an ID, the ID from the shared files (None if unknown). ``error`` is the
    error's type. Rows for roles from `organization_roles` also have an ``account_name``. If the
    code ran in several Regions, the rows also have a ``region``. The rows are plain dicts because
    pandas compares, copies and writes the ``attrs`` of a DataFrame. The method `frame` returns the
    rows as a DataFrame.
    """

    #: Repeats the calls that don't have a result. It is None if the errors can't be retried.
    on_retry: Callable[[], pd.DataFrame] | None = None

    def retry(self) -> pd.DataFrame:
        """Retry the profiles that failed or weren't completed, and return all results.

        The function is called again, with the same options, for each profile and Region without a
        result. The DataFrame contains the earlier and the new results, in the same order as in a
        single run. The DataFrame's ``attrs["errors"]`` contains the remaining errors.

        Raise NoProfileAnswered if every profile has failed, or AwsProfileError if the errors come
        from a file or another process.
        """
        if self.on_retry is None:
            raise AwsProfileError(
                "These errors can't be retried, because they come from a file or another process.",
                "Run the function again with `across_profiles`, or run the cell again.",
            )
        return self.on_retry()

    def frame(self) -> pd.DataFrame:
        """Return the errors as a DataFrame with a row for each error."""
        import pandas as pd  # not needed if nothing failed

        columns = self[0] if self else ("profile", "account", "error", "message", "hint")
        return pd.DataFrame(list(self), columns=list(columns), dtype="string")

    def __getattr__(self, name: str) -> NoReturn:
        """Raise AttributeError. For an attribute of a DataFrame, say how to get the DataFrame."""
        problem = f"{type(self).__name__!r} object has no attribute {name!r}"
        pandas = sys.modules.get("pandas")
        if name == "attrs":
            problem += ", because these are the errors. Write `.retry()` or `.frame()`."
        elif pandas and not name.startswith("_") and hasattr(pandas.DataFrame, name):
            problem += f". Write `.frame().{name}` instead of `.{name}`."
        raise AttributeError(problem, name=name, obj=self)

    def __getitem__(self, key: Any) -> Any:
        """Return rows by position. For a name, raise TypeError with the code that works."""
        if not isinstance(key, str):
            return super().__getitem__(key)
        problem = "list indices must be integers or slices, not str."
        code = ""
        if self and key in self[0]:
            code = f".frame()[{key!r}]"
        elif any(key == row["profile"] for row in self):
            code = f".frame().set_index('profile').loc[[{key!r}]]"
        advice = f"Write `{code}` instead of `[{key!r}]`." if code else ""
        raise TypeError(f"{problem} {advice}".strip())

    def __deepcopy__(self, _memo: object) -> Self:
        """Return this object, because pandas copies ``attrs`` often and the rows never change."""
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[list[dict[str, str | None]]]]:
        """Return the rows for pickle, without the function that retries the calls."""
        return type(self), (list(self),)

    def __repr__(self) -> str:
        lines: list[str] = []
        for row in self:
            lines.append(f"{profile_and_region(row)}: {row['error']}: {row['message']}")
            if row["hint"]:
                lines.append(f"  {row['hint']}")
        return "\n".join(lines) or "no errors"

    def _repr_html_(self) -> str:
        if not self:
            return "no errors"
        rows = [tuple(text or "" for text in row.values()) for row in self]
        notes: tuple[str, ...] = ()
        if len(self) > MOST_ROWS:
            notes = ("To see all errors, call this object's method `frame()`.",)
        return Card(
            number_of(len(self), "error"),
            notes=notes,
            tone=Tone.WARNING,
            table=Table(tuple(self[0]), rows),
        )._repr_html_()


def rows_of(value: object) -> Rows:
    """Convert the return value of a user's function to rows.

    A DataFrame (from pandas, polars or pyarrow), a Series and a list of dicts contain rows, a dict
    is a single row, and None means no rows. For any other list, each item becomes a row. Any other
    value becomes a single row with the column ``value``. An index becomes columns, except an
    unnamed index of integers, which is usually left over from filtering or sorting.
    """
    import pandas as pd

    if hasattr(value, "to_pandas"):
        value = value.to_pandas()
    if isinstance(value, pd.Series):
        value = value.to_frame("value" if value.name is None else value.name)
    match value:
        case pd.DataFrame():
            index = value.index
            is_unnamed = index.nlevels == 1 and index.name is None
            drop = is_unnamed and pd.api.types.is_integer_dtype(index)
            rows = value.reset_index(drop=drop)
            if not rows.columns.is_unique:
                raise ValueError("The result has two columns with the same name.")
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
    """Return the rows of all outcomes as one DataFrame, with the profile, account and Region.

    For roles from `organization_roles`, each row also has an ``account_name``. If the function's
    result has a column with the name of one of these columns, such as ``region``, the result's
    column is renamed ``result_NAME``. ``attrs["errors"]`` contains the failures as `ErrorRows`. If
    ``regional`` is true, the failures contain the Region.
    """
    import pandas as pd

    first = ["profile", "account", "region"]
    if any(outcome.account_name for outcome in outcomes):
        first.insert(2, "account_name")
    good: list[Outcome] = []
    rows: list[Rows] = []
    errors = ErrorRows()
    for outcome in outcomes:
        if outcome.failure:
            errors.append(_error_row(outcome, first if regional else first[:-1]))
        if outcome.rows is not None:
            good.append(outcome)
            rows.append(outcome.rows)
    frame = _joined(rows).rename(columns={name: f"result_{name}" for name in first})
    counts = list(map(len, rows))
    for position, column in enumerate(first):
        texts = [getattr(outcome, column) for outcome in good]
        values = [text and one_line(text) for text in texts]  # pandas prints texts as they are
        shown = pd.Series(values, dtype="string")
        frame.insert(position, column, shown.repeat(counts).reset_index(drop=True))
    frame.attrs = {"errors": errors}
    return frame


def _joined(all_rows: Iterable[Rows]) -> pd.DataFrame:
    """Return all rows, which are DataFrames or lists of dicts, as one DataFrame."""
    import pandas as pd

    frames: list[pd.DataFrame] = []
    records: list[Mapping[str, object]] = []  # since the last frame, because one frame is faster
    for rows in all_rows:
        if isinstance(rows, list):
            records += rows
            continue
        if records:
            frames.append(pd.DataFrame(records))
            records = []
        frames.append(rows)
    if records or not frames:
        frames.append(pd.DataFrame(records))
    return pd.concat(frames, ignore_index=True)


def _error_row(outcome: Outcome, columns: Iterable[str]) -> dict[str, str | None]:
    row: dict[str, str | None] = {}
    for name in columns:
        row[name] = getattr(outcome, name)
    row |= outcome.failure or {}
    for name, text in row.items():
        row[name] = text and visible(text)
    return row


def no_profile_answered(errors: ErrorRows, size: str) -> NoProfileAnswered:
    """Return the error for code that failed for every profile.

    ``size`` describes the number of profiles, such as ``5 profiles``.
    """
    if len(errors) == 1:
        (row,) = errors
        message = f"{profile_and_region(row, '`')} failed: {row['error']}: {row['message']}"
    else:
        message = f"None of {size} succeeded. {'; '.join(reasons(errors))}"
    hints = [row["hint"] for row in errors if row["hint"]]
    failed = NoProfileAnswered(message, mode(hints or [""]))
    failed.errors = errors
    return failed
