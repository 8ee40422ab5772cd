"""pyarrow uses the session's credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ipy_awsprofile import who_am_i
from ipy_awsprofile.libraries import pyarrow_filesystem
from tests.libraries.s3 import BUCKET, ROWS, signers

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.sessions.session import ProfileSession


def test_pyarrow(aws: EmbeddedAws, session: ProfileSession) -> None:
    """Pyarrow writes and reads Parquet files as the session's identity."""
    table, path = pa.table(ROWS), f"{BUCKET}/cities.parquet"
    filesystem = pyarrow_filesystem(session)
    pq.write_table(table, path, filesystem=filesystem)
    assert pq.read_table(path, filesystem=filesystem).equals(table)
    assert pd.read_parquet(path, filesystem=filesystem).to_dict("list") == ROWS
    assert signers(aws) == {who_am_i(session).arn}
