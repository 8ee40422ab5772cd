"""Below an error that AWS's refusal caused, a line says who signed, and what to do.

Each library fails as in any notebook, against the embedded AWS.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest

from tests.aws import EmbeddedAws
from tests.kernel.test_places import LIBRARIES
from tests.shells import Ran, Shell


class Use(NamedTuple):
    """How a library reads and writes, and how it says that AWS has ended the session.

    Without ``ended``, botocore makes the call again with a new session.
    """

    read: str
    write: str = ""
    ended: str = ""
    is_certain: bool = True


USES = {
    "boto3": Use(
        "boto3.client('s3').list_objects_v2(Bucket=BUCKET)",
        "boto3.client('s3').put_object(Bucket=BUCKET, Key='a', Body=b'')",
    ),
    "aiobotocore": Use(LIBRARIES["aiobotocore"]),
    "s3fs": Use(
        "import s3fs; s3fs.S3FileSystem().cat(CSV)",
        "import s3fs; s3fs.S3FileSystem().pipe(CSV, b'city')",
    ),
    "pandas": Use(
        "import pandas as pd; pd.read_csv(CSV)",
        "import pandas as pd; pd.DataFrame({'city': ['Oslo']}).to_csv(CSV)",
    ),
    "awswrangler": Use(
        "import awswrangler as wr; wr.s3.list_objects(ROOT + '/')",
        "import awswrangler as wr; wr.s3.delete_objects([CSV])",
    ),
    "smart_open": Use("import smart_open; smart_open.open(CSV).read()"),
    "Dask": Use("import dask.dataframe as dd; dd.read_parquet(PARQUET).compute(scheduler='sync')"),
    "MLflow": Use(LIBRARIES["MLflow"]),
    "pyarrow": Use(
        LIBRARIES["pyarrow"],
        "import pyarrow as pa, pyarrow.parquet as pq\n"
        "pq.write_table(pa.table({'a': [1]}), f'{ROOT}/b.parquet')",
        ended="AWS Error UNKNOWN",
        is_certain=False,
    ),
    "pandas.read_parquet": Use(
        "import pandas as pd; pd.read_parquet(PARQUET)",
        ended="AWS Error UNKNOWN",
        is_certain=False,
    ),
    "PyIceberg": Use(LIBRARIES["PyIceberg"], ended="AWS Error UNKNOWN", is_certain=False),
    "polars": Use(
        "import polars as pl; pl.read_parquet(PARQUET)",
        "import polars as pl; pl.DataFrame({'a': [1]}).write_parquet(f'{ROOT}/c.parquet')",
        ended="400 Bad Request",
    ),
    "deltalake": Use(
        "import deltalake; deltalake.DeltaTable(f'{ROOT}/delta')",
        LIBRARIES["deltalake"],
        ended="400 Bad Request",
    ),
    "obstore": Use(LIBRARIES["obstore"], ended="400 Bad Request"),
    "DuckDB": Use(
        "import duckdb; from ipy_awsprofile import libraries\n"
        "if session is not None: libraries.duckdb_secret(session)\n"
        "duckdb.sql(f\"FROM '{CSV}'\").fetchall()",
        ended="HTTP 400",
        is_certain=False,
    ),
}


def line_below(ran: Ran) -> str:
    """Return the line below the error of a cell, or an empty text."""
    assert ran.error is not None
    return "\n".join(output["text/plain"] for output in ran.displayed).strip()


@pytest.mark.parametrize("library", USES)
def test_each_library(
    aws: EmbeddedAws, notebook: Shell, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """The wrong account, a read-only session, an ended one and no profile each have their line.

    What the line proposes works.
    """
    use = USES[library]
    notebook.names["session"] = None
    notebook.good("%aws_profile RoleBeta\n%aws_profile RoleGamma --read-only")
    if use.write:
        line = line_below(notebook.run(use.write))
        print(line)
        assert line.startswith("This was signed as `RoleGamma` (read-only) in the account 1234")
        assert line.endswith(" To write, run `%aws_profile RoleGamma --write`.")
        notebook.good("%aws_profile RoleGamma --write")
        notebook.good(use.write)
        if library == "awswrangler":
            notebook.good("boto3.client('s3').put_object(Bucket=BUCKET, Key='cities.csv')")
    notebook.good("%aws_profile RoleBeta")
    aws.iam.expire_sessions()
    ended = notebook.run(use.read)
    print(ended.error, ended.text)
    if use.ended:
        assert use.ended in str(ended.error)
        assert line_below(ended) == (
            "AWS has ended the session of `RoleBeta` (ExpiredToken), so it was renewed. "
            "Run the cell again."
        )
    notebook.good(use.read)
    notebook.good("%aws_profile UserAlpha")
    line = line_below(notebook.run(use.read))
    print(line)
    signed = "signed" if use.is_certain else "probably signed"
    assert line.startswith(f"This was {signed} as `UserAlpha` in the account 2311")
    assert line.endswith(" `%aws_profile RoleBeta` switches back to the profile from before.")
    notebook.good("%aws_profile --off")
    monkeypatch.delenv("AWS_PROFILE")
    line = line_below(notebook.run(use.read))
    print(line)
    assert line.startswith("No profile is active")
    assert line.endswith("Run `%aws_profile NAME`.")
