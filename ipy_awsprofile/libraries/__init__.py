"""Arguments for libraries with their own S3 clients, in one file for each library.

Each function takes a session, and returns what one library needs to use that session, with its
Region and its `endpoint_url`. Credentials in these arguments are short-lived. Long-term keys are
never passed on.
"""

from ipy_awsprofile.libraries.dask import dask_storage_options
from ipy_awsprofile.libraries.duckdb import duckdb_secret
from ipy_awsprofile.libraries.polars import polars_options
from ipy_awsprofile.libraries.pyarrow import pyarrow_filesystem
from ipy_awsprofile.libraries.spark import spark_options

__all__ = [
    "dask_storage_options",
    "duckdb_secret",
    "polars_options",
    "pyarrow_filesystem",
    "spark_options",
]
