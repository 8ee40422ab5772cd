"""In a run over many profiles, each row comes from its own profile's account.

A library uses the row's session, is refused by the extension, or is refused by AWS. No row has the
data of the notebook's identity, which is RoleBeta here.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pandas as pd
import pytest
import s3fs

from ipy_awsprofile import across_profiles, open_session, using_profile
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, seed_organisation
from ipy_awsprofile.errors import NoProfileAnswered, NotForOneProfile, StaleIdentity
from tests.aws import EmbeddedAws
from tests.kernels import Kernel
from tests.packages import has
from tests.servers import Answers, odd_server
from tests.shells import Shell

RUN = "%%aws_profiles atlas --no-progress"

SETUP = """
import functools, subprocess
from concurrent.futures import ThreadPoolExecutor
import boto3, s3fs, pandas as pd, polars as pl
from ipy_awsprofile import across_profiles, libraries, open_session, using_profile

def read(s3, bucket):
    return s3.get_object(Bucket=bucket, Key="name")["Body"].read().decode()

def in_thread(function):
    with ThreadPoolExecutor() as own:
        return own.submit(function).result()

def child(*arguments):
    return subprocess.run([*aws, *arguments], capture_output=True, text=True, check=True).stdout
"""

#: What the notebook reads with after a run.
READS = (
    "pd.read_csv('s3://my-first-bucket/t.csv')['name'][0]",
    "pd.read_parquet('s3://my-first-bucket/t.parquet')['name'][0]",
    "pl.read_parquet('s3://my-first-bucket/t.parquet')['name'][0]",
    "read(boto3.client('s3'), 'my-first-bucket')",
)


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


def aws_variables() -> dict[str, str]:
    """Return the environment's variables for AWS."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


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
        shell.good(f"%load_ext ipy_awsprofile\n%aws_profile RoleBeta\n{SETUP}")
        shell.names["aws"] = [sys.executable, "-m", "awscli"]
        s3fs.S3FileSystem.clear_instance_cache()
        before = aws_variables()
        aws.calls.clear()
        yield shell
        assert not [call for call in aws.calls if f"::{ROLE_ACCOUNT}:" in str(call.arn)]
        assert aws_variables() == before
        assert boto3.DEFAULT_SESSION is shell.names["session"]
        for code in READS:
            assert shell.good(code).result == "RoleBeta"


USE_THE_ROW = [
    "read(boto3.client('s3'), bucket)",
    "read(boto3.resource('s3').meta.client, bucket)",
    "pd.read_csv(f's3://{bucket}/t.csv')['name'][0]",
    "own = libraries.pyarrow_filesystem(session)\n"
    "pd.read_parquet(f'{bucket}/t.parquet', filesystem=own)['name'][0]",
    "own = libraries.polars_options(session)\n"
    "pl.read_parquet(f's3://{bucket}/t.parquet', **own)['name'][0]",
    "s3 = session.client('s3')\nin_thread(lambda: read(s3, bucket))",
    "child('--profile', profile, 's3', 'cp', f's3://{bucket}/name', '-')",
    "read(open_session(profile).client('s3'), bucket)",
]
if has("awswrangler"):
    USE_THE_ROW.append(
        "import awswrangler as wr\nwr.s3.read_csv(f's3://{bucket}/t.csv')['name'][0]"
    )
if has("duckdb"):
    USE_THE_ROW.append(
        "import duckdb\ncon = duckdb.connect()\nlibraries.duckdb_secret(session, con)\n"
        "con.sql(f\"SELECT name FROM 's3://{bucket}/t.parquet'\").fetchone()[0]"
    )


def test_uses_the_row(notebook: Shell, names: tuple[str, ...]) -> None:
    """These ways to read use each row's own session."""
    for code in USE_THE_ROW:
        ran = notebook.good(f"{RUN}\nbucket = f'{{profile}}-1'\n{code}")
        assert list(ran.result["value"]) == list(names), code


def test_a_helper_of_an_earlier_cell(notebook: Shell) -> None:
    """A function of an earlier cell that uses `session` works for each profile."""
    notebook.good(
        "from ipy_awsprofile import who_am_i\ndef who(): return who_am_i(session).account"
    )
    frame = notebook.good(f"{RUN}\nwho()").result
    assert list(frame["value"]) == list(frame["account"])
    assert len(frame) == 3


REFUSED = [
    "boto3.Session().client('sts').get_caller_identity()",
    "s3.list_buckets()",
    "fs.ls('my-first-bucket', refresh=True)",
    "in_thread(lambda: boto3.client('s3').list_buckets())",
    "pool.submit(pd.read_csv, 's3://my-first-bucket/t.csv').result()",
    "pl.read_parquet('s3://my-first-bucket/t.parquet')",
    "boto3.setup_default_session(profile_name=profile)",
    "%aws_profile UserAlpha",
    "with using_profile('UserAlpha'): pass",
    "across_profiles('RoleBeta', str)",
    "%aws_profiles",
]
if has("duckdb"):
    REFUSED.append("libraries.duckdb_secret(session)")


