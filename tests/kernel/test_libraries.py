"""With each library and each kind of switch, AWS sees the identity that the card shows.

The libraries get no arguments for credentials. https://docs.aws.amazon.com/sdkref/latest/guide/
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import botocore.session
import pytest

from tests.kernel.conftest import BUCKET
from tests.renewing import renew_at_each_use
from tests.roles import roles_in_s3
from tests.shells import aws_cli_2, run_notebook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

_CHILD = f'import boto3; boto3.client("s3").list_objects_v2(Bucket="{BUCKET}")'

#: Each library reads (deltalake writes) as in any notebook.
LIBRARIES = {
    "boto3": "boto3.client('s3').list_objects_v2(Bucket=BUCKET)",
    "boto3.Session": "boto3.Session().client('s3').list_objects_v2(Bucket=BUCKET)",
    "aiobotocore": "import asyncio; from aiobotocore.session import get_session\n"
    "async def list_objects():\n"
    "    async with get_session().create_client('s3') as s3:\n"
    "        await s3.list_objects_v2(Bucket=BUCKET)\n"
    "asyncio.run(list_objects())",
    "s3fs": "import s3fs; s3fs.S3FileSystem().cat(CSV)",
    "fsspec": "import fsspec; fsspec.open(f'simplecache::{CSV}').open().read()",
    "pandas CSV": "import pandas as pd; pd.read_csv(CSV)",
    "pandas Parquet": "import pandas as pd; pd.read_parquet(PARQUET)",
    "pyarrow": "import pyarrow.dataset as ds; ds.dataset(PARQUET).to_table()",
    "polars": "import polars as pl; pl.read_parquet(PARQUET)",
    "DuckDB": "import duckdb; from ipy_awsprofile import libraries\n"
    "if 'con' not in globals():\n"
    "    new = duckdb.connect(); libraries.duckdb_secret(session, new); con = new\n"
    "if con.execute(f\"FROM which_secret('{CSV}', 's3')\").fetchall():\n"
    "    con.execute(f\"FROM '{CSV}'\").fetchall()",
    "deltalake": "import deltalake, pandas as pd\n"
    "deltalake.write_deltalake(f'{ROOT}/delta', pd.DataFrame({'a': [1]}), mode='overwrite')",
    "obstore": "import obstore; from obstore.store import S3Store\n"
    "options = {'client_options': {'allow_http': True}, 'retry_config': {'max_retries': 0}}\n"
    "obstore.get(S3Store(BUCKET, **options), 'cities.csv').bytes()",
    "awswrangler": "import awswrangler as wr; wr.s3.list_objects(ROOT + '/')",
    "Dask": "import dask.dataframe as dd; dd.read_parquet(PARQUET).compute(scheduler='sync')",
    "MLflow": "from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository\n"
    "S3ArtifactRepository(ROOT).list_artifacts()",
    "PyIceberg": "from pyiceberg.io.pyarrow import PyArrowFileIO\n"
    "PyArrowFileIO({'s3.endpoint': ENDPOINT, 's3.region': 'us-west-2'}).new_input(CSV).open()",
    "AWS CLI 1": "get_ipython().system(f'{sys.executable} -m awscli s3 ls {BUCKET}')",
    "AWS CLI 2": "get_ipython().system(f'{AWS_CLI_2} s3 ls {BUCKET}')",
    "child Python": "subprocess.run([sys.executable, '-c', CHILD], stderr=subprocess.DEVNULL)",
}
SLOW = {"MLflow", "Dask", "AWS CLI 1", "AWS CLI 2", "child Python", "awswrangler", "PyIceberg"}

#: A cell for each way to use a profile, and the identity that AWS must see: the profile's role, and
#: the name of its session if only the kernel has it. Each one differs from the previous one.
SITUATIONS = {
    "switch": ("%aws_profile RoleBeta\nread()", "RoleBeta"),
    "second switch": ("%aws_profile RoleGamma\nread()", "RoleGamma"),
    "cell": ("%%aws_profile RoleBeta\nread()", "RoleBeta"),
    "after the cell": ("read()", "RoleGamma"),
    "block": ("with using_profile('RoleBeta'): read()", "RoleBeta"),
    "after the block": ("read()", "RoleGamma"),
    "15 minutes": (
        "%aws_profile RoleBeta --duration 15m --session-name short\nread()",
        "RoleBeta/short",
    ),
    "read-only": (
        "%aws_profile RoleGamma --read-only --session-name limited\nread()",
        "RoleGamma/limited",
    ),
    "read-only block": (
        "with using_profile('RoleBeta', read_only=True, session_name='inner'): read()",
        "RoleBeta/inner",
    ),
    "after the read-only block": ("read()", "RoleGamma/limited"),
}


@dataclass
class Reader:
    """Code that reads in the notebook, and the principals that AWS saw when it last ran."""

    aws: EmbeddedAws
    notebook: Shell
    code: str
    seen: Sequence[str] = ()
    error: str = ""

    def __call__(self) -> None:
        """Run the code, which S3 can refuse."""
        self.error = ""
        self.aws.calls.clear()
        try:
            exec(self.code, self.notebook.names)
        except Exception as error:  # noqa: BLE001  # each library has its own errors
            self.error = f"{type(error).__name__}: {error}"[:300]
        arns = {call.arn or "anonymous" for call in self.aws.calls if "s3:" in call.action}
        names = {arn.partition("/")[2] or arn for arn in arns}
        self.seen = sorted({re.sub(r"/(boto|aws).*", "", name) for name in names})


@pytest.mark.nightly(keep=8)
@pytest.mark.parametrize(
    "library",
    [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOW)) for one in LIBRARIES],
)
def test_it_follows(aws: EmbeddedAws, notebook: Shell, library: str) -> None:
    """AWS sees the active profile only, and after `--off` the one from before the first switch."""
    notebook.good("%config AwsProfileMagics.stale = 'refuse'")  # a false alarm would be an error
    reader = Reader(aws, notebook, LIBRARIES[library])
    notebook.names.update(read=reader, CHILD=_CHILD)
    if library == "AWS CLI 2":
        notebook.names["AWS_CLI_2"] = aws_cli_2()
    reader()
    before, environment, wrong = reader.seen, dict(os.environ), []
    for situation, (cell, profile) in SITUATIONS.items():
        notebook.good(cell)
        if list(reader.seen) != [profile]:
            wrong.append(f"{situation}: AWS saw {reader.seen}, not {profile}. {reader.error}")
    notebook.good("%aws_profile --off\nread()")
    assert wrong == []
    assert reader.seen == before
    assert dict(os.environ) == environment


def test_polars_during_a_renewal(aws: EmbeddedAws, notebook: Shell) -> None:
    """Polars never mixes two sets of credentials, even if each use renews them."""
    notebook.good("import polars as pl\n%aws_profile RoleBeta --duration 15m")
    renew_at_each_use(notebook.names["session"])
    for _ in range(3):
        assert roles_in_s3(aws, notebook, LIBRARIES["polars"]) == {"RoleBeta"}


@pytest.mark.slow
def test_polars_that_is_imported_after_the_switch(aws: EmbeddedAws, notebook: Shell) -> None:
    """Polars follows even if it is imported after the switch, and forgets its first identity."""
    read = (
        f"import polars\ntry: polars.read_csv('s3://{BUCKET}/cities.csv')\n"
        "except Exception as error: print(type(error).__name__)"
    )
    switches = ("%aws_profile RoleBeta", "%aws_profile RoleGamma", "%aws_profile --off")
    cells = [cell for switch in switches for cell in (switch, read)]
    aws.calls.clear()
    run_notebook("%load_ext ipy_awsprofile", *cells, environment=dict(os.environ))
    arns = [str(call.arn) for call in aws.calls if call.action.startswith("s3:")]
    assert list(dict.fromkeys(arn.split("/")[1] for arn in arns)) == [
        *("RoleBeta", "RoleGamma", "UserAlpha")
    ]


def test_a_profile_that_is_added_after_the_switch(aws: EmbeddedAws, notebook: Shell) -> None:
    """Other sessions find a profile that was added to the files, and `--off` restores botocore."""
    before = vars(botocore.session.Session)["full_config"]
    notebook.good("%aws_profile RoleBeta")
    aws.write_profile("new", region="eu-west-3")
    assert "new" in notebook.good("boto3.Session().available_profiles").result
    notebook.good("%aws_profile --off")
    assert vars(botocore.session.Session)["full_config"] is before
