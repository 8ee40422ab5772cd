"""With each library and each way to switch, AWS sees the identity that the card shows.

The libraries get no arguments from us. Each test uses all ways to switch, one after another.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd
import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, seed
from ipy_awsprofile.sessions.session import open_session
from tests.integration.ways_in import (
    Asked,
    Way,
    by_arn,
    by_cell_magic,
    by_context_manager,
    by_magic,
    by_picker,
    profile,
    read_only,
    shown_arn,
    without_session_name,
)
from tests.mfa_role import add_mfa_role, answer_with_codes
from tests.roles import add_role
from tests.servers import Answers, odd_server
from tests.shells import Shell, run_notebook

BUCKET = "libraries-of-the-table"
ROLE_ARN = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleGamma"

#: Each library reads (deltalake writes) as in any notebook, without arguments for credentials.
LIBRARIES = {
    "boto3": "import boto3; boto3.client('s3').list_objects_v2(Bucket=BUCKET)",
    "boto3 resource": "import boto3; list(boto3.resource('s3').Bucket(BUCKET).objects.all())",
    "aiobotocore": "import asyncio; from aiobotocore.session import get_session\n"
    "async def read():\n"
    "    async with get_session().create_client('s3') as s3:\n"
    "        await s3.list_objects_v2(Bucket=BUCKET)\n"
    "asyncio.run(read())",
    "AWS CLI": f"get_ipython().system('{sys.executable} -m awscli s3 ls ' + BUCKET)",
    "child Python": "import subprocess, sys\n"
    'code = f\'import boto3; boto3.client("s3").list_objects_v2(Bucket="{BUCKET}")\'\n'
    "subprocess.run([sys.executable, '-c', code], stderr=subprocess.DEVNULL)",
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
    "cloudpathlib": "import cloudpathlib; cloudpathlib.S3Path(CSV).read_text()",
    "smart_open": "import smart_open; smart_open.open(CSV).read()",
    "deltalake": "import deltalake, pandas as pd\n"
    "deltalake.write_deltalake(f's3://{BUCKET}/delta', pd.DataFrame({'a': [1]}), mode='overwrite')",
    "obstore": "import obstore; from obstore.store import S3Store\n"
    "options = {'allow_http': True}\n"
    "obstore.get(S3Store(BUCKET, client_options=options), 'cities.csv').bytes()",
    # Without a version, lance lists the table, and retries for seconds if that is denied.
    "lance": "import lance; lance.dataset(f's3://{BUCKET}/lance', version=1)",
    "PyIceberg": "from pyiceberg.io.pyarrow import PyArrowFileIO\n"
    "PyArrowFileIO({'s3.endpoint': ENDPOINT, 's3.region': 'us-west-2'}).new_input(CSV).open()",
    "DuckDB": "import duckdb, duckdb_extensions as de\n"
    "duck = duckdb.connect()\n"
    "de.import_extension('httpfs', con=duck); de.import_extension('aws', con=duck)\n"
    "duck.execute(f\"CREATE SECRET (TYPE s3, PROVIDER credential_chain, URL_STYLE 'path', \"\n"
    "    f\"USE_SSL false, ENDPOINT '{ENDPOINT.partition('//')[2]}')\")\n"
    "duck.sql(f\"FROM '{PARQUET}'\").fetchall()",
}

#: Libraries that use the kernel's own session. Others can assume the role by its profile.
ONE_SESSION = {"boto3", "boto3 resource", "awswrangler"}

#: Libraries that keep the credentials of their first read, which the card names.
NAMED = {"daft": "import daft; daft.read_csv(CSV).collect()"}

#: Each way has a different identity from the previous one, even if that was a scope.
WAYS_IN: dict[str, tuple[Way, Asked]] = {
    "line magic": (by_magic, profile("RoleBeta")),
    "picker": (by_picker, profile("UserAlpha")),
    "--role-arn": (by_magic, by_arn(ROLE_ARN, "UserAlpha")),
    "cell magic": (by_cell_magic, profile("RoleBeta")),
    "using_profile": (by_context_manager, profile("UserAlpha")),
    "MFA": (by_magic, profile("Auditor", lent=True)),
    "--read-only": (by_magic, read_only("RoleGamma")),
    "line magic again": (by_magic, profile("RoleBeta")),
}


@dataclass(frozen=True)
class World:
    """The module's embedded AWS, the URL of a missing metadata service, and the MFA device."""

    aws: EmbeddedAws
    metadata: str
    mfa_serial: str


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Create two roles that read a bucket, a role that requires MFA, and the bucket."""
    with EmbeddedAws() as aws, odd_server(Answers((404, ""))) as metadata:
        seed(aws)
        add_role(aws, "RoleGamma", "s3:*")
        aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
        yield World(aws, metadata, add_mfa_role(aws, "Auditor"))


@pytest.fixture
def aws(world: World, monkeypatch: pytest.MonkeyPatch) -> EmbeddedAws:
    """Point the environment to the module's AWS, with the settings that emulators need."""
    for name, value in {
        **world.aws.environment(),
        "AWS_ENDPOINT_URL": world.aws.endpoint_url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
        # Rust's object_store calls instance metadata if it finds no other credentials.
        "AWS_METADATA_ENDPOINT": world.metadata,
    }.items():
        monkeypatch.setenv(name, value)
    return world.aws