def test_refused(notebook: Shell, aws: EmbeddedAws) -> None:
    """Code that would use or change the notebook's identity is an error with a hint."""
    notebook.good("s3, fs, pool = session.client('s3'), s3fs.S3FileSystem(), ThreadPoolExecutor(1)")
    notebook.good("fs.ls('my-first-bucket')\npool.submit(s3.list_buckets).result()")
    aws.calls.clear()
    for code in REFUSED:
        error = notebook.refused(f"{RUN}\n{code}\n1")
        assert isinstance(error, NoProfileAnswered)
        assert {row["error"] for row in error.errors} == {"NotForOneProfile"}, code
        assert all(row["hint"] for row in error.errors), code


#: Calls of polars in a cell that also imports polars.
FIRST_CALLS = (
    "pl.DataFrame({'a': [1]}).write_csv(f's3://{profile}-1/b.csv'OPTIONS)",
    "pl.scan_csv(f's3://{profile}-1/b.csv'OPTIONS).collect()",
)


def test_polars_in_a_first_cell(aws: EmbeddedAws) -> None:
    """If the run imports polars, the hint has code that writes and reads as each profile."""
    names = ",".join(seed_organisation(aws, 2))
    run = f"%%aws_profiles {names} --no-progress\nimport polars as pl\n"
    for call in FIRST_CALLS:
        with Kernel.started(aws, {"AWS_ENDPOINT_URL": aws.endpoint_url}) as kernel:
            refused = kernel.run(run + call.replace("OPTIONS", "")).text
            assert "polars doesn't know the function's profile" in refused
            imports, options = re.findall("`(from .+?|[*].+?)`", refused)
            kernel.good(f"{run}{imports}\n{call.replace('OPTIONS', f', {options}')}")
    calls = [call for call in aws.calls if call.action in {"s3:PutObject", "s3:GetObject"}]
    assert {str(call.arn).split("/")[1] for call in calls} == {"Reader"}
    assert len({str(call.arn).split(":")[4] for call in calls}) == 2


REFUSED_BY_AWS = (
    "pd.read_parquet('s3://my-first-bucket/t.parquet')",
    "import deltalake\ndeltalake.DeltaTable('s3://my-first-bucket/delta')",
    "import obstore\nfrom obstore.store import S3Store\n"
    "store = S3Store('my-first-bucket', client_options={'allow_http': True})\n"
    "obstore.get(store, 't.csv').bytes()",
    "child('s3', 'ls', 'my-first-bucket')",
)


def test_refused_by_aws(notebook: Shell, aws: EmbeddedAws) -> None:
    """Code that can't tell threads apart signs with keys that don't exist."""
    for code in REFUSED_BY_AWS:
        aws.calls.clear()
        assert isinstance(notebook.run(f"{RUN}\n{code}\n1").error, NoProfileAnswered)
        asked = [call for call in aws.calls if call.action != "sts:AssumeRole"]
        assert asked, code
        assert {call.arn for call in asked} == {None}, code


