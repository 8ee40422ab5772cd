"""Each row comes from its own profile's account, with boto3, fsspec, threads and processes."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3
import fsspec
import polars as pl
import pytest
import s3fs

from ipy_awsprofile import across_profiles
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.errors import (
    AwsProfileError,
    NoProfileAnswered,
    NotForOneProfile,
)
from ipy_awsprofile.notebook.cell_function import InvalidCell
from ipy_awsprofile.sessions.session import open_session
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.across.failing import errors_of
from tests.shells import run_notebook
from tests.workers import empty_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.fixture
def names(aws: EmbeddedAws) -> tuple[str, ...]:
    """Create twelve accounts, each with a role profile, and return the profiles' names."""
    return seed_organisation(aws, 12)


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws, names: tuple[str, ...]) -> Iterator[Shell]:
    """Switch to RoleBeta, and check at the end that AWS saw no call of a run in its account."""
    shell.good("%aws_profile RoleBeta")
    aws.calls.clear()
    yield shell
    assert ROLE_ACCOUNT not in {account_in(call.arn) for call in aws.calls}
    assert boto3.DEFAULT_SESSION is shell.names["session"]
    assert account_of_boto3() == ROLE_ACCOUNT
    assert shell.good("%aws_profile").text.startswith("RoleBeta")


def account_in(arn: str | None) -> str:
    """Return the account in the ARN of a caller."""
    return (arn or "::::").split(":")[4]


def account_of_boto3(_session: object = None) -> str:
    """Return the account of boto3's default session, as reported by STS."""
    return str(boto3.client("sts").get_caller_identity()["Account"])


CELLS = {
    "client": "boto3.client('sts').get_caller_identity()['Account']",
    "resource": "boto3.resource('iam').meta.client.meta and "
    "boto3.DEFAULT_SESSION.client('sts').get_caller_identity()['Account']",
    "awswrangler": "import awswrangler as wr\nwr.sts.get_account_id()",
    "generator": "def rows():\n    yield boto3.client('sts').get_caller_identity()['Account']\n"
    "list(rows())",
    "asyncio": "import asyncio\nasyncio.run(asyncio.to_thread(lambda: "
    "boto3.client('sts').get_caller_identity()['Account']))",
}


@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_boto3(notebook: Shell, names: tuple[str, ...], cell: str) -> None:
    """In a run, each profile's session is boto3's default session, even in a second run."""
    for _ in range(2):
        ran = notebook.good(f"%%aws_profiles reader --no-progress\nimport boto3\n{cell}")
        assert list(ran.result["profile"]) == list(names)
        assert list(ran.result["value"]) == list(ran.result["account"])
        assert ran.result["account"].nunique() == len(names)


