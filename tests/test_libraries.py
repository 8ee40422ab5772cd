"""Functions that use a session: `list_buckets`, and arguments for other libraries."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs
from IPython.lib.pretty import pretty

from ipy_awsprofile import (
    libraries,
    list_buckets,
    open_session,
    scoped,
    storage_options,
    using_profile,
    who_am_i,
)
from ipy_awsprofile.demo.stages import BUCKETS, ROLE_ACCOUNT, allow, seed_organisation
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    CredentialsExpired,
    CredentialsUnavailable,
    InvalidOption,
)
from ipy_awsprofile.sessions.session import ProfileSession
from tests.aws import EmbeddedAws
from tests.packages import needs
from tests.processes import empty_home
from tests.roles import renew_at_each_use

BUCKET = "storage-of-mine"
CITIES = pd.DataFrame({"city": ["Łódź", "Oslo"], "people": [645, 717]})
CSV, PARQUET = f"s3://{BUCKET}/cities.csv", f"s3://{BUCKET}/cities.parquet"


# Buckets ---

TYPES = {"name": "string", "creation_date": "datetime64[us, UTC]", "region": "string"}


def types(frame: pd.DataFrame) -> dict[str, str]:
    """Return the dtype of each column."""
    return {str(name): str(kind) for name, kind in frame.dtypes.items()}


def test_buckets(aws: EmbeddedAws) -> None:
    """Each bucket has its name, its date in UTC and its Region, and rows are sorted by name."""
    frame = list_buckets(open_session("RoleBeta"))
    assert types(frame) == TYPES
    assert [tuple(row) for row in frame.itertuples(index=False)] == [
        (name, pd.Timestamp(created), region) for name, (region, created) in BUCKETS.items()
    ]
    assert list(frame.index) == [0, 1, 2]


def test_buckets_with_a_prefix(aws: EmbeddedAws) -> None:
    """With a prefix, only matching buckets are listed, and the columns stay, even without rows."""
    session = boto3.Session(profile_name="RoleBeta")  # any boto3 session
    assert list(list_buckets(session, prefix="my-s")["name"]) == ["my-second-bucket"]
    assert types(list_buckets(session, prefix="no")) == TYPES


def test_more_than_one_page_of_buckets(aws: EmbeddedAws) -> None:
    """All pages are read, and the names are sorted."""
    for number in range(1005):
        aws.create_bucket(
            f"bulk-{number:04}",
            account=ROLE_ACCOUNT,
            creation_date=datetime(2020, 1, 1, tzinfo=UTC),
        )
    frame = list_buckets(open_session("RoleBeta"))
    assert len(frame) == 1008
    assert frame["name"].is_monotonic_increasing


def test_buckets_that_are_refused(aws: EmbeddedAws) -> None:
    """The error says who isn't allowed to list buckets, or whose session has expired."""
    with pytest.raises(AccessDenied, match="`UserAlpha` isn't allowed to call ListBuckets"):
        list_buckets(open_session("UserAlpha"))
    session = open_session("RoleBeta")
    aws.iam.expire_sessions()
    with pytest.raises(CredentialsExpired, match="of `RoleBeta` have expired"):
        list_buckets(session)


# Libraries ---


@pytest.fixture
def session(aws: EmbeddedAws) -> ProfileSession:
    """Open a session of RoleBeta, and create a bucket for it."""
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    s3fs.S3FileSystem.clear_instance_cache()  # instances from another test's AWS
    return open_session("RoleBeta")


def signers(aws: EmbeddedAws) -> set[str | None]:
    """Return the ARNs that have called S3 since the last time."""
    arns = {call.arn for call in aws.calls if call.action.startswith("s3:")}
    aws.calls.clear()
    return arns


def by_pandas(session: ProfileSession) -> Any:
    """Write and read the cities with pandas."""
    options = storage_options(session)
    CITIES.to_csv(CSV, index=False, storage_options=options)
    CITIES.to_parquet(PARQUET, index=False, storage_options=options)
    assert pd.read_csv(CSV, storage_options=options).equals(CITIES)
    return pd.read_parquet(PARQUET, storage_options=options)


