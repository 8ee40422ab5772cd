"""DuckDB uses the session's credentials, and shows no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pytest

from ipy_awsprofile import open_session, who_am_i
from ipy_awsprofile.libraries import duckdb_secret
from tests.libraries.s3 import BUCKET, ROWS, signers

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.sessions.session import ProfileSession


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_duckdb(aws: EmbeddedAws, session: ProfileSession, kind: str) -> None:
    """DuckDB writes and reads with the session of the latest `duckdb_secret` call."""
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
    """DuckDB lists the secret without its values, and doesn't write them to a file."""
    connection = duckdb.connect()
    duckdb_secret(session, connection)
    listed = str(connection.sql("FROM duckdb_secrets()").fetchall())
    assert "ipy_awsprofile" in listed
    files = [path for path in aws.home.rglob("*") if path.is_file() and ".aws" not in path.parts]
    texts = [listed.encode(), *(path.read_bytes() for path in files)]
    assert not [secret for secret in aws.secrets() if any(secret.encode() in t for t in texts)]