@pytest.mark.slow
def test_without_a_default_session(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """If there was no default session before the run, there isn't one afterwards."""
    frame = across_profiles([*names, "gone"], account_of_boto3, progress=False)
    assert list(frame["value"]) == list(frame["account"])
    assert len(frame) == len(names)
    assert boto3.DEFAULT_SESSION is None


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_executors(
    aws: EmbeddedAws, names: tuple[str, ...], tmp_path: Path, kind: str, shell: Shell
) -> None:
    """With an executor, too, each profile's session is boto3's default session."""
    shell.good("%aws_profile RoleBeta")
    executor: Executor = ThreadPoolExecutor(4)
    if kind == "processes":
        executor = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
    with empty_home(tmp_path / "worker") if kind == "processes" else executor, executor:
        assert executor.submit(int).result() == 0
        os.environ.update(aws.environment())
        frame = across_profiles(names, account_of_boto3, executor=executor, progress=False)
    assert list(frame["value"]) == list(frame["account"])
    assert frame["account"].nunique() == len(names)


def test_s3_paths(notebook: Shell, names: tuple[str, ...]) -> None:
    """In a run, fsspec opens S3 paths as each profile, and afterwards as the notebook."""
    s3fs.S3FileSystem.clear_instance_cache()
    before = fsspec.config.conf["s3"]
    cell = (
        "import fsspec\n"
        "mine = [one['Name'] for one in session.client('s3').list_buckets()['Buckets']]\n"
        "sorted(fsspec.filesystem('s3').ls('')) == sorted(mine) and len(mine) > 0"
    )
    frame = notebook.good(f"%%aws_profiles reader --no-progress\n{cell}").result
    assert list(frame["value"]) == [True] * len(names)
    assert fsspec.config.conf["s3"] is before


REFUSED = {
    "shell command": "!echo hello",
    "captured shell command": "x = !echo hello",
    "bash": "get_ipython().run_cell_magic('bash', '', 'echo hello')",
    "subprocess": "import subprocess\nsubprocess.run(['true'])",
    "system": "import os\nos.system('true')",
    "posix_spawn": "import os\nos.posix_spawn('/bin/true', ['true'], os.environ)",
    "pty": "import pty\npty.spawn('true')",
    "switch": "%aws_profile UserAlpha",
    "off": "%aws_profile --off",
    "identity": "%aws_profile",
    "list": "%aws_profiles",
    "run": "get_ipython().run_cell_magic('aws_profiles', 'reader', '1')",
    "nested": "import ipy_awsprofile\nipy_awsprofile.across_profiles('RoleBeta', id)",
    "scope": "import ipy_awsprofile\nwith ipy_awsprofile.using_profile('UserAlpha'):\n    pass",
    "picker": "picker.value = 'UserAlpha'",
    "new session": "import boto3\nboto3.Session().client('sts').get_caller_identity()",
    "replaced": "import boto3\nboto3.setup_default_session(profile_name=profile)",
    "thread": "from concurrent.futures import ThreadPoolExecutor\n"
    "import boto3\nwith ThreadPoolExecutor() as own:\n    own.submit(boto3.client, 's3').result()",
    "pool": "import boto3\npool.submit(boto3.client, 's3').result()",
}


@pytest.mark.slow
@pytest.mark.nightly(keep=6)
@pytest.mark.parametrize("cell", REFUSED.values(), ids=REFUSED)
def test_refused(notebook: Shell, cell: str) -> None:
    """Code that would use the notebook's identity is refused, and the notebook doesn't change."""
    notebook.good(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(1)\npool.submit(int).result()\n"
        "from ipy_awsprofile.switch.using_profile import running_switcher\n"
        "class Picker:\n"
        "    value = property(fset=lambda self, name: running_switcher().switch(name))\n"
        "picker = Picker()"
    )
    notebook.good("%%bash\ntrue")  # IPython loads its magics at their first use
    try:
        error = notebook.refused(f"%%aws_profiles reader --no-progress\n{cell}\n1")
    finally:
        notebook.good("pool.shutdown()")
    if isinstance(error, InvalidCell):  # such as for a cell magic
        assert error.hint
        return
    assert isinstance(error, NoProfileAnswered)
    assert {one["error"] for one in error.errors} == {"NotForOneProfile"}, error
    assert all(one["hint"] for one in error.errors)


@pytest.mark.slow
def test_processes_outside_of_a_run(notebook: Shell, names: tuple[str, ...]) -> None:
    """A run, even if it is interrupted, restores Python's functions that start processes."""
    starts = (
        "import os, subprocess\n"
        "starts = subprocess.Popen.__init__, os.system, os.posix_spawn, os.forkpty"
    )
    notebook.good(f"{starts}\nbefore = starts")
    notebook.good("%%aws_profiles reader --no-progress\n1")
    notebook.run("%%aws_profiles reader --no-progress\nraise KeyboardInterrupt")
    notebook.good(starts)
    assert notebook.names["starts"] == notebook.names["before"]
    notebook.good("subprocess.run(['true'], check=True)\n!true")


@pytest.mark.slow
def test_hints(notebook: Shell) -> None:
    """The advice works for a child process with the profile's name and a client in a thread."""
    cell = (
        "import json, os, subprocess, sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "aws = os.path.join(os.path.dirname(sys.executable), 'aws')\n"
        "said = subprocess.run([aws, 'sts', 'get-caller-identity', '--output', 'json'], "
        'capture_output=True, env={**os.environ, "AWS_PROFILE": session.profile_name})\n'
        "client = session.client('sts')\n"
        "with ThreadPoolExecutor() as own:\n"
        "    there = own.submit(client.get_caller_identity).result()['Account']\n"
        "json.loads(said.stdout)['Account'] == there == profile.account"
    )
    frame = notebook.good(f"%%aws_profiles atlas --no-progress\n{cell}").result
    assert list(frame["value"]) == [True] * 3


@pytest.mark.slow
def test_what_readme_offers(notebook: Shell, names: tuple[str, ...]) -> None:
    """In a run, `libraries` and `storage_options` return each profile's arguments."""
    notebook.good("from ipy_awsprofile import libraries, storage_options")
    cell = (
        "import s3fs\nfrom pyarrow.fs import FileSelector\n"
        "mine = {one['Name'] for one in session.client('s3').list_buckets()['Buckets']}\n"
        "found = libraries.pyarrow_filesystem(session).get_file_info(FileSelector(''))\n"
        "named = s3fs.S3FileSystem(**storage_options(session)).ls('')\n"
        "[{one.path for one in found} == mine, set(named) == mine, "
        "storage_options() == storage_options(session)]"
    )
    frame = notebook.good(f"%%aws_profiles atlas --no-progress\n{cell}").result
    assert list(frame["value"]) == [True] * 3 * 3


@pytest.mark.slow
def test_s3fs_that_is_imported_in_the_run(aws: EmbeddedAws) -> None:
    """A run reads `s3://` paths as each profile even if its cell is the first to import s3fs."""
    aws.create_bucket("first-run", account=ROLE_ACCOUNT, region="us-west-2")
    open_session("RoleBeta").client("s3").put_object(
        Bucket="first-run", Key="cities.csv", Body=b"city\nOslo\n"
    )
    cells, _ = run_notebook(
        "%load_ext ipy_awsprofile\nimport sys",
        "assert 's3fs' not in sys.modules",
        "%%aws_profiles RoleBeta --no-progress\n"
        "import pandas\npandas.read_csv('s3://first-run/cities.csv')['city'].tolist()",
        environment=aws.environment(),
    )
    assert [cell.error for cell in cells] == [None, None, None]
    assert "Oslo" in cells[2].text


#: How libraries in C++ and Rust, which find credentials themselves, read the scenario's bucket.
READERS = {
    "polars": "import polars as pl\npl.read_csv('s3://my-first-bucket/t.csv')",
    "pyarrow": "from pyarrow.fs import FileSelector, FileSystem\n"
    "FileSystem.from_uri('s3://my-first-bucket')[0].get_file_info(FileSelector('my-first-bucket'))",
    "pandas": "import pandas as pd\npd.read_parquet('s3://my-first-bucket/t.parquet')",
    "DuckDB": "import duckdb, duckdb_extensions as extensions\ncon = duckdb.connect()\n"
    "for name in ('httpfs', 'aws'):\n    extensions.import_extension(name, con=con)\n"
    'con.execute("CREATE SECRET (TYPE s3, PROVIDER credential_chain, ENDPOINT \'" + '
    "os.environ['AWS_ENDPOINT_URL'].removeprefix('http://') + "
    "\"', URL_STYLE 'path', USE_SSL false)\")\ncon.sql(\"FROM 's3://my-first-bucket/t.csv'\")",
    "obstore": "import obstore\nfrom obstore.store import S3Store\n"
    "list(obstore.list(S3Store('my-first-bucket', region='us-west-2')))",
}


def add_role_keys(aws: EmbeddedAws, kind: str) -> None:
    """Create a profile ``Own`` with the keys of a RoleBeta session, in a file or from a process."""
    keys = boto3.Session(profile_name="RoleBeta").get_credentials()
    assert keys
    frozen = keys.get_frozen_credentials()
    if kind == "keys":
        values = zip(("access_key_id", "secret_access_key", "session_token"), frozen, strict=False)
        with aws.credentials_file.open("a") as file:
            file.writelines(["[Own]\n", *(f"aws_{name} = {value}\n" for name, value in values)])
        aws.write_profile("Own", region="us-west-2")
    else:
        document = {"Version": 1, "AccessKeyId": frozen.access_key}
        document |= {"SecretAccessKey": frozen.secret_key, "SessionToken": frozen.token}
        printed = aws.config_file.with_name("keys.json")
        printed.write_text(json.dumps(document))
        aws.write_profile("Own", credential_process=f"cat {printed}", region="us-west-2")


@pytest.mark.nightly(keep=1)
@pytest.mark.parametrize("kind", ["role", "keys", "process"])
def test_libraries_that_cannot_follow(
    notebook: Shell,
    aws: EmbeddedAws,
    names: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """Libraries in C++ and Rust fail in a run instead of reading as the notebook."""
    if kind != "role":
        add_role_keys(aws, kind)
        notebook.good("%aws_profile Own")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)  # for libraries that read no files
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    notebook.good("import os")
    before = pl.io.cloud.credential_provider._builder.DEFAULT_CREDENTIAL_PROVIDER  # type: ignore[attr-defined]
    aws.calls.clear()
    for read in READERS.values():
        ran = notebook.run(f"%%aws_profiles {names[0]} --no-progress\n{read}\n1")
        assert isinstance(ran.error, NoProfileAnswered), read
    assert ROLE_ACCOUNT not in {account_in(call.arn) for call in aws.calls}
    assert account_of_boto3() == ROLE_ACCOUNT
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}.isdisjoint(environment_of_c())
    after = pl.io.cloud.credential_provider._builder.DEFAULT_CREDENTIAL_PROVIDER  # type: ignore[attr-defined]
    assert after is before
    notebook.good("%aws_profile RoleBeta")
    aws.calls.clear()