def by_polars(session: ProfileSession) -> Any:
    """Write and read the cities with polars."""
    options = libraries.polars_options(session)
    pl.from_pandas(CITIES).write_csv(CSV, **options)
    pl.from_pandas(CITIES).write_parquet(PARQUET, **options)
    assert pl.scan_csv(CSV, **options).collect().to_pandas().equals(CITIES)
    return pl.scan_parquet(PARQUET, **options).collect().to_pandas()


def by_pyarrow(session: ProfileSession) -> Any:
    """Write and read the cities with pyarrow."""
    filesystem = libraries.pyarrow_filesystem(session)
    path = PARQUET.removeprefix("s3://")
    pq.write_table(pa.Table.from_pandas(CITIES), path, filesystem=filesystem)
    return pd.read_parquet(path, filesystem=filesystem)


def by_duckdb(session: ProfileSession) -> Any:
    """Write and read the cities with DuckDB."""
    import duckdb

    connection = duckdb.connect()
    libraries.duckdb_secret(session, connection)
    connection.from_df(CITIES).create("cities")
    connection.sql(f"COPY cities TO '{PARQUET}'")
    return connection.sql(f"FROM '{PARQUET}'").df()


def by_spark(session: ProfileSession) -> Any:
    """Write the cities with the options for Spark, which needs Java, in a client of boto3."""
    given = libraries.spark_options(session)
    options = {name.removeprefix("fs.s3a."): value for name, value in given.items()}
    assert options["path.style.access"] == "true"
    assert options["connection.ssl.enabled"] == "false"
    client = boto3.client(
        "s3",
        aws_access_key_id=options["access.key"],
        aws_secret_access_key=options["secret.key"],
        aws_session_token=options["session.token"],
        endpoint_url=options["endpoint"],
        region_name=options["endpoint.region"],
    )
    client.put_object(Bucket=BUCKET, Key="cities.csv", Body=CITIES.to_csv(index=False))
    return pd.read_csv(client.get_object(Bucket=BUCKET, Key="cities.csv")["Body"])


@pytest.mark.parametrize(
    "use",
    [by_pandas, by_polars, by_pyarrow, pytest.param(by_duckdb, marks=needs("duckdb")), by_spark],
    ids=lambda use: use.__name__,
)
def test_each_library(
    aws: EmbeddedAws, session: ProfileSession, use: Callable[[ProfileSession], Any]
) -> None:
    """Each library writes and reads as the session, although another profile is active."""
    with using_profile("UserAlpha"):
        assert use(session).to_dict("list") == CITIES.to_dict("list")
    (arn,) = signers(aws)
    if use is by_pandas:  # the filesystem assumes the role itself
        assert str(arn).startswith(who_am_i(session).arn.rpartition("/")[0])
    else:
        assert arn == who_am_i(session).arn


@needs("duckdb")
def test_a_scope_without_a_scheme(session: ProfileSession) -> None:
    """A bucket's name as the scope, which would match no path, is refused."""
    import duckdb

    connection = duckdb.connect()
    with pytest.raises(InvalidOption, match="no path begins with") as refused:
        libraries.duckdb_secret(session, connection, scope=BUCKET)
    assert refused.value.hint == f"Write `scope='s3://{BUCKET}'`."
    assert connection.sql("FROM duckdb_secrets()").fetchall() == []


