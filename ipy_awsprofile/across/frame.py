"""What came of each profile, as one tidy DataFrame, and its errors as rows of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Self

from ipy_awsprofile.across.outcomes import Problem

if TYPE_CHECKING:
    import pandas as pd

    #: A frame, or records, which are cheaper where there are many small results.
    Rows = pd.DataFrame | list[Mapping[str, Any]]

#: The columns in front; a column of the function's own with such a name gets `_PREFIX`.
KEYS = ("profile", "account", "region")
_PREFIX = "result_"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one profile: its rows, or else the problem. ``account`` is what STS said."""

    profile: str
    account: str | None = None
    region: str | None = None
    rows: Rows | None = None
    problem: Problem | None = None


class ErrorRows(list[dict[str, str]]):
    """Rows with ``profile``, ``error``, ``message`` and ``hint``; shown as a table.

    They are plain records, since pandas compares, copies and writes a frame's ``attrs`` with
    ``==``, `copy.deepcopy` and JSON, and a DataFrame there would break `pandas.concat`, ``merge``
    and ``to_parquet``. `frame` makes one.
    """

    def frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame."""
        import pandas as pd

        columns = ["profile", "error", "message", "hint"]
        return pd.DataFrame(list(self), columns=columns, dtype="string")

    def __deepcopy__(self, _memo: object) -> Self:
        """Stay the same: pandas copies ``attrs`` at each step, and nobody changes the rows."""
        return self

    def __repr__(self) -> str:
        lines = (
            f"{row['profile']}: {row['error']}: {row['message']}\n  {row['hint']}" for row in self
        )
        return "\n".join(map(str.rstrip, lines)) or "no errors"

    def _repr_html_(self) -> str:
        import pandas as pd

        with pd.option_context("display.max_colwidth", None):  # the messages in full
            return self.frame().to_html(notebook=True) if self else "no errors"


def rows_of(value: Any) -> Rows:
    """Make rows of what a function returned.

    A DataFrame (of pandas, polars or pyarrow), a Series and a list of records are their rows, a
    dict is one row, None is no row, and anything else is one row, or one row an item of a list, of
    a column ``value``. An index that says something becomes columns. Raises ValueError if two
    columns have the same name.
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


def tidy(outcomes: Sequence[Outcome], *, interrupted: bool = False) -> pd.DataFrame:
    """Put the rows of all outcomes below one another, each with its profile, account and region.

    ``attrs["errors"]`` are the problems as `ErrorRows`, ``attrs["interrupted"]`` is as given.
    """
    import pandas as pd

    good = [(one, one.rows) for one in outcomes if one.rows is not None]
    frames = list(_frames(rows for _, rows in good))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    frame = frame.rename(columns=_free_names(frame.columns))
    counts = [len(rows) for _, rows in good]
    for place, key in enumerate(KEYS):
        keys = pd.Series([getattr(one, key) for one, _ in good], dtype="string")
        frame.insert(place, key, keys.repeat(counts).reset_index(drop=True))
    frame.attrs = {"errors": ErrorRows(_error_rows(outcomes)), "interrupted": interrupted}
    return frame


def _frames(parts: Iterable[Rows]) -> Iterator[pd.DataFrame]:
    """Give the frames as they are, and one frame for all records between two of them."""
    import pandas as pd

    for are_records, group in groupby(parts, lambda rows: isinstance(rows, list)):
        if are_records:
            yield pd.DataFrame(list(chain.from_iterable(group)))
        else:
            yield from group  # type: ignore[misc]


def _without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop an index that only counts, and make columns of any other."""
    import pandas as pd

    index = frame.index
    counts = index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index)
    rows = frame.reset_index(drop=bool(counts))
    if not rows.columns.is_unique:
        raise ValueError("The result has two columns of the same name.")
    rows.attrs = {}
    return rows


def _free_names(columns: Collection[Any]) -> dict[str, str]:
    """Rename the columns whose place is taken by those in front."""
    names = {}
    for key in KEYS:
        if key in columns:
            name = _PREFIX + key
            while name in columns:
                name = _PREFIX + name
            names[key] = name
    return names


def _error_rows(outcomes: Sequence[Outcome]) -> Iterator[dict[str, str]]:
    for one in outcomes:
        if one.problem:
            yield {"profile": one.profile} | asdict(one.problem)
