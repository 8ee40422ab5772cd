"""DuckDB, which keeps credentials as secrets of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.credentials.interrupts import interrupts_unshown
from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.sessions.duckdb_secret import SECRETS, put_secret, secret_options
from ipy_awsprofile.sessions.run_isolation import session_here

if TYPE_CHECKING:
    import boto3
    from duckdb import DuckDBPyConnection


#: What makes a connection that signs as the session of one profile.
_OWN_CONNECTION = (
    "import duckdb; from ipy_awsprofile import libraries; con = duckdb.connect(); "
    "libraries.duckdb_secret(session, con)"
)


@interrupts_unshown()
def duckdb_secret(session: boto3.Session, connection: DuckDBPyConnection | None = None) -> None:
    """Create a DuckDB secret: ``s3://`` paths work as the session until its credentials end.

    The connection (by default that of `duckdb.sql`) gets a temporary secret with the name
    ``ipy_awsprofile``. DuckDB shows only its access key ID, and writes nothing to a file.

    If the session is the active one, the secret follows each switch and is dropped by ``--off``. A
    transaction that is open during a switch keeps the former one until it ends. A secret for any
    other session stays as it is. ``%aws_profile --refresh``, or another call, renews the
    credentials.

    Raises CredentialsUnavailable for long-term keys, and NotForOneProfile without a connection in a
    function for many profiles, which would share the default one.

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
    """Load DuckDB's S3 client from PyPI's package, if it is installed; DuckDB downloads it else."""
    try:
        from duckdb_extensions import import_extension
    except ImportError:
        return
    import_extension("httpfs", con=connection)
