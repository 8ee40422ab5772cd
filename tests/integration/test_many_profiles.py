"""In a run over many profiles, each row comes from its own profile's account.

A library uses the row's session, is refused by the extension, or is refused by AWS. No row has the
data of the notebook's identity, which is RoleBeta here.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pandas as pd
import polars as pl
import pytest
import s3fs

from ipy_awsprofile import across_profiles, open_session, using_profile
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import NoProfileAnswered, NotForOneProfile, StaleIdentity
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.across.runs import account_of, errors_of
from tests.servers import Answers, odd_server
from tests.shells import Shell, aws_cli_2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws

RUN = "%%aws_profiles atlas --no-progress"


@pytest.fixture
def names(aws: EmbeddedAws) -> tuple[str, ...]:
    """Create three accounts, whose buckets have files with the name of their role profile."""
    names = seed_organisation(aws, 3)
    buckets = {"RoleBeta": "my-first-bucket"} | {name: f"{name}-1" for name in names}
    for name, bucket in buckets.items():
        s3, table = open_session(name).client("s3"), io.BytesIO()
        pd.DataFrame({"name": [name]}).to_parquet(table)
        s3.put_object(Bucket=bucket, Key="name", Body=name.encode())
        s3.put_object(Bucket=bucket, Key="t.csv", Body=f"name\n{name}\n".encode())
        s3.put_object(Bucket=bucket, Key="t.parquet", Body=table.getvalue())
    return names


@pytest.fixture
def notebook(bare_shell: Shell, aws: EmbeddedAws, names: tuple[str, ...]) -> Iterator[Shell]:
    """Switch to RoleBeta, and check at the end that it is as before, and that no row used it."""
    shell = bare_shell
    with odd_server(Answers((404, ""))) as metadata:
        # Libraries in other languages don't read the endpoint in the config file.
        os.environ |= {
            "AWS_ENDPOINT_URL": aws.endpoint_url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_METADATA_ENDPOINT": metadata,
        }
        shell.good("%load_ext ipy_awsprofile\n%aws_profile RoleBeta")
        shell.good(SETUP)
        shell.names.update(aws_1=[sys.executable, "-m", "awscli"])
        s3fs.S3FileSystem.clear_instance_cache()
        before = aws_variables()
        aws.calls.clear()
        yield shell
        assert not used_by_notebook(aws)
        assert aws_variables() == before
        assert boto3.DEFAULT_SESSION is shell.names["session"]
        for read in READS:
            assert read("my-first-bucket") == "RoleBeta"


SETUP = """
import asyncio, functools, os, subprocess
from concurrent.futures import ThreadPoolExecutor
import boto3, s3fs, duckdb, pandas as pd, polars as pl
from ipy_awsprofile import across_profiles, libraries, open_session, using_profile

def read(s3, bucket):
    return s3.get_object(Bucket=bucket, Key="name")["Body"].read().decode()

def in_thread(function):
    with ThreadPoolExecutor() as own:
        return own.submit(function).result()

