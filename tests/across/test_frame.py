"""Each kind of value becomes rows, and the frame and its errors work in pandas."""

from __future__ import annotations

import copy
import io
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ipy_awsprofile import across_profiles
from ipy_awsprofile.errors import AwsProfileError
from tests.aws import EmbeddedAws

ROWS: dict[str, list[Any]] = {"name": ["a", "b"], "size": [1, 2]}
FRAME = pd.DataFrame(ROWS)
MERGE_KEEPS_ATTRS = int(pd.__version__.partition(".")[0]) >= 3


@pytest.fixture
def partly(aws: EmbeddedAws) -> pd.DataFrame:
    """Return the frame of a run with two rows and an error."""
    return across_profiles(["RoleBeta", "gone"], lambda _: FRAME, progress=False)


VALUES: list[tuple[Any, dict[str, list[Any]]]] = [
    (None, {}),
    (FRAME, ROWS),
    (FRAME[FRAME["size"] > 1], {"name": ["b"], "size": [2]}),
    (FRAME.set_index("name"), ROWS),
    (FRAME.set_index("name")["size"], ROWS),
    (pd.Series([1, 2], index=["x", "y"]), {"index": ["x", "y"], "value": [1, 2]}),
    (pd.Series({2025: 1}).rename_axis("year"), {"year": [2025], "value": [1]}),
    (pl.DataFrame(ROWS), ROWS),
    (pa.table(ROWS), ROWS),
    ([{"name": "a", "size": 1}, {"name": "b", "size": 2}], ROWS),
    ({"name": "a", "tags": ["x", "y"]}, {"name": ["a"], "tags": [["x", "y"]]}),
    (["a", "b"], {"value": ["a", "b"]}),
    (3, {"value": [3]}),
    (datetime(2024, 5, 6, tzinfo=UTC), {"value": [datetime(2024, 5, 6, tzinfo=UTC)]}),
]


@pytest.mark.usefixtures("aws")
def test_rows() -> None:
    """Each kind of value has its rows, and any index except unnamed integers becomes a column."""
    for value, rows in VALUES:
        frame = across_profiles("RoleBeta", partial(lambda value, _: value, value), progress=False)
        assert frame.drop(columns=["profile", "account", "region"]).to_dict("list") == rows


@pytest.mark.usefixtures("aws")
def test_different_values() -> None:
    """Profiles can return different columns, and a frame without rows keeps its columns."""

    def function(session: Any) -> Any:
        return FRAME.head(0) if session.profile_name == "RoleBeta" else {"age": 3}

    frame = across_profiles(["RoleBeta", "UserAlpha"], function, progress=False)
    assert list(frame) == ["profile", "account", "region", "name", "size", "age"]
    assert list(frame["profile"]) == ["UserAlpha"]
    assert [str(frame[key].dtype) for key in ("profile", "account", "region")] == ["string"] * 3


def read_again(frame: pd.DataFrame) -> pd.DataFrame:
    """Write a frame to a Parquet file, and return the frame that is read from it."""
    file = io.BytesIO()
    frame.to_parquet(file)
    return pd.read_parquet(file)


STEPS: dict[str, Callable[[Any], Any]] = {
    "query": lambda frame: frame.query("size > 0"),
    "deep copy": copy.deepcopy,
    "concat": lambda frame: pd.concat([frame, frame]),
    "merge": lambda frame: frame.merge(frame[["profile"]].drop_duplicates(), on="profile"),
    "Parquet": read_again,
    "pickle": lambda frame: pickle.loads(pickle.dumps(frame)),
}


@pytest.mark.parametrize("step", STEPS)
def test_errors_stay(partly: pd.DataFrame, step: str) -> None:
    """The errors survive pandas operations and files, and only a file's can't be retried."""
    if step == "merge" and not MERGE_KEEPS_ATTRS:
        pytest.skip("Before version 3, pandas drops the attributes in a merge.")
    frame = STEPS[step](partly)
    assert len(frame) >= 2
    assert list(frame.attrs["errors"]) == list(partly.attrs["errors"])
    if step == "pickle":
        with pytest.raises(AwsProfileError, match="come from a file or another process") as raised:
            frame.attrs["errors"].retry()
        assert "Run the function again" in raised.value.hint
    elif step != "Parquet":
        assert len(frame.attrs["errors"].retry()) == 2


@pytest.mark.usefixtures("aws")
def test_shown_errors() -> None:
    """The errors and their DataFrame show full, escaped messages; or they say `no errors`."""
    message = f"<b>{30 * 'long '}end"

    def function(session: Any) -> int:
        if session.profile_name == "RoleBeta":
            raise ValueError(message)
        return 1

    errors = across_profiles(["RoleBeta", "UserAlpha"], function).attrs["errors"]
    assert f"RoleBeta: ValueError: {message}" in repr(errors)
    assert f"&lt;b&gt;{message[3:]}" in errors._repr_html_()
    assert list(errors.frame()["message"]) == [message]
    assert json.loads(json.dumps(errors))[0]["message"] == message
    nothing = across_profiles("UserAlpha", lambda _: 1).attrs["errors"]
    assert repr(nothing) == nothing._repr_html_() == "no errors"