@needs("duckdb")
def test_two_accounts(aws: EmbeddedAws, session: ProfileSession) -> None:
    """Secrets with a scope read buckets of two accounts in one query, and follow no switch."""
    import duckdb

    other = "storage-of-others"
    seed_organisation(aws, 1)
    aws.create_bucket(other, account="400000000000", region="eu-central-1")
    sessions = {BUCKET: session, other: open_session("atlas-dev")}
    connection = duckdb.connect()
    for bucket, owner in sessions.items():
        CITIES.to_csv(f"s3://{bucket}/x.csv", index=False, storage_options=storage_options(owner))
        libraries.duckdb_secret(owner, connection, scope=f"s3://{bucket}/")
    query = " JOIN ".join(f"'s3://{bucket}/x.csv' AS t{len(bucket)}" for bucket in sessions)
    signers(aws)
    for profile in ("UserAlpha", "RoleBeta"):
        with using_profile(profile):
            rows = connection.sql(f"SELECT count(*) FROM {query} USING (city)").fetchone()
        assert rows == (2,)
        assert signers(aws) == {who_am_i(owner).arn for owner in sessions.values()}


@pytest.mark.parametrize("bucket", [f"s3://{BUCKET}", f"s3a://{BUCKET}/", f"{BUCKET}/sales"])
def test_a_path_as_the_bucket(session: ProfileSession, bucket: str) -> None:
    """A path instead of a bucket's name, which Spark would ignore, is refused."""
    with pytest.raises(InvalidOption, match="must be the name of a bucket") as refused:
        libraries.spark_options(session, bucket=bucket)
    assert refused.value.hint == f"Write `bucket={BUCKET!r}`."


def test_spark_with_two_buckets(aws: EmbeddedAws, session: ProfileSession) -> None:
    """Spark's options for two buckets can be passed together, each with its own credentials."""
    mine = libraries.spark_options(session, bucket="mine")
    theirs = libraries.spark_options(open_session("RoleBeta", session_name="me"), bucket="theirs")
    both = {**mine, **theirs}
    keys = {name: both[f"fs.s3a.bucket.{name}.access.key"] for name in ("mine", "theirs")}
    assert len(set(keys.values())) == 2
    # Hadoop reads it before it knows the bucket.
    assert both["fs.s3a.impl.disable.cache"] == "true"


@pytest.mark.parametrize(
    "give",
    [
        pytest.param(libraries.duckdb_secret, marks=needs("duckdb")),
        libraries.polars_options,
        libraries.pyarrow_filesystem,
        libraries.spark_options,
    ],
)
def test_long_term_keys_stay(aws: EmbeddedAws, give: Callable[[boto3.Session], object]) -> None:
    """Sessions with long-term keys or without credentials are refused."""
    with pytest.raises(CredentialsUnavailable, match="long-term keys"):
        give(open_session("UserAlpha"))
    with pytest.raises(AwsProfileError, match="doesn't have credentials"):
        give(boto3.Session())


@needs("duckdb")
def test_nothing_shows_a_secret(aws: EmbeddedAws, session: ProfileSession) -> None:
    """What the functions return and create shows no secret, and DuckDB writes none to a file."""
    import duckdb

    connection = duckdb.connect()
    libraries.duckdb_secret(session, connection)
    polars, spark = libraries.polars_options(session), libraries.spark_options(session)
    dask = libraries.dask_storage_options(session)
    shown = [
        storage_options(session),
        polars,
        spark,
        [spark],
        libraries.pyarrow_filesystem(session),
    ]
    shown += [dask, s3fs.S3FileSystem(**libraries.dask_storage_options(session))]
    listed = str(connection.sql("FROM duckdb_secrets()").fetchall())
    files = [path for path in aws.home.rglob("*") if path.is_file() and ".aws" not in path.parts]
    texts = [text for value in shown for text in (repr(value), str(value), pretty(value))]
    texts += [listed, *(path.read_text(errors="replace") for path in files)]
    assert "ipy_awsprofile" in listed
    assert not [secret for secret in aws.iam.secrets if any(secret in text for text in texts)]