def test_opened_before(notebook: Shell, aws: EmbeddedAws, tmp_path: Path) -> None:
    """A function or cell that names an object opened in S3 is refused before the run."""
    notebook.good("import pyarrow.dataset as ds\nfrom obstore.store import S3Store")
    notebook.good("opened = ds.dataset('s3://my-first-bucket/t.parquet')")
    notebook.good("store = S3Store('my-first-bucket')\ndef function(session): return str(store)")
    aws.calls.clear()
    by_closure = "(lambda table: lambda session: str(table))(opened)"
    for run in (
        f"{RUN}\nstr(opened)",
        "across_profiles('atlas', function)",
        f"across_profiles('atlas', {by_closure})",
        "across_profiles('atlas', lambda session, table=opened: str(table))",
        "across_profiles('atlas', lambda session: function(session))",
    ):
        error = notebook.refused(run)
        assert isinstance(error, NotForOneProfile)
        assert "Open the object in the function" in error.hint
    assert aws.calls == []
    notebook.names["path"] = path = str(tmp_path / "t.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(path)
    in_the_cell = notebook.good(f"{RUN}\nopened = ds.dataset(path)\nopened.count_rows()")
    assert list(in_the_cell.result["value"]) == [1, 1, 1]


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


def account_of(session: object) -> str:
    """Return the account of boto3's default session."""
    return str(boto3.client("sts").get_caller_identity()["Account"])


def test_run_in_a_block(notebook: Shell, names: tuple[str, ...]) -> None:
    """A run works in a block of another identity, and the block goes on with its identity."""
    with using_profile("UserAlpha") as session:
        frame = across_profiles(names, account_of, progress=False)
        assert list(frame["value"]) == list(frame["account"])
        assert boto3.DEFAULT_SESSION is session


def test_errors_of_worker_processes(shell: Shell, aws: EmbeddedAws) -> None:
    """A refusal in a worker process isn't blamed on the profile's keys."""
    (name,) = seed_organisation(aws, 1)
    work = f"""%%aws_profiles {name} --no-progress{{limit}}
    from joblib import Parallel, delayed
    def buckets(name):
        import boto3
        from ipy_awsprofile import open_session
        return len({{source}}.client("s3").list_buckets()["Buckets"])
    sum(Parallel(n_jobs=2)(delayed(buckets)(name) for name in [str(profile)]))
    """.replace("\n    ", "\n")
    ran = shell.run(work.format(source="boto3", limit=""))
    assert "NotForOneProfile: A call to AWS in a worker process failed: " in str(ran.error)
    assert "doesn't accept the keys" not in ran.text
    assert "`open_session(NAME)`" in ran.text
    opened = work.format(source="open_session(name)", limit="")
    assert shell.good(opened).result.value.tolist() == [1]
    limited = shell.run(work.format(source="boto3", limit=" --read-only")).text
    assert "`open_session(NAME, read_only=True)`" in limited
    opened = work.format(source="open_session(name, read_only=True)", limit=" --read-only")
    assert shell.good(opened).result.value.tolist() == [1]


def test_libraries_without_the_session(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library with its own S3 client gets a hint with the code that passes the session."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    write = "pd.DataFrame({'a': [1]}).to_parquet('s3://my-first-bucket/a.parquet')"
    shell.good(f"import pandas as pd\n%aws_profile RoleBeta\n{write}")
    cell = "%%aws_profiles RoleBeta --no-progress\npd.read_parquet({})"
    text = shell.run(cell.format("'s3://my-first-bucket/a.parquet'")).text
    assert "`pyarrow` needs the profile's session." in text
    codes = re.findall("`([^`]+)`", text[text.index("`pyarrow` needs") :])
    shell.good(codes[1])
    frame = shell.good(cell.format(f"'my-first-bucket/a.parquet', {codes[2]}")).result
    assert frame.a.tolist() == [1]


@pytest.mark.parametrize("is_active", [True, False])
def test_the_default_session_of_a_run(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, is_active: bool
) -> None:
    """A cell for many profiles can't replace boto3's default session, and leaves no trace."""
    names = seed_organisation(aws, 2)
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    shell.good("%aws_profile RoleBeta" if is_active else "import boto3")
    who = "import boto3\nboto3.client('sts').get_caller_identity()['Arn']"
    before = shell.good(who).result
    aws.calls.clear()
    ran = shell.run(
        f"%%aws_profiles {','.join(names)} --no-progress\nimport boto3, os\n"
        "os.environ['AWS_PROFILE'] = profile\n"
        "boto3.setup_default_session(profile_name=profile)\n"
        "boto3.client('s3').list_buckets()"
    )
    assert "boto3's default session was replaced during the run" in str(ran.error)
    assert "s3:ListAllMyBuckets" not in aws.actions
    assert shell.good(who).result == before
    shell.good("boto3.setup_default_session()")  # works again
    assert shell.good("import os\nos.environ['AWS_PROFILE'] in ('UserAlpha', 'RoleBeta')").result


def test_sessions_and_threads_of_a_run(shell: Shell, aws: EmbeddedAws) -> None:
    """A new session with a Region, a thread and a switch in a run get what keeps their purpose."""
    names = ",".join(seed_organisation(aws, 2))
    cell = f"%%aws_profiles {names} --no-progress\n"
    new = "import boto3\nboto3.Session(region_name='us-east-1').client('s3').list_buckets()"
    assert "For a Region, pass `region_name=` to the client." in shell.run(cell + new).text
    thread = (
        "import boto3\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor() as threads:\n"
        "    threads.submit(boto3.client, 's3', region_name='us-east-1').result()\nprofile"
    )
    text = shell.run(cell + thread).text
    assert "create its client from `session` with the same arguments" in text
    block = (
        "from ipy_awsprofile import using_profile\nwith using_profile('RoleBeta'): pass\nprofile"
    )
    assert "For a different profile, use `open_session(NAME)`" in shell.run(cell + block).text
    other = "from ipy_awsprofile import open_session\nopen_session('RoleBeta').profile_name"
    assert set(shell.good(cell + other).result.value) == {"RoleBeta"}


def test_the_default_session_without_a_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """If no profile is active, the card names the profile of boto3's default session."""
    shell.good("import boto3\nboto3.setup_default_session(profile_name='RoleBeta')")
    text = shell.good("%aws_profile").text
    assert "boto3 uses the profile `RoleBeta` of `boto3.setup_default_session`." in text
