"""Libraries with an S3 client of their own work as the session, and nothing shows a secret."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs
from IPython.lib.pretty import pretty

from ipy_awsprofile import (
    duckdb_secret,
    polars_credentials,
    polars_options,
    pyarrow_filesystem,
    spark_options,
    storage_options,
    who_am_i,
)
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import AwsProfileError, CredentialsUnavailable
from ipy_awsprofile.sessions.session import ProfileSession, open_session
from ipy_awsprofile.switch.switcher import Switcher
from tests.shells import run_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario

BUCKET = "storage-of-mine"
ROWS = {"city": ["Łódź", "Oslo"], "people": [645, 717]}


@pytest.fixture
def session(aws: EmbeddedAws) -> ProfileSession:
    """Open a session of RoleBeta, and make a bucket for it."""
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    s3fs.S3FileSystem.clear_instance_cache()  # of another test's AWS
    return open_session("RoleBeta")


@pytest.fixture
def switcher(session: ProfileSession) -> Iterator[Switcher]:
    """Make a switcher without a notebook, and undo at the end what it did."""
    switcher = Switcher(None)
    yield switcher
    switcher.off()


def signers(aws: EmbeddedAws) -> set[str | None]:
    """Say who has called S3."""
    return {call.arn for call in aws.calls if call.action.startswith("s3:")}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_polars(aws: EmbeddedAws, session: ProfileSession, kind: str) -> None:
    """Polars writes and reads as the session, with what `polars_options` gives."""
    url, options = f"s3://{BUCKET}/cities.{kind}", polars_options(session)
    table = pl.DataFrame(ROWS)
    write: Callable[..., None] = getattr(table, f"write_{kind}")
    write(url, **options)
    scan: Callable[..., pl.LazyFrame] = getattr(pl, f"scan_{kind}")
    assert scan(url, **options).collect().equals(table)
    assert signers(aws) == {who_am_i(session).arn}


def test_polars_renews(aws: EmbeddedAws, session: ProfileSession) -> None:
    """When the credentials are about to end, polars is given new ones, with their end."""
    provider = polars_credentials(session)
    credentials, until = provider()
    assert until is not None
    assert 900 < until - time.time() <= 3600
    assert set(credentials) == {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
    assert provider() == (credentials, until)
    short = polars_credentials(open_session("RoleBeta", duration=900))
    assert short()[0] != short()[0]  # a session of a quarter of an hour is always about to end


def test_pyarrow(aws: EmbeddedAws, session: ProfileSession) -> None:
    """Pyarrow writes and reads Parquet as the session."""
    table, path = pa.table(ROWS), f"{BUCKET}/cities.parquet"
    filesystem = pyarrow_filesystem(session)
    pq.write_table(table, path, filesystem=filesystem)
    assert pq.read_table(path, filesystem=filesystem).equals(table)
    assert pd.read_parquet(path, filesystem=filesystem).to_dict("list") == ROWS
    assert signers(aws) == {who_am_i(session).arn}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_duckdb(aws: EmbeddedAws, session: ProfileSession, kind: str) -> None:
    """DuckDB writes and reads as the session, and as the next one after another call."""
    url, connection = f"s3://{BUCKET}/cities.{kind}", duckdb.connect()
    duckdb_secret(session, connection)
    connection.from_df(pd.DataFrame(ROWS)).create("cities")
    connection.sql(f"COPY cities TO '{url}'")
    assert connection.sql(f"FROM '{url}'").df().to_dict("list") == ROWS
    assert signers(aws) == {who_am_i(session).arn}
    aws.calls.clear()
    other = open_session("RoleBeta", session_name="other")
    duckdb_secret(other, connection)
    assert connection.sql(f"FROM '{url}'").df().to_dict("list") == ROWS
    assert signers(aws) == {who_am_i(other).arn}


def test_duckdb_shows_no_secret(aws: EmbeddedAws, session: ProfileSession) -> None:
    """DuckDB lists what it was given without its values, and writes no file with them."""
    connection = duckdb.connect()
    duckdb_secret(session, connection)
    listed = str(connection.sql("FROM duckdb_secrets()").fetchall())
    assert "ipy_awsprofile" in listed
    files = [path for path in aws.home.rglob("*") if path.is_file() and ".aws" not in path.parts]
    texts = [listed.encode(), *(path.read_bytes() for path in files)]
    assert not [secret for secret in aws.secrets() if any(secret.encode() in t for t in texts)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_pandas(aws: EmbeddedAws, session: ProfileSession, kind: str) -> None:
    """Pandas works as the profile with its `storage_options`, Parquet too, whoever is active."""
    url, options = f"s3://{BUCKET}/cities.{kind}", storage_options(session)
    write: Callable[..., None] = getattr(pd.DataFrame(ROWS), f"to_{kind}")
    write(url, index=False, storage_options=options)
    read: Callable[..., pd.DataFrame] = getattr(pd, f"read_{kind}")
    assert read(url, storage_options=options).to_dict("list") == ROWS
    (arn,) = signers(aws)
    assert str(arn).rpartition("/")[0] == who_am_i(session).arn.rpartition("/")[0]


@pytest.mark.parametrize("read_only", [False, True])
def test_pandas_as_who_is_active(aws: EmbeddedAws, switcher: Switcher, read_only: bool) -> None:
    """Without a session it is the active identity, also where only this kernel lends it."""
    boto3.Session(profile_name="RoleBeta").client("s3").put_object(
        Bucket=BUCKET, Key="a.csv", Body=b"city\nOslo\n"
    )
    identity = switcher.switch(
        SwitchRequest(profile="RoleBeta", read_only=read_only, session_name="active")
    )
    aws.calls.clear()
    options = storage_options()
    assert pd.read_csv(f"s3://{BUCKET}/a.csv", storage_options=options)["city"][0] == "Oslo"
    assert signers(aws) == {identity.arn}
    if read_only:
        with pytest.raises(PermissionError):
            pd.DataFrame(ROWS).to_csv(f"s3://{BUCKET}/b.csv", storage_options=options)


def test_storage_options_hold_no_secret(session: ProfileSession) -> None:
    """They are a profile's name and its Region."""
    assert storage_options(open_session("RoleBeta", region="eu-west-1")) == {
        "profile": "RoleBeta",
        "client_kwargs": {"region_name": "eu-west-1"},
    }