def test_polars_renews(aws: EmbeddedAws, session: ProfileSession) -> None:
    """The provider for polars returns the expiry, and new credentials when it is near."""
    provider = libraries.polars_options(session)["credential_provider"]
    credentials, until = provider()
    assert until > datetime.now(UTC).timestamp()
    assert set(credentials) == {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
    assert provider() == (credentials, until)
    renewing = renew_at_each_use(open_session("RoleBeta"))
    renewed = libraries.polars_options(renewing)["credential_provider"]
    assert renewed()[0] != renewed()[0]


@pytest.mark.parametrize("region", ["us-west-2", "cn-north-1"])
def test_endpoint_of_polars(aws: EmbeddedAws, region: str) -> None:
    """Without a configured endpoint, polars gets the endpoint of boto3's client."""
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", "token", region_name=region)
    endpoint = libraries.polars_options(session)["storage_options"]["aws_endpoint_url"]
    assert endpoint == session.client("s3").meta.endpoint_url


@pytest.mark.parametrize("read_only", [False, True])
def test_storage_options_of_the_active_identity(
    aws: EmbeddedAws, session: ProfileSession, read_only: bool
) -> None:
    """Without a session, `storage_options` uses the active identity, even if it is read-only."""
    session.client("s3").put_object(Bucket=BUCKET, Key="cities.csv", Body=b"city\nOslo\n")
    with pytest.raises(CredentialsUnavailable, match="There is no active profile"):
        storage_options()
    signers(aws)
    with using_profile("RoleBeta", read_only=read_only, session_name="active") as active:
        options = storage_options()
        assert pd.read_csv(CSV, storage_options=options)["city"][0] == "Oslo"
        assert signers(aws) == {who_am_i(active).arn}
        if read_only:
            with pytest.raises(PermissionError):
                CITIES.to_csv(CSV, storage_options=options)


def test_storage_options_of_a_session(session: ProfileSession) -> None:
    """They name a profile and a Region; a session that a name doesn't describe is refused."""
    assert storage_options(open_session("RoleBeta", region="eu-west-1")) == {
        "profile": "RoleBeta",
        "client_kwargs": {"region_name": "eu-west-1"},
    }
    for refused in (open_session("RoleBeta", read_only=True), boto3.Session()):
        with pytest.raises(CredentialsUnavailable, match="name of a profile isn't enough"):
            storage_options(refused)


def test_dask_workers(aws: EmbeddedAws, session: ProfileSession, tmp_path: Path) -> None:
    """Dask's worker processes write and read as the session, without any config file."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    options = libraries.dask_storage_options(session)
    with ExitStack() as opened:
        with empty_home(tmp_path / "worker"):
            cluster = LocalCluster(
                n_workers=1, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1"
            )
            client = opened.enter_context(Client(opened.enter_context(cluster)))
            assert set(client.run(os.path.expanduser, "~").values()) == {str(tmp_path / "worker")}
        url = f"s3://{BUCKET}/cities"
        dd.from_pandas(CITIES, npartitions=2).to_parquet(url, storage_options=options)
        read = dd.read_parquet(url, storage_options=options).compute().reset_index(drop=True)
    pd.testing.assert_frame_equal(read, CITIES, check_dtype=False)
    assert signers(aws) == {who_am_i(session).arn}


def test_sent_to_workers(aws: EmbeddedAws, session: ProfileSession) -> None:
    """Pickled options have short-lived credentials, even of a user, a boto3 or scoped session."""
    ann = aws.iam.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    keys: dict[str, Any] = {
        "aws_access_key_id": ann.access_key_id,
        "aws_secret_access_key": ann.secret_access_key,
    }
    aws.write_profile("Ann", region="us-west-2", **keys)
    with scoped("RoleBeta", read_only=True) as narrow:
        sessions = [open_session("Ann"), boto3.Session(profile_name="Ann"), session, narrow]
        for given in sessions:
            pickled = pickle.dumps(libraries.dask_storage_options(given))
            assert not [key for key in keys.values() if key.encode() in pickled]
            signers(aws)
            assert s3fs.S3FileSystem(**pickle.loads(pickled)).ls(BUCKET) == []
            assert signers(aws) == {who_am_i(given).arn}
    for nothing in ("RoleBeta", None):
        with pytest.raises(InvalidOption) as raised:
            libraries.dask_storage_options(nothing)  # type: ignore[arg-type]
        assert "open_session" in raised.value.hint
