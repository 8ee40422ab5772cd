"""Arguments for what can't follow a switch by itself: libraries with an S3 client of their own.

Each function takes a session and gives what one library wants. What goes by a profile's name holds
no secret. The rest is given short-lived credentials only, with the session's Region and its
`endpoint_url`; long-term keys are refused.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ipy_awsprofile.config.environment import MARKER
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.portable import short_lived
from ipy_awsprofile.sessions.session import ProfileSession

if TYPE_CHECKING:
    import boto3
    from duckdb import DuckDBPyConnection
    from pyarrow.fs import S3FileSystem


def storage_options(session: boto3.Session | None = None) -> dict[str, Any]:
    """Give the ``storage_options=`` with which pandas, Dask and fsspec open ``s3://`` paths.

    They name a profile, so they hold no secret, and what is opened with them renews itself. Without
    a session it is the profile that this kernel's child processes go by, as long as it is active.
    `pandas.read_parquet` needs this also after a switch: without it, pyarrow opens ``s3://`` by
    means of its own.

    Raises CredentialsUnavailable for a session that no profile stands for.

    https://s3fs.readthedocs.io/en/latest/#credentials
    """
    if session is None:
        if MARKER not in os.environ or "AWS_PROFILE" not in os.environ:
            raise CredentialsUnavailable(
                "No profile has been switched to that child processes go by.",
                "Run `%aws_profile NAME`, or give the session: `storage_options(session)`.",
            )
        return {"profile": os.environ["AWS_PROFILE"]}
    if not isinstance(session, ProfileSession) or not session.target.resolves_by_name:
        raise CredentialsUnavailable(
            f"No profile stands for {_name(session)} alone.",
            "While it is active, `storage_options()` without a session is right.",
        )
    options: dict[str, Any] = {"profile": session.target.name}
    if session.region_name:  # in the kernel, the Region of who is active would go before
        options["client_kwargs"] = {"region_name": session.region_name}
    return options


def dask_storage_options(session: ProfileSession) -> dict[str, Any]:
    """Give the ``storage_options=`` with which a Dask cluster's workers open ``s3://`` paths, too.

    Workers need no config file. In the kernel, what is opened with the options renews itself. A
    graph takes the session's short-lived credentials along when it is submitted, so each
    ``compute()`` brings new ones, and one may last as long as these (``duration`` of `open_session`
    says how long that is); within it no worker renews them. For long-term keys, STS gives
    short-lived ones. They are in no repr.

    Raises a child of `AwsProfileError`.

    https://docs.dask.org/en/stable/how-to/connect-to-remote-data.html
    """
    from ipy_awsprofile.libraries.s3fs_session import KernelStorage

    return {"session": KernelStorage(session)}


class PolarsCredentials:
    """The session's credentials as polars asks for them: call it for a dict, and for their end."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {_name(self._session)}>"

    def __call__(self) -> tuple[dict[str, str], int | None]:
        """Return the credentials of now, and when they end in seconds since 1970."""
        frozen, expiry = short_lived(self._session)
        credentials: dict[str, Any] = {
            "aws_access_key_id": frozen.access_key,
            "aws_secret_access_key": frozen.secret_key,
            "aws_session_token": frozen.token,
        }
        return credentials, int(expiry.timestamp()) if expiry else None


def polars_credentials(session: boto3.Session) -> PolarsCredentials:
    """Give the ``credential_provider=`` with which polars works as the session, and renews itself.

    polars needs to be told the Region and the endpoint as well: `polars_options` has all of it.
    Raises CredentialsUnavailable for long-term keys.

    https://docs.pola.rs/user-guide/io/cloud-storage/
    """
    short_lived(session)  # what is wrong is told here, and not by a query later
    return PolarsCredentials(session)


def polars_options(session: boto3.Session) -> dict[str, Any]:
    """Give all that polars needs to work as the session: ``pl.scan_csv(url, **options)``.

    These are ``credential_provider`` and ``storage_options``; no secret is in them. Raises
    CredentialsUnavailable for long-term keys.

    https://docs.pola.rs/api/python/stable/reference/api/polars.scan_parquet.html
    """
    region, endpoint = _place(session)
    options = {"aws_region": region}
    if endpoint:
        options |= {"aws_endpoint_url": endpoint}
        if endpoint.startswith("http:"):
            options |= {"aws_allow_http": "true"}
    return {"credential_provider": polars_credentials(session), "storage_options": options}