def test_no_profile_stands_for_it(session: ProfileSession) -> None:
    """A session that no profile stands for gets no options, and neither does nobody."""
    narrow = open_session("RoleBeta", read_only=True)
    for refused in (narrow, boto3.Session()):
        with pytest.raises(CredentialsUnavailable, match=r"No profile stands for .* alone"):
            storage_options(refused)
    with pytest.raises(CredentialsUnavailable, match="No profile has been switched to"):
        storage_options()


@pytest.mark.parametrize(
    "give",
    [duckdb_secret, polars_credentials, polars_options, pyarrow_filesystem, spark_options],
)
def test_long_term_keys_stay(
    aws: EmbeddedAws, scenario: Scenario, give: Callable[[boto3.Session], object]
) -> None:
    """Long-term keys are refused in one line; a session without any credentials, too."""
    with pytest.raises(CredentialsUnavailable, match="long-term keys") as raised:
        give(open_session("UserAlpha"))
    assert "\n" not in str(raised.value)
    with pytest.raises(AwsProfileError, match="no credentials"):
        give(boto3.Session())


def test_spark(aws: EmbeddedAws, session: ProfileSession) -> None:
    """Spark gets the credentials of the session, and where its S3 is."""
    options = spark_options(session)
    keys = [options[f"fs.s3a.{key}.key"] for key in ("access", "secret")]
    client = boto3.client(
        "s3",
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        aws_session_token=options["fs.s3a.session.token"],
        endpoint_url=options["fs.s3a.endpoint"],
        region_name=options["fs.s3a.endpoint.region"],
    )
    client.list_objects_v2(Bucket=BUCKET)
    assert signers(aws) == {who_am_i(session).arn}
    assert options["fs.s3a.path.style.access"] == "true"
    assert options["fs.s3a.connection.ssl.enabled"] == "false"


def test_nothing_shows_a_secret(aws: EmbeddedAws, session: ProfileSession) -> None:
    """What is returned can be the last line of a cell."""
    polars, spark = polars_options(session), spark_options(session)
    more = [spark | {"mergeSchema": True}, {"mergeSchema": True} | spark, spark.copy()]
    shown = [storage_options(session), polars, pyarrow_filesystem(session), spark, [spark], *more]
    texts = [text for value in shown for text in (repr(value), str(value), pretty(value))]
    assert "RoleBeta" in repr(polars["credential_provider"])
    assert not [secret for secret in aws.secrets() if any(secret in text for text in texts)]


def test_amazons_own_endpoint_is_not_named(aws: EmbeddedAws, scenario: Scenario) -> None:
    """Where S3 is Amazon's own, libraries find it by the Region."""
    aws.write_profile("Real", source_profile="UserAlpha", role_arn=scenario.role_arn)
    session = open_session("Real", region="eu-central-1")
    assert polars_options(session)["storage_options"]["aws_endpoint_url"] == aws.endpoint_url
    for region in ("eu-central-1", None):
        text = aws.config_file.read_text().replace(f"endpoint_url = {aws.endpoint_url}\n", "")
        aws.config_file.write_text(text)
        frozen: Any = session.get_credentials()
        real = boto3.Session(frozen.access_key, frozen.secret_key, frozen.token, region_name=region)
        assert polars_options(real)["storage_options"] == {"aws_region": region or "us-east-1"}
        assert "fs.s3a.endpoint" not in spark_options(real)


def test_absent_libraries_cost_nothing() -> None:
    """None of the libraries is imported for the options of another."""
    code = (
        "import sys, ipy_awsprofile.libraries.storage\n"
        "libraries = {'duckdb', 'polars', 'pyarrow', 'fsspec', 's3fs'}\n"
        "print(libraries & set(sys.modules))"
    )
    assert run_python(code).strip() == "set()"
