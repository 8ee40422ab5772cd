"""Return values become rows, and outcomes become one DataFrame."""

from __future__ import annotations

import copy
import io
import json
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ipy_awsprofile.across.frame import ErrorRows, frame_of, rows_of
from ipy_awsprofile.across.outcomes import Failure, Outcome

ROWS = {"name": ["a", "b"], "size": [1, 2]}
FRAME = pd.DataFrame(ROWS)
BROKEN = Outcome("broken", "123456789012", failure=Failure("AccessDenied", "no", "ask"))


def good(profile: str, value: Any, region: str | None = "us-west-2") -> Outcome:
    """Return the outcome of a function that returned a value."""
    return Outcome(profile, "123456789012", region, rows_of(value))


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (None, {}),
        (FRAME, ROWS),
        (FRAME[FRAME["size"] > 1], {"name": ["b"], "size": [2]}),
        (FRAME.set_index("name"), ROWS),
        (FRAME["name"], {"name": ["a", "b"]}),
        (FRAME.set_index("name")["size"], ROWS),
        (pd.Series([1, 2]), {"value": [1, 2]}),
        (pd.Series([1, 2], index=["x", "y"]), {"index": ["x", "y"], "value": [1, 2]}),
        (pd.Series({2025: 1, 2026: 2}), {"value": [1, 2]}),
        (pd.Series({2025: 1}).rename_axis("year"), {"year": [2025], "value": [1]}),
        (FRAME[FRAME["size"] > 1].reset_index(), {"index": [1], "name": ["b"], "size": [2]}),
        (pl.DataFrame(ROWS), ROWS),
        (pa.table(ROWS), ROWS),
        ([{"name": "a", "size": 1}, {"name": "b", "size": 2}], ROWS),
        ([], {}),
        ({"name": "a", "size": 1}, {"name": ["a"], "size": [1]}),
        ({"tags": ["x", "y"]}, {"tags": [["x", "y"]]}),
        (["a", "b"], {"value": ["a", "b"]}),
        (("a", {"b": 1}), {"value": ["a", {"b": 1}]}),
        (3, {"value": [3]}),
        ("text", {"value": ["text"]}),
        (datetime(2024, 5, 6, tzinfo=UTC), {"value": [datetime(2024, 5, 6, tzinfo=UTC)]}),
        ({1, 2}, {"value": [{1, 2}]}),
    ],
)
def test_rows(value: object, rows: dict[str, list[object]]) -> None:
    """Each kind of value has its rows, and any index except unnamed integers becomes a column."""
    frame = frame_of([good("a", value)])
    assert frame.drop(columns=["profile", "account", "region"]).to_dict("list") == rows


def test_empty_frames_keep_their_columns() -> None:
    """A result without rows still adds its columns."""
    frame = frame_of([good("a", FRAME.head(0)), good("b", None)])
    assert list(frame) == ["profile", "account", "region", "name", "size"]
    assert len(frame) == 0


def test_columns_with_one_name() -> None:
    """Two columns with the same name raise an error."""
    with pytest.raises(ValueError, match="two columns of the same name"):
        rows_of(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_frame() -> None:
    """Profile, account and region come first; the rows are in the order of the outcomes."""
    frame = frame_of([good("b", FRAME), BROKEN, good("a", {"name": "c", "age": 3}, None)])
    assert list(frame) == ["profile", "account", "region", "name", "size", "age"]
    assert list(frame["profile"]) == ["b", "b", "a"]
    assert list(frame["region"].fillna("none")) == ["us-west-2", "us-west-2", "none"]
    assert frame.index.equals(pd.RangeIndex(3))
    assert [str(frame[key].dtype) for key in ("profile", "account", "region")] == ["string"] * 3


@pytest.mark.parametrize("outcomes", [[], [BROKEN]])
def test_nothing(outcomes: list[Outcome]) -> None:
    """A frame without rows has only the columns profile, account and region."""
    frame = frame_of(outcomes)
    assert frame.shape == (0, 3)
    assert len(frame.attrs["errors"]) == len(outcomes)


def test_names_that_are_taken() -> None:
    """A result's column named profile, account or region gets the prefix `result_`."""
    value = {"region": "r", "result_region": "s", "account": "t"}
    frame = frame_of([good("a", value)])
    assert frame.loc[0].to_dict() == {
        "profile": "a",
        "account": "123456789012",
        "region": "us-west-2",
        "result_result_region": "r",
        "result_region": "s",
        "result_account": "t",
    }


@pytest.mark.parametrize(
    "work",
    [
        repr,
        lambda frame: frame._repr_html_(),
        lambda frame: pd.concat([frame, copy.copy(frame), frame_of([good("x", 1)])]),
        lambda frame: frame.merge(frame, on="profile"),
        lambda frame: frame.groupby("profile").size(),
        lambda frame: frame.to_json(),
        lambda frame: frame.to_parquet(io.BytesIO()),
        lambda frame: json.dumps(frame.attrs),
    ],
)
def test_pandas_accepts_the_frame(work: Any) -> None:
    """A frame with errors in ``attrs`` works in pandas like any other frame."""
    work(frame_of([good(f"p{number}", FRAME) for number in range(100)] + [BROKEN]))


def test_errors_stay() -> None:
    """The errors survive pandas operations and Parquet files."""
    frame = frame_of([good("a", FRAME), BROKEN])
    account = {"profile": "broken", "account": "123456789012"}
    row = account | {"error": "AccessDenied", "message": "no", "hint": "ask"}
    assert frame.query("size > 1").attrs["errors"] == [row]
    file = io.BytesIO()
    frame.to_parquet(file)
    assert pd.read_parquet(file).attrs["errors"] == [row]


def test_error_rows_are_shown_as_a_table() -> None:
    """The errors' table shows full, escaped messages, or `no errors` if there are none."""
    message = "<b>" + 30 * "long "
    errors = ErrorRows([{"profile": "p", "error": "E", "message": message, "hint": ""}])
    assert message.strip() in repr(errors)
    assert "&lt;b&gt;" in errors._repr_html_()
    assert message[3:].strip() in errors._repr_html_()
    assert errors.frame()["profile"].tolist() == ["p"]
    assert repr(ErrorRows()) == ErrorRows()._repr_html_() == "no errors"
    assert list(ErrorRows().frame()) == ["profile", "account", "error", "message", "hint"]


def test_odd_names() -> None:
    """Control characters and line breaks in names are escaped, because frames print them raw."""
    odd = "a\x1b[31m\nb"
    failed = Outcome(odd, failure=Failure("AccessDenied", odd, odd))
    frame = frame_of([good(odd, 1, odd), failed])
    errors = frame.attrs["errors"]
    shown = f"{frame}{errors!r}{errors.frame()}{errors._repr_html_()}"
    assert "\x1b" not in shown
    assert frame["profile"][0] == frame["region"][0] == r"a\x1b[31m b"
