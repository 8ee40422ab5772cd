"""Create arguments that make libraries with their own S3 clients use a session.

Each function takes a session and returns arguments that contain or provide the session's
credentials, Region and `endpoint_url`. All credentials in the returned arguments are short-lived
and stay valid until they expire. The functions never pass on long-term keys.
"""

# ruff: noqa: PLC0414  # `as` marks the names as public

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors
    from ipy_awsprofile.followers.dask import dask_storage_options as dask_storage_options
    from ipy_awsprofile.followers.dask import dask_workers as dask_workers
    from ipy_awsprofile.followers.duckdb import duckdb_secret as duckdb_secret
    from ipy_awsprofile.followers.fsspec import storage_options as storage_options
    from ipy_awsprofile.followers.polars import polars_options as polars_options
    from ipy_awsprofile.followers.pyarrow import pyarrow_filesystem as pyarrow_filesystem
    from ipy_awsprofile.followers.pyspark import spark_options as spark_options

#: The file of each function, in the folder `followers`.
_HOMES = {
    "dask_storage_options": "dask",
    "dask_workers": "dask",
    "duckdb_secret": "duckdb",
    "polars_options": "polars",
    "pyarrow_filesystem": "pyarrow",
    "spark_options": "pyspark",
    "storage_options": "fsspec",
}
__all__ = [*_HOMES]  # noqa: PLE0604


if not TYPE_CHECKING:  # otherwise, editors would accept any name

    def __getattr__(name: str) -> object:
        """Return the function with this name, and import the function's file on first use."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"ipy_awsprofile.followers.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
