"""Arguments for libraries with their own S3 clients.

Each function takes a session, and returns what one library needs to use that session, with its
Region and its `endpoint_url`. Credentials in these arguments are short-lived, and are good until
they expire. Long-term keys are never passed on.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet

from ipy_awsprofile.config.user_environment import SWITCHED
from ipy_awsprofile.credentials.person import unattended
from ipy_awsprofile.errors import AwsProfileError, CredentialsUnavailable, NotForOneProfile
from ipy_awsprofile.gate import PROCESS, session_here
from ipy_awsprofile.kernel.places import (
    SecretOptions,
    polars_credentials,
    s3_location,
    s3fs_options,
)
from ipy_awsprofile.sessions.issuing import current_keys, renew_keys, require_short_lived
from ipy_awsprofile.sessions.session import ProfileSession, check_session, names_of_chain
from ipy_awsprofile.switch.using_profile import running_switcher
from ipy_awsprofile.text import chain_line

if TYPE_CHECKING:
    import boto3
    from distributed import Client
    from duckdb import DuckDBPyConnection
    from pyarrow.fs import S3FileSystem

    from ipy_awsprofile.credentials.sts import Keys
    from ipy_awsprofile.kernel.workers import Workers

__all__ = [
    "dask_storage_options",
    "dask_workers",
    "duckdb_secret",
    "polars_options",
    "pyarrow_filesystem",
    "spark_options",
]


def storage_options(session: boto3.Session | None = None) -> dict[str, object]:
    """Return the ``storage_options=`` that pandas, Dask and fsspec need to open ``s3://`` paths.

    The options name a profile, so they contain no secret, and files opened with them renew their
    session. Without a session, they name the profile that the kernel's child processes use while it
    is active. In a function of `across_profiles`, they name its profile.

    Raises CredentialsUnavailable for a session that no profile in the files describes completely.

    https://s3fs.readthedocs.io/en/latest/#credentials
    """
    if session is None:
        session = session_here()
    if session is None:
        if "AWS_PROFILE" not in os.environ or not SWITCHED.groups:
            raise CredentialsUnavailable(
                "There is no active profile that child processes can use.",
                "Run `%aws_profile NAME`, or pass the session: `storage_options(session)`.",
            )
        return {"profile": os.environ["AWS_PROFILE"]}
    if not isinstance(session, ProfileSession) or not session.target.resolves_by_name:
        name = chain_line(names_of_chain(session)) or "a session of another library"
        raise CredentialsUnavailable(
            f"The name of a profile isn't enough to open this session again: {name}.",
            "While its profile is active, use `storage_options()` without a session.",
        )
    check_session(session)
    options: dict[str, object] = {"profile": session.target.name}
    if session.region_name:  # otherwise, the kernel would use the active profile's Region
        options["client_kwargs"] = {"region_name": session.region_name}
    return options


def dask_storage_options(session: boto3.Session) -> SecretOptions:
    """Return the ``storage_options=`` that a Dask cluster's workers need to open ``s3://`` paths.

    Workers don't need a config file. The options contain short-lived credentials, even for
    long-term keys, and so does each graph that is sent to the workers. After they expire, call this
    function again, and open the paths again. Raises a subclass of `AwsProfileError`.

    https://docs.dask.org/en/stable/how-to/connect-to-remote-data.html
    """
    check_session(session)
    return s3fs_options(session)


def dask_workers(client: Client, *, read_only: bool = False) -> Workers:
    """Let the workers of a Dask cluster use the notebook's identity, now and after each switch.

    Workers that are there now, and that join later, get short-lived credentials, which boto3, s3fs,
    pyarrow, polars, obstore and child processes find. They need neither files nor this package.
    With ``read_only``, they can only read, as with ``%aws_profile --read-only``.

    Anyone who can connect to the scheduler can use these credentials, so use this only with your
    own cluster. AWS accepts them for at most 15 minutes if STS can issue such credentials;
    otherwise, the card says how long. The kernel sends new ones every few minutes.

    A block doesn't change the workers' identity. Neither does a switch while they have unfinished
    tasks of this client: the card says so, and calling this again moves them. Clients that a task
    has created before this call keep their identity. The workers have their own identity again
    after ``--off``, ``--share off``, a switch to a protected profile, and `close` of what this
    returns. If the kernel is killed, their calls fail after ten minutes.

    Raises InvalidOption if no profile is active, or if a connection of the cluster isn't encrypted.
    Raises CredentialsUnavailable if the workers already use another notebook's identity, or if a
    worker has credentials in its files.

    https://distributed.dask.org/en/stable/plugins.html#worker-plugins
    """
    return running_switcher().lend_to_workers(client, read_only=read_only)


def pyarrow_filesystem(session: boto3.Session) -> S3FileSystem:
    """Return pyarrow's own S3 filesystem, which uses the session until its credentials expire.

    It has the current short-lived credentials, which pyarrow can't renew. After they expire, call
    this function again. Raises CredentialsUnavailable for long-term keys.

    https://arrow.apache.org/docs/python/generated/pyarrow.fs.S3FileSystem.html
    """
    from pyarrow.fs import S3FileSystem

    check_session(session)
    keys = require_short_lived(renew_keys(session))
    region, endpoint = s3_location(session)
    return S3FileSystem(
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        session_token=keys.token,
        region=region,
        endpoint_override=endpoint,
    )


def polars_options(session: boto3.Session) -> dict[str, Any]:
    """Return the options that polars needs to use the session: ``pl.scan_csv(url, **options)``.

    The options are ``credential_provider``, which renews the credentials, and ``storage_options``.
    They contain no secret. polars before 1.39 keeps the credentials of its first read. Raises
    CredentialsUnavailable for long-term keys.

    https://docs.pola.rs/user-guide/io/cloud-storage/
    """
    check_session(session)

    def credentials() -> tuple[dict[str, str], int | None]:
        return polars_credentials(require_short_lived(renew_keys(session)))

    credentials()  # raises an error here instead of in a later query
    region, endpoint = s3_location(session)
    url = endpoint or f"https://s3.{region}.amazonaws.com"
    # Otherwise, the variable with the active profile's endpoint takes precedence.
    options = {"aws_region": region, "aws_endpoint_url": url, "aws_endpoint_url_s3": url}
    if url.startswith("http:"):
        options["aws_allow_http"] = "true"
    return {"credential_provider": credentials, "storage_options": options}


def spark_options(session: boto3.Session, bucket: str = "") -> SecretOptions:
    """Return the options that Spark needs to read and write ``s3a://`` paths with the session.

    With a ``bucket``, they apply only to its paths, so one call can read buckets of two accounts.

    Use ``spark.read.options(**spark_options(session)).parquet("s3a://…")``, and likewise for
    ``write``. The options apply to that call, with the current short-lived credentials. Don't build
    the Spark session with them, because Spark would write them on the command line of its JVM,
    which every user of the machine can read. Raises CredentialsUnavailable for long-term keys.

    https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/authentication.html
    """
    check_session(session)
    keys = require_short_lived(renew_keys(session))
    region, endpoint = s3_location(session)
    s3a = {
        "aws.credentials.provider": "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider",
        "access.key": keys.access_key,
        "secret.key": keys.secret_key,
        "session.token": keys.token,
        "endpoint.region": region,
    }
    if endpoint:
        s3a["endpoint"] = endpoint
        s3a["path.style.access"] = "true"
        s3a["connection.ssl.enabled"] = str(not endpoint.startswith("http:")).lower()
    prefix = f"fs.s3a.bucket.{bucket}" if bucket else "fs.s3a"
    options = SecretOptions({f"{prefix}.{name}": value for name, value in s3a.items()})
    options["fs.s3a.impl.disable.cache"] = "true"  # a cached filesystem keeps its first credentials
    return options


# DuckDB -------------------------------------------------------------------------------------------


def duckdb_secret(
    session: boto3.Session, connection: DuckDBPyConnection | None = None, *, scope: str = ""
) -> None:
    """Create a DuckDB secret so that ``s3://`` paths use the session.

    The connection (by default, the connection of `duckdb.sql`) gets a temporary secret with the
    name ``ipy_awsprofile``. DuckDB shows only its access key ID, and writes nothing to a file.

    If the session is the active one, the secret follows each switch, and ``--off`` drops it. A
    transaction that is open during a switch keeps the former secret until it ends. A secret for any
    other session stays, and so does a secret for the paths that begin with a ``scope``, such as
    ``s3://bucket/``. With a scope for each bucket, one query can read buckets of two accounts.

    Credentials that are about to expire are renewed before each cell. A query that is still running
    when they expire fails. In a script, or if their renewal requires an MFA code or a sign-in, run
    ``%aws_profile --refresh`` or call this function again.

    Raises CredentialsUnavailable for long-term keys. In a function for many profiles, raises
    NotForOneProfile without a connection, because the profiles would share the default connection.

    https://duckdb.org/docs/stable/core_extensions/httpfs/s3api
    """
    import boto3
    import duckdb
    from IPython.core.getipython import get_ipython

    is_in_run = session_here() is not None
    if connection is None and is_in_run:
        raise NotForOneProfile(
            "DuckDB's default connection is shared by all profiles of a run.",
            "Use a connection of the function: `con = duckdb.connect()`, then "
            "`libraries.duckdb_secret(session, con)`.",
        )
    check_session(session)
    options = _secret_options(session, renew_keys(session))
    secrets: _Secrets = PROCESS.followers.setdefault("duckdb", _Secrets())
    if connection is None:
        connection = secrets.default = duckdb.default_connection()
    with suppress(Exception):  # it is missing or for another version, so DuckDB downloads its own
        from duckdb_extensions import import_extension

        import_extension("httpfs", con=connection)
    if scope:
        options["scope"] = scope
    _put_secret(connection, options)
    secrets.sessions.setdefault(connection, {})[scope] = session, options
    shell = get_ipython()
    if shell:
        shell.events.register("pre_run_cell", secrets.renew)  # once
    if scope:
        return
    secrets.following.discard(connection)
    if boto3.DEFAULT_SESSION is session and not is_in_run:
        secrets.following.add(connection)


#: The sessions and options of a connection's secrets.
_ByScope = dict[str, tuple["boto3.Session", SecretOptions]]


class _Secrets:
    """DuckDB's secrets in open connections, with their sessions."""

    def __init__(self) -> None:
        #: The connections whose secret follows each switch.
        self.following: WeakSet[DuckDBPyConnection] = WeakSet()
        #: The sessions and options of the secrets, by connection and scope.
        self.sessions: WeakKeyDictionary[DuckDBPyConnection, _ByScope] = WeakKeyDictionary()
        #: The default connection is kept, because DuckDB returns a new object for it each time.
        self.default: DuckDBPyConnection | None = None

    def move(self, session: boto3.Session | None) -> None:
        """Replace the secrets that follow switches, or drop them without short-lived credentials.

        This doesn't call AWS, because the end of a block must not wait.
        """
        options = None
        if session:
            with suppress(AwsProfileError):  # long-term keys
                options = _secret_options(session, current_keys(session))
        for connection in list(self.following):
            sessions = self.sessions.setdefault(connection, {})
            sessions.pop("", None)
            # It is closed, or the user's transaction has changed the secret.
            with suppress(sys.modules["duckdb"].Error):
                _put_secret(connection.cursor(), options)  # keeps the result of the last query
                if session and options:
                    sessions[""] = session, options

    def renew(self, _cell: object) -> None:
        """Replace the secrets whose session has new credentials, before a cell runs.

        This also renews sessions that are about to expire, in a thread, where nothing prompts the
        user.
        """
        if self.sessions:
            thread = Thread(target=self._renew, daemon=True)
            thread.start()
            thread.join(5)  # seconds, because AWS may not respond

    def _renew(self) -> None:
        for connection, sessions in list(self.sessions.items()):
            for scope, (session, options) in list(sessions.items()):
                with unattended(), suppress(AwsProfileError, sys.modules["duckdb"].Error):
                    new = SecretOptions(options | _keys_for_secret(renew_keys(session)))
                    if new != options:
                        _put_secret(connection.cursor(), new)
                        sessions[scope] = session, new


def _keys_for_secret(keys: Keys) -> dict[str, object]:
    require_short_lived(keys)
    return {"key_id": keys.access_key, "secret": keys.secret_key, "session_token": keys.token}


def _secret_options(session: boto3.Session, keys: Keys) -> SecretOptions:
    options = SecretOptions(_keys_for_secret(keys))
    options["region"], endpoint = s3_location(session)
    if endpoint:
        url = urlsplit(endpoint)
        options.update(endpoint=url.netloc, url_style="path", use_ssl=url.scheme == "https")
    return options


def _put_secret(connection: DuckDBPyConnection, options: SecretOptions | None) -> None:
    """Create or replace the secret for a scope in a connection; without options, drop it."""
    if options is None:
        connection.execute("DROP TEMPORARY SECRET IF EXISTS ipy_awsprofile")
        return
    name = f"ipy_awsprofile {options.get('scope', '')}".strip().replace('"', "")
    # Pass the values as parameters, because an error would quote the statement.
    named = ", ".join(f"{name} ${name}" for name in options)
    create = f'CREATE OR REPLACE TEMPORARY SECRET "{name}" (TYPE s3, {named})'
    connection.execute(create, options)
