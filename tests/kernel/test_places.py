"""A switch sets environment variables, boto3's session and libraries, and `--off` restores them.

The libraries get no arguments for credentials. https://docs.aws.amazon.com/sdkref/latest/guide/
"""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import fsspec.config
import pytest
import time_machine

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.profiles import find_profile
from ipy_awsprofile.demo.aws import append_section
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT
from tests.aws import EmbeddedAws
from tests.kernel.conftest import BUCKET
from tests.packages import has, needs
from tests.processes import Child
from tests.roles import renew_at_each_use, roles_in_s3
from tests.servers import Answers, odd_server
from tests.shells import Shell, run_python

# Environment variables ----------------------------------------------------------------------------

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "hush",
    "AWS_SESSION_TOKEN": "hush-hush",
}
MINE = {
    **KEYS,
    "AWS_PROFILE": "UserAlpha",
    "AWS_DEFAULT_PROFILE": "UserAlpha",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/mine",
    "AWS_BEARER_TOKEN_BEDROCK": "mine",
}


@pytest.fixture
def mine(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the user's variables."""
    for name, value in MINE.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("mine")
def test_set_and_restored(shell: Shell, child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch sets the profile and its Region, hides the user's keys, and `--off` restores all."""
    before = dict(os.environ)
    own, settings = boto3.Session(region_name="eu-north-1"), {"anon": False}
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", own)
    monkeypatch.setitem(fsspec.config.conf, "s3", settings)
    shell.good("session = 'mine'")
    for options in ("", "--region eu-north-1 --as other", "--read-only"):
        shell.good(f"%aws_profile UserAlpha\n%aws_profile RoleBeta {options}")
        region = "eu-north-1" if "region" in options else "us-west-2"
        assert os.environ["AWS_REGION"] == region
        # Where the profile has the Region, only other profiles would read the variable.
        of_switch = region if "region" in options else None
        assert os.environ.get("AWS_DEFAULT_REGION") == of_switch
        assert os.environ["AWS_PROFILE"].startswith("RoleBeta")
        assert not {*KEYS, "AWS_DEFAULT_PROFILE"} & os.environ.keys()
        assert ("AWS_BEARER_TOKEN_BEDROCK" in os.environ) == ("read-only" not in options)
        assert not [value for value in os.environ.values() if "hush" in value]
        assert f"::{ROLE_ACCOUNT}:assumed-role/RoleBeta/" in child.arn()
        variable = "other" if "other" in options else "session"
        assert boto3.DEFAULT_SESSION is shell.names[variable]
    shell.good("%aws_profile --off")
    assert dict(os.environ) == before
    assert boto3.DEFAULT_SESSION is own
    assert fsspec.config.conf["s3"] is settings
    assert shell.names["session"] == "mine"
    assert "other" not in shell.names


@pytest.mark.usefixtures("mine")
def test_changes_of_the_user_stay(shell: Shell) -> None:
    """A variable that the user sets or removes is hidden by the next switch, and stays at the end.

    Keys are changed together: new ones are never combined with an older token.
    """
    before = dict(os.environ)
    newer = {"AWS_ACCESS_KEY_ID": "AKIAI44QH8DHBEXAMPLE", "AWS_SECRET_ACCESS_KEY": "newer"}
    shell.good("%aws_profile RoleBeta --region us-west-1")
    shell.names["changes"] = {"AWS_REGION": "eu-west-3", "OTHER": "mine", **newer}
    shell.good("import os\nos.environ.update(changes)\ndel os.environ['AWS_DEFAULT_REGION']")
    assert "`AWS_ACCESS_KEY_ID` was changed after the switch" in shell.good("%aws_profile").text
    shell.good("%aws_profile UserAlpha --region us-east-1")
    assert not KEYS.keys() & os.environ.keys()
    assert os.environ["AWS_REGION"] == os.environ["AWS_DEFAULT_REGION"] == "us-east-1"
    shell.good("%aws_profile --off")
    after = before | shell.names["changes"]
    del after["AWS_DEFAULT_REGION"], after["AWS_SESSION_TOKEN"]
    del after["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    assert dict(os.environ) == after


def test_the_token_is_not_sent_to_a_proxy(
    shell: Shell, aws: EmbeddedAws, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the user has a proxy, child processes get their credentials without it."""
    monkeypatch.setenv("http_proxy", aws.endpoint_url)  # answers as AWS, but knows no lent session
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", ".acme")
    before = dict(os.environ)
    shell.good("%aws_profile RoleBeta --read-only")
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == ".acme,127.0.0.1"
    assert ":assumed-role/RoleBeta/" in child.arn()
    shell.good("%aws_profile --off")
    assert dict(os.environ) == before


def test_the_region_of_another_profile(aws: EmbeddedAws, shell: Shell) -> None:
    """After a switch, another profile that is named has its own Region, in child processes, too."""
    aws.write_profile("Elsewhere", source_profile="UserAlpha", region="eu-north-1")
    own, other = (
        "boto3.Session().region_name",
        "boto3.Session(profile_name='Elsewhere').region_name",
    )
    shell.good("import boto3")
    for options in ("", "--session-name lent"):
        shell.good(f"%aws_profile RoleBeta {options}")
        assert run_python(f"import boto3; print({own}, {other})") == "us-west-2 eu-north-1\n"
        assert shell.good(other).result == "eu-north-1"
    shell.good("%aws_profile RoleBeta --region eu-west-1")
    assert run_python(f"import boto3; print({own})") == "eu-west-1\n"


# Libraries ----------------------------------------------------------------------------------------

#: Each library reads (deltalake writes) as in any notebook.
LIBRARIES = {
    "boto3": "for s3 in (boto3, boto3.Session()): s3.client('s3').list_objects_v2(Bucket=BUCKET)",
    "aiobotocore": "import asyncio; from aiobotocore.session import get_session\n"
    "async def list_objects():\n"
    "    async with get_session().create_client('s3') as s3:\n"
    "        await s3.list_objects_v2(Bucket=BUCKET)\n"
    "asyncio.run(list_objects())",
    "s3fs": "import s3fs; s3fs.S3FileSystem().cat(CSV)",
    "pandas": "import pandas as pd; pd.read_csv(CSV); pd.read_parquet(PARQUET)",
    "pyarrow": "import pyarrow.dataset as ds; ds.dataset(PARQUET).to_table()",
    "polars": "import polars as pl; pl.read_parquet(PARQUET)",
    "deltalake": "import deltalake, pandas as pd\n"
    "deltalake.write_deltalake(f'{ROOT}/delta', pd.DataFrame({'a': [1]}), mode='overwrite')",
    "obstore": "import obstore; from obstore.store import S3Store\n"
    "options = {'client_options': {'allow_http': True}, 'retry_config': {'max_retries': 0}}\n"
    "obstore.get(S3Store(BUCKET, **options), 'cities.csv').bytes()",
    "awswrangler": "import awswrangler as wr; wr.s3.list_objects(ROOT + '/')",
    "Dask": "import dask.dataframe as dd\n"
    "frame = dd.read_parquet(PARQUET); frame.compute(scheduler='sync')",
    "MLflow": "from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository\n"
    "S3ArtifactRepository(ROOT).list_artifacts()",
    "PyIceberg": "from pyiceberg.io.pyarrow import PyArrowFileIO\n"
    "PyArrowFileIO({'s3.endpoint': ENDPOINT, 's3.region': 'us-west-2'}).new_input(CSV).open()",
}
for library in ("awswrangler", "PyIceberg"):
    if not has(library.lower()):
        del LIBRARIES[library]


def signers(aws: EmbeddedAws, notebook: Shell, code: str) -> set[str]:
    """Run the code, which S3 can refuse, and return the principals that AWS saw."""
    aws.calls.clear()
    notebook.run(code)
    arns = {call.arn or "anonymous" for call in aws.calls if "s3:" in call.action}
    names = {arn.partition("/")[2] or arn for arn in arns}
    return {re.sub(r"/(boto|aws).*", "", name) for name in names}


@pytest.mark.parametrize("library", LIBRARIES)
def test_it_follows(aws: EmbeddedAws, notebook: Shell, library: str) -> None:
    """AWS sees the active profile only, and after `--off` the one from before the first switch."""
    notebook.good("%config AwsProfileMagics.stale = 'refuse'")  # a false alarm would be an error
    code = LIBRARIES[library]
    before = signers(aws, notebook, code)
    for line, signer in {
        "%aws_profile RoleBeta": "RoleBeta",
        "%aws_profile RoleGamma --read-only --session-name limited": "RoleGamma/limited",
    }.items():
        notebook.good(line)
        assert signers(aws, notebook, code) == {signer}
    cell = f"%%aws_profile RoleBeta --duration 15m --session-name short\n{code}"
    assert signers(aws, notebook, cell) == {"RoleBeta/short"}
    assert signers(aws, notebook, code) == {"RoleGamma/limited"}
    notebook.good("%aws_profile --off")
    assert signers(aws, notebook, code) == before


def test_polars_during_a_renewal(aws: EmbeddedAws, notebook: Shell) -> None:
    """Polars never mixes two sets of credentials, even if each use renews them."""
    notebook.good("import polars as pl\n%aws_profile RoleBeta --duration 15m")
    renew_at_each_use(notebook.names["session"])
    for _ in range(3):
        assert roles_in_s3(aws, notebook, LIBRARIES["polars"]) == {"RoleBeta"}


def test_s3fs_during_a_renewal(aws: EmbeddedAws, notebook: Shell) -> None:
    """In a run, s3fs never mixes two sets of credentials, even if each use renews them."""
    notebook.names["renew"] = renew_at_each_use
    notebook.good(
        "import s3fs; from ipy_awsprofile import across_profiles\n"
        "def read(session):\n    renew(session)\n    s3fs.S3FileSystem().cat(CSV)"
    )
    read = "frame = across_profiles(['RoleBeta'], read)"
    assert roles_in_s3(aws, notebook, read) == {"RoleBeta"}
    assert "error" not in notebook.good("frame").result


POLARS = f"""
from ipy_awsprofile import using_profile

def read():
    import polars
    polars.read_csv("s3://{BUCKET}/cities.csv")

with using_profile("RoleBeta"):
    read()
try:
    read()
except Exception as error:  # UserAlpha isn't allowed to read
    print(type(error).__name__)
with using_profile("RoleGamma"):
    read()
"""


@pytest.mark.usefixtures("notebook")
def test_polars_that_is_imported_after_the_switch(aws: EmbeddedAws) -> None:
    """Polars follows even if it is imported after the switch, and forgets its first identity."""
    aws.calls.clear()
    run_python(POLARS)
    arns = [str(call.arn) for call in aws.calls if call.action.startswith("s3:")]
    assert list(dict.fromkeys(arn.split("/")[1] for arn in arns)) == [
        *("RoleBeta", "UserAlpha", "RoleGamma")
    ]


CLUSTER = """
import dask.dataframe as dd, distributed
from ipy_awsprofile import across_profiles, libraries
cluster = distributed.LocalCluster(
    n_workers=1, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1")
client = distributed.Client(cluster)
"""


def test_a_dask_cluster_in_a_run(aws: EmbeddedAws, notebook: Shell) -> None:
    """In a run, Dask computes in the row's thread, because workers have the notebook's identity."""
    notebook.good(f"%aws_profile UserAlpha\n{CLUSTER}")
    try:
        read = "across_profiles(['RoleBeta', 'RoleGamma'], lambda _: len(dd.read_csv(CSV)))"
        assert roles_in_s3(aws, notebook, read) == {"RoleBeta", "RoleGamma"}
        named = "across_profiles(['RoleBeta'], lambda _: client.submit(len, 'x').result())"
        notebook.good("def helper():\n    return client.submit(len, 'x').result()")
        through = "across_profiles(['RoleBeta'], lambda _: helper())"
        for cell in (named, through, "%%aws_profiles RoleBeta\nhelper()"):
            assert "`client` runs code in processes" in str(notebook.refused(cell))
        attribute = (
            "across_profiles(['RoleBeta'], lambda session: session.client('s3').meta.region_name)"
        )
        assert list(notebook.good(attribute).result["value"]) == ["us-west-2"]
        assert notebook.good("client.submit(len, 'x').result()").result == 1
        assert "UserAlpha" in signers(aws, notebook, "len(dd.read_csv(CSV))")
        card = " ".join(notebook.good("%aws_profile RoleBeta").text.split())
        (restart,) = re.findall("`dask` keeps another identity in its workers: run `(.+?)`", card)
        assert "`multiprocessing`" not in card
        read = "dd.read_csv(CSV).map_partitions(len, meta=int).compute()"
        assert "UserAlpha" in signers(aws, notebook, read)
        notebook.good(restart)
        assert roles_in_s3(aws, notebook, read) == {"RoleBeta"}
        card = notebook.good("libraries.dask_workers(client)\n%aws_profile RoleGamma").text
        assert "`dask`" not in card
        assert "workers" in card
        assert roles_in_s3(aws, notebook, read) == {"RoleGamma"}
    finally:
        notebook.good("client.close(); cluster.close()")


#: Code in which the user names RoleBeta, or its session.
NAMED = {
    "open_session": "open_session('RoleBeta').client('s3').list_objects_v2(Bucket=BUCKET)",
    "boto3": "boto3.Session(profile_name='RoleBeta').client('s3').list_objects_v2(Bucket=BUCKET)",
    "pandas": "pd.read_csv(CSV, storage_options=storage_options(beta))",
    "polars": "pl.read_parquet(PARQUET, **libraries.polars_options(beta))",
    "pyarrow": "libraries.pyarrow_filesystem(beta).open_input_file(KEY).read()",
    "block": "with using_profile('RoleBeta'): pd.read_parquet(PARQUET)",
}
SHOWN = "import os; print(*(name for name in os.environ if 'ENDPOINT' in name or 'HTTP' in name))"


def test_the_endpoint_of_another_service(
    aws: EmbeddedAws, notebook: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card names a variable with another server for a service, until its step is followed."""
    with odd_server(Answers((404, ""))) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        card = notebook.good("%aws_profile RoleBeta").text
        says = f"`AWS_ENDPOINT_URL_DYNAMODB` makes new clients and child processes use {url}"
        assert says in card
        (step,) = re.findall(r"run `(import os; del [^`]*)`", card)
        endpoint = "session.client('dynamodb').meta.endpoint_url"
        assert notebook.good(endpoint).result == url
        notebook.good(step)
        assert notebook.good(endpoint).result != url
        assert "DYNAMODB" not in notebook.good("%aws_profile").text


def test_the_endpoint_of_a_profile(
    aws: EmbeddedAws, notebook: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries in other languages read from the active profile's S3 endpoint, until `--off`.

    Other profiles in the kernel keep their endpoints, and a run over many profiles hides this one.
    """
    for name in ("AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP"):
        monkeypatch.delenv(name)
    before = run_python(SHOWN)
    notebook.good(
        "import pandas as pd, polars as pl\n"
        "from ipy_awsprofile import across_profiles, libraries, storage_options\n"
        "beta = open_session('RoleBeta')"
    )
    elsewhere = Answers((404, ""))
    with odd_server(elsewhere) as url:
        append_section(aws.config_file, "services elsewhere", {"s3": {"endpoint_url": url}})
        role: Any = find_profile("RoleBeta", read_config()).settings
        aws.write_profile("Elsewhere", **role | {"services": "elsewhere"})
        for library in ("pandas", "pyarrow", "polars", "deltalake", "obstore"):
            notebook.good("%aws_profile RoleBeta")
            assert roles_in_s3(aws, notebook, LIBRARIES[library]) == {"RoleBeta"}
        append_section(aws.config_file, "profile Indented", {"services": {"s3": "mine"}})
        card = notebook.good("%aws_profile Elsewhere").text
        assert f"`AWS_ENDPOINT_URL_S3` makes child processes use {url} for S3, even with" in card
        assert "`%%aws_profile NAME` cell" in card
        cell = f'!"{sys.executable}" -c "import boto3; boto3.client(\'s3\').list_buckets()"'
        assert roles_in_s3(aws, notebook, f"%%aws_profile RoleBeta\n{cell}") == {"RoleBeta"}
        assert isinstance(notebook.run("pd.read_parquet(PARQUET)").error, FileNotFoundError)
        asked = elsewhere.asked
        assert asked
        for code in NAMED.values():
            assert roles_in_s3(aws, notebook, code) == {"RoleBeta"}
        notebook.names.update(run_python=run_python, SHOWN=SHOWN, seen=[])
        notebook.good("across_profiles(['RoleBeta'], lambda _: seen.append(run_python(SHOWN)))")
        assert notebook.names["seen"] == [before]
        assert elsewhere.asked == asked
        notebook.run("pd.read_parquet(PARQUET)")
        assert elsewhere.asked > asked
        notebook.good("%aws_profile --off")
        assert run_python(SHOWN) == before
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
        asked = elsewhere.asked
        # On Windows, pyarrow can't read files in a folder whose name isn't ASCII.
        has_keys = sys.platform != "win32" or str(aws.config_file).isascii()
        user = "UserAlpha" if has_keys else "anonymous"
        assert signers(aws, notebook, "pd.read_parquet(PARQUET)") == {user}
        assert elsewhere.asked == asked


#: Objects of libraries in other languages, and code that reads with them.
OPENED = {
    "pyarrow": ("import pyarrow.dataset as ds; it = ds.dataset(PARQUET)", "it.to_table()"),
    "deltalake": (
        f"{LIBRARIES['deltalake']}; it = deltalake.DeltaTable(f'{{ROOT}}/delta')",
        "it.to_pandas()",
    ),
    "obstore": (
        f"{LIBRARIES['obstore']}; it = S3Store(BUCKET, **options)",
        "obstore.get(it, 'cities.csv').bytes()",
    ),
    "DuckDB": (
        "import duckdb; from ipy_awsprofile import libraries; it = duckdb.connect()\n"
        "libraries.duckdb_secret(session, it)",
        "it.execute(f\"FROM '{CSV}'\")",
    ),
}
if not has("duckdb"):
    del OPENED["DuckDB"]


@pytest.mark.parametrize("library", OPENED)
def test_longer_than_the_session(aws: EmbeddedAws, notebook: Shell, library: str) -> None:
    """What a session of 15 minutes has opened reads 20 minutes later, as the same identity."""
    open_it, read = OPENED[library]
    # The clocks in other languages can't be moved, so the session is opened 20 minutes ago.
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=20), tick=True) as clock:
        notebook.good(f"%aws_profile RoleBeta --duration 15m\n{open_it}")
        assert roles_in_s3(aws, notebook, read) == {"RoleBeta"}
        clock.shift(timedelta(minutes=20))
        assert roles_in_s3(aws, notebook, read) == {"RoleBeta"}
        assert "sts:AssumeRole" in {call.action for call in aws.calls}


@needs("duckdb")
def test_duckdb_prompts_no_one(
    notebook: Shell, as_auditor: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a secret's renewal requires an MFA code, a cell that doesn't use it doesn't prompt."""
    notebook.good("import duckdb; from ipy_awsprofile import libraries")
    notebook.good("con = duckdb.connect(); libraries.duckdb_secret(session, con)")
    prompted: list[str] = []
    monkeypatch.setattr("getpass.getpass", prompted.append)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=True):
        notebook.good("1 + 1")
        assert prompted == []


@needs("duckdb")
def test_duckdb(aws: EmbeddedAws, notebook: Shell) -> None:
    """DuckDB's secrets for the active session follow each switch in all connections, until `--off`.

    A secret for another session stays. A switch succeeds whatever the connections do.
    """
    notebook.good(
        "import duckdb; from ipy_awsprofile import libraries\n%aws_profile RoleBeta\n"
        "con, other, closed = duckdb.connect(), duckdb.connect(), duckdb.connect()\n"
        "for each in (con, closed, None): libraries.duckdb_secret(session, each)\n"
        "libraries.duckdb_secret(open_session('RoleBeta'), other)\n"
        "closed.close(); cursor = con.cursor()"
    )

    def reader(name: str) -> set[str]:
        """Return the role that reads, or an empty set without a secret, as DuckDB would go on."""
        secret = f"{name}.execute(\"FROM which_secret('{BUCKET}', 's3')\").fetchall()"
        which: Any = notebook.good(secret.replace(f"'{BUCKET}'", f"'s3://{BUCKET}/x'")).result
        return (
            roles_in_s3(aws, notebook, f"{name}.execute(f\"FROM '{{CSV}}'\")") if which else set()
        )

    for role in ("RoleBeta", "RoleGamma"):
        notebook.good("con.begin()")
        assert "duckdb" not in notebook.good(f"%aws_profile {role}").text.lower()
        notebook.good("con.commit()\n%aws_profile --refresh")
        assert [reader(name) for name in ("con", "cursor", "duckdb")] == [{role}] * 3
    for end in ("%aws_profile UserAlpha", "%aws_profile RoleGamma\n%aws_profile --off"):
        notebook.good(end)  # a user's long-term keys don't leave the kernel
        assert [reader(name) for name in ("con", "cursor", "duckdb")] == [set()] * 3
    assert reader("other") == {"RoleBeta"}
