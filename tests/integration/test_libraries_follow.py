"""Libraries used without any help work as the identity that the card shows, switch after switch.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import io
import itertools
import os
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.sessions.session import open_session
from tests.servers import Answers, odd_server
from tests.shells import Shell, run_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws

#: Every test has a bucket: polars keeps its connection to one, with the address of that test's AWS.
_NUMBERS = itertools.count()

#: Each reads (deltalake writes) as any notebook would, without a word about credentials.
LIBRARIES = {
    "boto3": "import boto3; boto3.client('s3').list_objects_v2(Bucket=BUCKET)",
    "boto3 resource": "import boto3; list(boto3.resource('s3').Bucket(BUCKET).objects.all())",
    "pandas CSV": "import pandas as pd; pd.read_csv(CSV)",
    "pandas Parquet": "import pandas as pd; pd.read_parquet(PARQUET)",
    "pyarrow": "import pyarrow.fs as fs\n"
    "filesystem, path = fs.FileSystem.from_uri(PARQUET); filesystem.open_input_file(path).read()",
    "pyarrow dataset": "import pyarrow.dataset as ds; ds.dataset(PARQUET).to_table()",
    "s3fs": "import s3fs; s3fs.S3FileSystem().cat(CSV)",
    "awswrangler": "import awswrangler as wr; wr.s3.list_objects(f's3://{BUCKET}/')",
    "polars": "import polars as pl; pl.read_parquet(PARQUET)",
    "polars scan": "import polars as pl; pl.scan_csv(CSV).collect()",
    "Dask": "import dask.dataframe as dd; dd.read_csv(CSV).compute(scheduler='synchronous')",
    "smart_open": "import smart_open; smart_open.open(CSV).read()",
    "deltalake": "import deltalake, pandas as pd\n"
    "deltalake.write_deltalake(f's3://{BUCKET}/delta', pd.DataFrame({'a': [1]}), mode='overwrite')",
    "obstore": "import obstore; from obstore.store import S3Store\n"
    "options = {'allow_http': True}\n"
    "obstore.get(S3Store(BUCKET, client_options=options), 'cities.csv').bytes()",
    "lance": "import lance; lance.dataset(f's3://{BUCKET}/lance')",
    "PyIceberg": "from pyiceberg.io.pyarrow import PyArrowFileIO\n"
    "PyArrowFileIO({'s3.endpoint': ENDPOINT, 's3.region': 'us-west-2'}).new_input(CSV).open()",
    "DuckDB": "import duckdb, duckdb_extensions as de\n"
    "duck = duckdb.connect()\n"
    "de.import_extension('httpfs', con=duck); de.import_extension('aws', con=duck)\n"
    "duck.execute(f\"CREATE SECRET (TYPE s3, PROVIDER credential_chain, URL_STYLE 'path', \"\n"
    "    f\"USE_SSL false, ENDPOINT '{ENDPOINT.partition('//')[2]}')\")\n"
    "duck.sql(f\"FROM '{PARQUET}'\").fetchall()",
}

#: They keep the credentials of their first read, and are named.
NAMED = {"daft": "import daft; daft.read_csv(CSV).collect()"}

ROLE = f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/{{}}/"
WHO = {
    "RoleBeta": ROLE.format("RoleBeta"),
    "RoleGamma --read-only": ROLE.format("RoleGamma"),
    "UserAlpha": f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha",
}
SWITCHES = ("RoleBeta", "UserAlpha", "RoleGamma --read-only", "RoleBeta")


@pytest.fixture
def notebook(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Create a bucket with files, two roles that read it, and what emulators need to be set."""
    role = aws.create_role(
        "RoleGamma",
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy=allow("s3:*"),
    )
    aws.write_profile("RoleGamma", source_profile="UserAlpha", role_arn=role, region="us-west-2")
    bucket = f"libraries-{next(_NUMBERS)}"
    aws.create_bucket(bucket, account=ROLE_ACCOUNT, region="us-west-2")
    s3 = open_session("RoleBeta").client("s3")
    s3.put_object(Bucket=bucket, Key="cities.csv", Body=b"city,people\nOslo,717\n")
    parquet = io.BytesIO()
    pd.DataFrame({"people": [717]}).to_parquet(parquet)
    s3.put_object(Bucket=bucket, Key="cities.parquet", Body=parquet.getvalue())
    shell.names.update(
        BUCKET=bucket,
        CSV=f"s3://{bucket}/cities.csv",
        PARQUET=f"s3://{bucket}/cities.parquet",
        ENDPOINT=aws.endpoint_url,
    )
    with odd_server(Answers((404, ""))) as metadata:
        for name, value in {
            "AWS_ENDPOINT_URL": aws.endpoint_url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
            # Rust's object_store asks instance metadata where nothing else has credentials.
            "AWS_METADATA_ENDPOINT": metadata,
        }.items():
            monkeypatch.setenv(name, value)
        yield shell


def seen(aws: EmbeddedAws, notebook: Shell, code: str) -> set[str]:
    """Run the code, and return the ARNs with which it called S3; being refused is fine."""
    aws.calls.clear()
    notebook.run(code)
    return {call.arn or "anonymous" for call in aws.calls if call.action.startswith("s3:")}


@pytest.mark.parametrize("library", LIBRARIES)
def test_it_follows_each_switch(aws: EmbeddedAws, notebook: Shell, library: str) -> None:
    """AWS sees who the card shows, four switches long; after `--off`, who it saw before."""
    without = seen(aws, notebook, LIBRARIES[library])
    before = dict(os.environ)
    for profile in SWITCHES:
        notebook.good(f"%aws_profile {profile}")
        arns = seen(aws, notebook, LIBRARIES[library])
        assert arns, profile
        assert [arn for arn in arns if not arn.startswith(WHO[profile])] == [], profile
    notebook.good("%aws_profile --off")
    assert {name: os.environ.get(name) for name in before} == before
    assert seen(aws, notebook, LIBRARIES[library]) == without


@pytest.mark.parametrize("library", NAMED)
def test_what_does_not_follow_is_named(aws: EmbeddedAws, notebook: Shell, library: str) -> None:
    """A library that keeps its first credentials is named on the card, with what to do."""
    notebook.good("%aws_profile RoleBeta")
    assert seen(aws, notebook, NAMED[library])
    card = notebook.good("%aws_profile UserAlpha").text
    assert f"`{library}` keeps the credentials of its first read" in card
    arns = seen(aws, notebook, NAMED[library])
    assert [arn for arn in arns if not arn.startswith(WHO["RoleBeta"])] == []


def test_polars_that_is_imported_after_the_switch(aws: EmbeddedAws, notebook: Shell) -> None:
    """Polars follows then, too: it doesn't keep the identity that it was first used with."""
    read = (
        "import polars\n"
        f"try: polars.read_csv('{notebook.names['CSV']}')\n"
        "except Exception as error: print(type(error).__name__)"
    )
    aws.calls.clear()
    switches = ("%aws_profile RoleBeta", "%aws_profile UserAlpha", "%aws_profile --off")
    cells = [cell for switch in switches for cell in (switch, read)]
    run_notebook("%load_ext ipy_awsprofile", *cells, environment=dict(os.environ))
    arns = [str(call.arn) for call in aws.calls if call.action.startswith("s3:")]
    is_role = [arn.startswith(WHO["RoleBeta"]) for arn in arns]
    assert is_role[0]
    assert WHO["UserAlpha"] in arns
    assert True not in is_role[arns.index(WHO["UserAlpha"]) :]