def child(command, *arguments):
    command = [*command, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
"""


def aws_variables() -> dict[str, str]:
    """Return the environment's variables for AWS."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def reading_csv(bucket: str) -> Any:
    """Return the name in a bucket's CSV file."""
    return pd.read_csv(f"s3://{bucket}/t.csv")["name"][0]


#: What the notebook reads with after a run.
READS: tuple[Callable[[str], Any], ...] = (
    reading_csv,
    lambda bucket: pd.read_parquet(f"s3://{bucket}/t.parquet")["name"][0],
    lambda bucket: pl.read_parquet(f"s3://{bucket}/t.parquet")["name"][0],
    lambda bucket: boto3.client("s3").get_object(Bucket=bucket, Key="name")["Body"].read().decode(),
)


def used_by_notebook(aws: EmbeddedAws) -> bool:
    """Return whether AWS has accepted a call of RoleBeta."""
    return any(f"::{ROLE_ACCOUNT}:" in (call.arn or "") for call in aws.calls)


USE_THE_ROW = {
    "boto3": "read(boto3.client('s3'), bucket)",
    "boto3 resource": "read(boto3.resource('s3').meta.client, bucket)",
    "awswrangler": "import awswrangler as wr\nwr.s3.read_csv(f's3://{bucket}/t.csv')['name'][0]",
    "s3fs": "s3fs.S3FileSystem().cat(f'{bucket}/name').decode()",
    "pandas CSV": "pd.read_csv(f's3://{bucket}/t.csv')['name'][0]",
    "pyarrow_filesystem": "own = libraries.pyarrow_filesystem(session)\n"
    "pd.read_parquet(f'{bucket}/t.parquet', filesystem=own)['name'][0]",
    "polars_options": "own = libraries.polars_options(session)\n"
    "pl.read_parquet(f's3://{bucket}/t.parquet', **own)['name'][0]",
    "duckdb_secret": "con = duckdb.connect()\nlibraries.duckdb_secret(session, con)\n"
    "con.sql(f\"SELECT name FROM 's3://{bucket}/t.parquet'\").fetchone()[0]",
    "asyncio": "async def task(): return read(boto3.client('s3'), bucket)\nasyncio.run(task())",
    "client in a thread": "s3 = session.client('s3')\nin_thread(lambda: read(s3, bucket))",
    "AWS CLI": "child(aws_1, '--profile', profile, 's3', 'cp', f's3://{bucket}/name', '-')",
    "open_session": "read(open_session(profile).client('s3'), bucket)",
}


@pytest.mark.parametrize("cell", USE_THE_ROW.values(), ids=USE_THE_ROW)
def test_uses_the_row(notebook: Shell, names: tuple[str, ...], cell: str) -> None:
    """These ways to read use each row's own session."""
    ran = notebook.good(f"{RUN}\nbucket = f'{{profile}}-1'\n{cell}")
    assert list(ran.result["value"]) == list(names), ran.text


REFUSED = {
    "new session": "boto3.Session().client('sts').get_caller_identity()",
    "global client": "s3.list_buckets()",
    "global filesystem": "fs.ls('my-first-bucket', refresh=True)",
    "boto3 in a thread": "in_thread(lambda: boto3.client('s3').list_buckets())",
    "s3fs in a thread": "in_thread(lambda: pd.read_csv('s3://my-first-bucket/t.csv'))",
    "polars": "pl.read_parquet('s3://my-first-bucket/t.parquet')",
    "DuckDB's default connection": "libraries.duckdb_secret(session)",
    "replaced default session": "boto3.setup_default_session(profile_name=profile)",
    "switch": "%aws_profile UserAlpha",
    "off": "%aws_profile --off",
    "block": "with using_profile('UserAlpha'): pass",
    "run": "across_profiles('RoleBeta', str)",
    "list": "%aws_profiles",
}


@pytest.mark.parametrize("cell", REFUSED.values(), ids=REFUSED)
def test_refused(notebook: Shell, aws: EmbeddedAws, cell: str) -> None:
    """Code that would use or change the notebook's identity is an error with a hint."""
    notebook.good("s3 = session.client('s3')\nfs = s3fs.S3FileSystem()")
    notebook.good("fs.ls('my-first-bucket')")
    aws.calls.clear()
    error = notebook.refused(f"{RUN}\n{cell}\n1")
    assert isinstance(error, NoProfileAnswered)
    assert {one["error"] for one in error.errors} == {"NotForOneProfile"}, error
    assert all(one["hint"] for one in error.errors)


REFUSED_BY_AWS = {
    "pandas Parquet": "pd.read_parquet('s3://my-first-bucket/t.parquet')",
    "pyarrow": "from pyarrow.fs import FileSystem\n"
    "own, path = FileSystem.from_uri('s3://my-first-bucket/t.csv')\nown.open_input_file(path)",
    "deltalake": "import deltalake\ndeltalake.DeltaTable('s3://my-first-bucket/delta')",
    "obstore": "import obstore\nfrom obstore.store import S3Store\n"
    "store = S3Store('my-first-bucket', client_options={'allow_http': True})\n"
    "obstore.get(store, 't.csv').bytes()",
    "AWS CLI 1": "child(aws_1, 's3', 'ls', 'my-first-bucket')",
    "AWS CLI 2": "child(aws_2, 's3', 'ls', 'my-first-bucket')",
}


@pytest.mark.parametrize("cell", REFUSED_BY_AWS.values(), ids=REFUSED_BY_AWS)
def test_refused_by_aws(notebook: Shell, aws: EmbeddedAws, cell: str) -> None:
    """Code that can't tell threads apart signs with keys that don't exist."""
    if "aws_2" in cell:
        notebook.names["aws_2"] = [aws_cli_2()]
    error = notebook.run(f"{RUN}\n{cell}\n1").error
    assert isinstance(error, NoProfileAnswered)
    asked = [call for call in aws.calls if call.action != "sts:AssumeRole"]
    assert asked
    assert {call.arn for call in asked} == {None}


POOL, joblib = ThreadPoolExecutor(1), pytest.importorskip("joblib")
WORKERS: dict[str, Callable[[Any], Any]] = {
    "joblib": lambda _: joblib.Parallel(2)([joblib.delayed(reading_csv)("my-first-bucket")])[0],
    "threads": lambda _: POOL.submit(reading_csv, "my-first-bucket").result(),
}


@pytest.mark.parametrize("kind", WORKERS)
def test_workers_from_before(
    notebook: Shell, aws: EmbeddedAws, names: tuple[str, ...], kind: str
) -> None:
    """Workers that the notebook has used never answer a row, and answer the notebook afterwards."""
    ask = WORKERS[kind]
    assert ask(None) == "RoleBeta"
    aws.calls.clear()
    errors = errors_of(names, ask, max_workers=1)
    assert {one["error"] for one in errors} <= {"PermissionError", "NotForOneProfile"}
    assert not used_by_notebook(aws)
    assert ask(None) == "RoleBeta"
    aws.calls.clear()


WRITE = "'s3api', 'put-object', '--bucket', 'my-first-bucket', '--key', 'written'"


def test_read_only_child(notebook: Shell, aws: EmbeddedAws) -> None:
    """In a read-only run, a child can't write; a block for each profile lends it the limits."""
    assert notebook.run(f"%%aws_profiles RoleBeta --read-only\nchild(aws_1, {WRITE})").error
    loop = "for name in ['RoleBeta']:\n    with using_profile(name, read_only=True):\n        "
    listed = notebook.good(f"{loop}print(child(aws_1, 's3', 'ls', 'my-first-bucket'))").text
    assert "t.csv" in listed
    assert notebook.run(f"{loop}child(aws_1, {WRITE})").error
    in_run, in_block = (call.arn for call in aws.calls if call.action == "s3:PutObject")
    assert in_run is None
    assert "RoleBeta" in str(in_block)
    assert "my-first-bucket/written" not in s3fs.S3FileSystem().ls("my-first-bucket")
    aws.calls.clear()


# Objects from before the run ----------------------------------------------------------------------


OPENED = {
    "pyarrow": "import pyarrow.dataset as ds\nopened = ds.dataset('s3://my-first-bucket/t.parquet')",
    "obstore": "from obstore.store import S3Store\nopened = S3Store('my-first-bucket')",
    "deltalake": "import deltalake\n"
    "deltalake.write_deltalake('s3://my-first-bucket/d', pd.DataFrame({'a': [1]}),\n"
    "    storage_options={'AWS_S3_ALLOW_UNSAFE_RENAME': 'true'})\n"
    "opened = deltalake.DeltaTable('s3://my-first-bucket/d')",
}
NAMING = {
    "global": "def function(session): return str(opened)",
    "inner function": "def function(session): return [str(opened) for _ in [1]]",
    "closure": "function = (lambda table: lambda session: str(table))(opened)",
    "default": "def function(session, table=opened): return str(table)",
    "cell": "",
}


@pytest.mark.parametrize(
    ("opened", "naming"),
    [*((one, "global") for one in OPENED), *(("pyarrow", one) for one in NAMING)][1:],
)
def test_opened_before(notebook: Shell, aws: EmbeddedAws, opened: str, naming: str) -> None:
    """A function or cell that names an object opened in S3 is refused before the run."""
    notebook.good(f"{OPENED[opened]}\n{NAMING[naming]}")
    aws.calls.clear()
    run = f"{RUN}\nstr(opened)" if naming == "cell" else "across_profiles('atlas', function)"
    error = notebook.refused(run)
    assert isinstance(error, NotForOneProfile)
    assert "Open it in the function" in error.hint
    assert aws.calls == []


def test_opened_local_files(notebook: Shell, aws: EmbeddedAws, tmp_path: Path) -> None:
    """A function can name a local file, and a cell can open the variable again."""
    notebook.names["path"] = path = str(tmp_path / "t.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(path)
    notebook.good("import pyarrow.dataset as ds\nopened = ds.dataset(path)")
    local = "across_profiles('atlas', lambda _: opened.count_rows(), progress=False)"
    assert list(notebook.good(local).result["value"]) == [1, 1, 1]
    notebook.good(OPENED["pyarrow"])
    aws.calls.clear()
    again = "opened = ds.dataset(path)\nopened.count_rows()"
    assert list(notebook.good(f"{RUN}\n{again}").result["value"]) == [1, 1, 1]


def test_kept_clients(notebook: Shell, aws: EmbeddedAws) -> None:
    """A row's client that is kept is refused in other rows, and warns in the notebook."""
    notebook.good("@functools.cache\ndef client(): return boto3.client('sts')")
    frame = notebook.good(f"{RUN} --workers 1\nclient().get_caller_identity()['Account']").result
    assert list(frame["value"]) == list(frame["account"])
    assert len(frame) == 1
    assert {row["error"] for row in frame.attrs["errors"]} == {"NotForOneProfile"}
    ran = notebook.good("client().get_caller_identity()['Account']")
    assert f"signs GetCallerIdentity as {frame['profile'][0]}, but `RoleBeta` is active" in ran.text
    notebook.good("%config AwsProfileMagics.stale = 'refuse'")
    assert isinstance(notebook.run("client().get_caller_identity()").error, StaleIdentity)


# Switches during a run ----------------------------------------------------------------------------


def test_switch_from_elsewhere(notebook: Shell, names: tuple[str, ...]) -> None:
    """During a run, a widget's callback in another thread can't switch, and the run goes on."""
    begun, switcher, refused = threading.Event(), running_switcher(), []

    def callback() -> None:
        begun.wait(30)
        with pytest.raises(NotForOneProfile, match="for many profiles") as raised:
            switcher.switch(SwitchRequest(profile="UserAlpha"))
        refused.append(raised.value.hint)

    thread = threading.Thread(target=callback)
    thread.start()

    def function(_session: object) -> str:
        begun.set()
        thread.join(30)
        return account_of(boto3)

    frame = across_profiles(names, function, progress=False)
    assert list(frame["value"]) == list(frame["account"])
    assert "wait" in refused[0].lower()


def test_run_in_a_block(notebook: Shell, names: tuple[str, ...]) -> None:
    """A run works in a block of another identity, and the block goes on with its identity."""
    with using_profile("UserAlpha") as session:
        frame = across_profiles(names, lambda _: account_of(boto3), progress=False)
        assert list(frame["value"]) == list(frame["account"])
        assert boto3.DEFAULT_SESSION is session
    assert boto3.DEFAULT_SESSION is notebook.names["session"]
