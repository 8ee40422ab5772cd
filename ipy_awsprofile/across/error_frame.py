"""The errors of a run as a DataFrame."""

from __future__ import annotations

import pandas as pd


class ErrorFrame(pd.DataFrame):
    """A DataFrame that displays long strings in full. So do the frames that are computed from it.

    https://pandas.pydata.org/docs/development/extending.html#subclassing-pandas-data-structures
    """

    @property
    def _constructor(self) -> type[ErrorFrame]:
        return ErrorFrame

    def __repr__(self) -> str:
        with pd.option_context("display.max_colwidth", None, "display.max_columns", None):
            return super().__repr__()

    def _repr_html_(self) -> str | None:
        with pd.option_context("display.max_colwidth", None):
            html: str | None = super()._repr_html_()  # type: ignore[misc]  # pandas-stubs lack it
            return html
