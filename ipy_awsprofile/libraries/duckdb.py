"""Credentials for DuckDB, which keeps them as secrets of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.sessions.duckdb_secret import SECRETS, put_secret, secret_options
from ipy_awsprofile.sessions.run_isolation import session_here

if TYPE_CHECKING:
    import boto3
    from duckdb import DuckDBPyConnection


#: Code to create a connection that signs as the session of one profile.
_OWN_CONNECTION = (
    "import duckdb; from ipy_awsprofile import libraries; con = duckdb.connect(); "
    "libraries.duckdb_secret(session, con)"
)


def duckdb_secret(session: boto3.Session, connection: DuckDBPyConnection | None = None) -> None:
    """Create a DuckDB secret: ``s3://`` paths use the session until its credentials expire.

    The connection (by default, the connection of `duckdb.sql`) gets a temporary secret with the
    name ``ipy_awsprofile``. DuckDB shows only its access key ID, and writes nothing to a file.

    If the session is the active one, the secret follows each switch, and ``--off`` drops it. A
    transaction that is open during a switch keeps the former secret until it ends. A secret for any
    other session doesn't change. To renew the credentials, run ``%aws_profile --refresh`` or call
    this function again.

    Raises CredentialsUnavailable for long-term keys. In a function for many profiles, raises
    NotForOneProfile without a connection, because the profiles would share the default connection.

    https://duckdb.org/docs/stable/core_extensions/httpfs/s3api
    """
    import duckdb

    if connection is None and session_here() is not None:
        raise NotForOneProfile(
            "DuckDB's default connection is shared by all profiles of a run.",
            f"Use a connection of the function: `{_OWN_CONNECTION}`.",
        )
    options = secret_options(session)
    connection = connection or duckdb.default_connection()
    _load_s3_client(connection)
    put_secret(connection, options)
    SECRETS.remember(session, connection, options["key_id"])


def _load_s3_client(connection: DuckDBPyConnection) -> None:
    """Load DuckDB's S3 client from its PyPI package if installed. If not, DuckDB downloads it."""
    try:
        from duckdb_extensions import import_extension
    except ImportError:
        return
    import_extension("httpfs", con=connection)