def pyarrow_filesystem(session: boto3.Session) -> S3FileSystem:
    """Make pyarrow's own S3 filesystem, which works as the session until its credentials end.

    It has the short-lived credentials of now, which pyarrow can't renew: make it anew after that.
    Raises CredentialsUnavailable for long-term keys.

    https://arrow.apache.org/docs/python/generated/pyarrow.fs.S3FileSystem.html
    """
    from pyarrow.fs import S3FileSystem

    frozen, _ = short_lived(session)
    region, endpoint = _place(session)
    return S3FileSystem(
        access_key=frozen.access_key,
        secret_key=frozen.secret_key,
        session_token=frozen.token,
        region=region,
        endpoint_override=endpoint,
    )


def duckdb_secret(session: boto3.Session, connection: DuckDBPyConnection | None = None) -> None:
    """Let DuckDB's ``s3://`` paths work as the session until its credentials end.

    The connection (by default that of `duckdb.sql`) gets a temporary secret of the name
    ``ipy_awsprofile``, of which DuckDB shows the access key ID alone, and writes nothing to a file;
    call this again to renew it. Raises CredentialsUnavailable for long-term keys.

    https://duckdb.org/docs/stable/core_extensions/httpfs/s3api
    """
    import duckdb

    frozen, _ = short_lived(session)
    region, endpoint = _place(session)
    connection = connection or duckdb.default_connection()
    _bring_s3_client(connection)
    settings = SecretOptions(
        key_id=frozen.access_key,
        secret=frozen.secret_key,
        session_token=frozen.token,
        region=region,
    )
    if endpoint:
        place = urlsplit(endpoint)
        settings.update(endpoint=place.netloc, url_style="path", use_ssl=place.scheme == "https")
    # The values go as parameters: an error would quote the statement.
    named = ", ".join(f"{name} ${name}" for name in settings)
    connection.execute(
        f"CREATE OR REPLACE TEMPORARY SECRET ipy_awsprofile (TYPE s3, {named})", settings
    )


def _bring_s3_client(connection: DuckDBPyConnection) -> None:
    """Give DuckDB its S3 client from PyPI, if that is installed; DuckDB would download it."""
    try:
        from duckdb_extensions import import_extension
    except ImportError:
        return
    import_extension("httpfs", con=connection)


class SecretOptions(dict[str, Any]):
    """Options some of which are secret: their values are left out wherever it is shown."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self)}>"

    __str__ = __repr__

    def __or__(self, other: Any) -> SecretOptions:  # type: ignore[override]
        return SecretOptions({**self, **other})

    def __ror__(self, other: Any) -> SecretOptions:  # type: ignore[override]
        return SecretOptions({**other, **self})

    def copy(self) -> SecretOptions:
        """Return what shows as little."""
        return SecretOptions(self)


def spark_options(session: boto3.Session) -> SecretOptions:
    """Give the options with which Spark reads and writes ``s3a://`` paths as the session.

    ``spark.read.options(**spark_options(session)).parquet("s3a://…")``, and the same for
    ``write``: they hold for that call, with the short-lived credentials of now. Don't build the
    Spark session with them: it would write its properties on the command line of its JVM, which
    every user of the machine can read. Raises CredentialsUnavailable for long-term keys.

    https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/authentication.html
    """
    frozen, _ = short_lived(session)
    region, endpoint = _place(session)
    s3a = {
        "aws.credentials.provider": "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider",
        "access.key": frozen.access_key,
        "secret.key": frozen.secret_key,
        "session.token": frozen.token,
        "endpoint.region": region,
        "impl.disable.cache": "true",  # a cached filesystem has the credentials of its first use
    }
    if endpoint:
        s3a |= {
            "endpoint": endpoint,
            "path.style.access": "true",
            "connection.ssl.enabled": str(not endpoint.startswith("http:")).lower(),
        }
    return SecretOptions({f"fs.s3a.{name}": value for name, value in s3a.items()})


def _place(session: boto3.Session) -> tuple[str, str | None]:
    """Say in which Region the session's S3 is, and where, unless that is AWS's own place."""
    meta = session.client("s3").meta
    region = "us-east-1" if meta.region_name == "aws-global" else meta.region_name
    host = urlsplit(meta.endpoint_url).hostname or ""
    is_own = re.fullmatch(r"s3\.([a-z0-9-]+\.)?amazonaws\.com(\.cn)?", host)
    return region, None if is_own else meta.endpoint_url


def _name(session: boto3.Session) -> str:
    return repr(session).strip("<>") if isinstance(session, ProfileSession) else "this session"