@pytest.fixture
def notebook(
    world: World, aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """Put files into the bucket, and answer prompts with codes from the MFA device."""
    answer_with_codes(aws, world.mfa_serial, monkeypatch)
    s3 = open_session("RoleBeta").client("s3")
    s3.put_object(Bucket=BUCKET, Key="cities.csv", Body=b"city,people\nOslo,717\n")
    parquet = io.BytesIO()
    pd.DataFrame({"people": [717]}).to_parquet(parquet)
    s3.put_object(Bucket=BUCKET, Key="cities.parquet", Body=parquet.getvalue())
    shell.good("%config AwsProfileMagics.stale = 'refuse'")  # a false alarm would be an error
    shell.names.update(
        BUCKET=BUCKET,
        CSV=f"s3://{BUCKET}/cities.csv",
        PARQUET=f"s3://{BUCKET}/cities.parquet",
        ENDPOINT=aws.endpoint_url,
    )
    return shell


@dataclass
class Reader:
    """Reads with a library in a cell, and records the identities that AWS saw."""

    aws: EmbeddedAws
    notebook: Shell
    code: str
    seen: set[str] = field(default_factory=set)
    error: str = ""

    def read(self) -> None:
        """Run the library's code in the notebook; S3 may refuse it."""
        self.aws.calls.clear()
        self.error = ""
        try:
            exec(self.code, self.notebook.names)
        except Exception as error:  # noqa: BLE001  # each library has its own errors
            self.error = f"{type(error).__name__}: {error}"[:200]
        calls = [call for call in self.aws.calls if call.action.startswith("s3:")]
        self.seen = {call.arn or "anonymous" for call in calls}

    def through(self, way: Way, asked: Asked) -> str:
        """Use this way to switch, read, and return the card."""
        self.notebook.names["reader"] = self
        return way(self.notebook, asked, "reader.read()")

    def is_right(self, arn: str, *, exactly: bool) -> bool:
        """Return whether AWS saw only this identity, with ``exactly`` this session name."""
        same = str if exactly else without_session_name
        return {same(one) for one in self.seen} == {same(arn)}

    def says(self, library: str, way_in: str, arn: str) -> str:
        """Return a line about a failure, with everything that is needed to find its cause."""
        return (
            f"{library}, {way_in}: shown {arn}, seen {self.seen or 'nobody'} {self.error}".strip()
        )


@pytest.mark.nightly(keep=5)
@pytest.mark.parametrize("library", LIBRARIES)
def test_it_follows_every_way_in(aws: EmbeddedAws, notebook: Shell, library: str) -> None:
    """AWS sees the card's identity; the end of a scope and `--off` restore the previous one."""
    reader = Reader(aws, notebook, LIBRARIES[library])
    reader.read()
    without, before, outside = reader.seen, dict(os.environ), ""
    wrong = []
    for name, (way, asked) in WAYS_IN.items():
        shown = shown_arn(reader.through(way, asked))
        if not reader.is_right(shown, exactly=asked.lent or library in ONE_SESSION):
            wrong.append(reader.says(library, name, shown))
        if way in (by_cell_magic, by_context_manager):
            reader.read()
            if not reader.is_right(outside, exactly=False):
                wrong.append(reader.says(library, f"after {name}", outside))
        else:
            outside = shown
    notebook.good("%aws_profile --off")
    assert {name: os.environ.get(name) for name in before} == before
    reader.read()
    if reader.seen != without:
        wrong.append(reader.says(library, "--off", f"{without or 'nobody'} before"))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("library", NAMED)
def test_what_does_not_follow_is_named(aws: EmbeddedAws, notebook: Shell, library: str) -> None:
    """Each card names a library that keeps its first credentials."""
    reader = Reader(aws, notebook, NAMED[library])
    first, *others = WAYS_IN.items()
    kept = shown_arn(reader.through(*first[1]))
    assert reader.is_right(kept, exactly=False), reader.says(library, first[0], kept)
    for name, (way, asked) in others:
        card = reader.through(way, asked).replace("<code>", "`").replace("</code>", "`")
        assert f"{library}` keeps the credentials of its first read" in card, name
        assert reader.is_right(kept, exactly=False), reader.says(library, name, kept)


@pytest.mark.slow
def test_polars_that_is_imported_after_the_switch(aws: EmbeddedAws, notebook: Shell) -> None:
    """Polars follows even if it is imported after the switch, and forgets its first identity."""
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
    user = f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha"
    is_role = [":assumed-role/RoleBeta/" in arn for arn in arns]
    assert is_role[0]
    assert user in arns
    assert True not in is_role[arns.index(user) :]