def environment_of_c() -> set[str]:
    """Return the names of the key variables that libraries in other languages see."""
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_char_p
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return {name for name in names if library.getenv(name.encode()) is not None}


@pytest.mark.slow
def test_what_the_cell_itself_makes(notebook: Shell, names: tuple[str, ...]) -> None:
    """A cell can use variables that it replaces, and clients whose profile the user has named."""
    notebook.good("s3 = session.client('s3')\nimport boto3\nfrom functools import partial")
    notebook.good("other = boto3.Session(profile_name='RoleBeta').client('s3')")
    cell = (
        "s3 = session.client('s3')\nclass Job:\n    client = s3\ndef f(s3): return s3\n"
        "[len(f(Job.client).list_buckets()['Buckets']) > 0, bool(other)]"
    )
    frame = notebook.good(f"%%aws_profiles atlas --no-progress\n{cell}").result
    assert list(frame["value"]) == [True] * 3 * 2
    notebook.good("from ipy_awsprofile import across_profiles")
    unused = "across_profiles('atlas', partial(lambda client, s: 1, s3), progress=False)"
    assert len(notebook.good(unused).result) == 3


@pytest.mark.slow
def test_default_session_that_is_replaced(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """If a function replaces the default session, it is restored, and affected functions fail."""
    both, used = threading.Barrier(2, timeout=30), threading.Event()
    replaced = threading.Event()

    def function(session: Any) -> str:
        both.wait()
        if session.profile_name == names[0]:
            boto3.setup_default_session(profile_name=names[0])
            replaced.set()
            used.wait(30)
            return "replaced it"
        replaced.wait(30)
        account = account_of_boto3()
        used.set()
        return account

    errors = errors_of(list(names[:2]), function)
    assert {one["error"] for one in errors} == {"NotForOneProfile"}
    assert boto3.DEFAULT_SESSION is None
    frame = across_profiles(names, account_of_boto3)
    assert list(frame["value"]) == list(frame["account"])


@pytest.mark.slow
def test_switch_from_elsewhere(notebook: Shell, names: tuple[str, ...]) -> None:
    """During a run, other threads can't switch the notebook, and use the notebook's identity."""
    asked, seen = threading.Event(), []
    switcher = running_switcher()

    def elsewhere() -> None:
        asked.wait(30)
        with pytest.raises(NotForOneProfile):
            switcher.switch(SwitchRequest(profile="UserAlpha"))
        assert boto3.DEFAULT_SESSION
        seen.append(boto3.DEFAULT_SESSION.profile_name)

    thread = threading.Thread(target=elsewhere)
    thread.start()

    def function(_session: object) -> str:
        asked.set()
        thread.join(30)
        return account_of_boto3()

    frame = across_profiles(names, function)
    assert list(frame["value"]) == list(frame["account"])
    assert seen == ["RoleBeta"]


@pytest.mark.slow
def test_interrupt(shell: Shell, aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """After Ctrl-C, functions that still run can't sign, and the notebook keeps its identity."""
    shell.good("%aws_profile RoleBeta")
    session = boto3.DEFAULT_SESSION
    goes_on, signed, ended = threading.Event(), [], threading.Event()

    def function(session: Any) -> str:
        if session.profile_name != names[0]:
            return account_of_boto3()
        os.kill(os.getpid(), signal.SIGINT)
        goes_on.wait(30)
        for call in (account_of_boto3, session.client("sts").get_caller_identity):
            with suppress(AwsProfileError):
                call()
                signed.append(call)
        ended.set()
        return ""

    frame = across_profiles(names, function, max_workers=1)
    assert frame.attrs["interrupted"]
    assert account_of_boto3() == ROLE_ACCOUNT
    assert "DEFAULT_SESSION" not in shell.good("%aws_profile UserAlpha").text
    assert account_of_boto3() == USER_ACCOUNT
    assert across_profiles(names[1:], account_of_boto3)["value"].nunique() == len(names) - 1
    goes_on.set()
    assert ended.wait(30)
    assert signed == []
    for thread in threading.enumerate():
        if thread.name.startswith("across-profiles"):
            thread.join(30)
    assert account_of_boto3() == USER_ACCOUNT
    shell.good("%aws_profile --off")
    assert boto3.DEFAULT_SESSION is None
    assert session is not None
