"""The card names what doesn't follow a switch, and what to do about it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.kernel.places import FOLLOWERS
from tests.roles import roles_in_s3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


def card_of(notebook: Shell, line: str = "%aws_profile") -> str:
    """Return the card's text in one line."""
    return " ".join(notebook.good(line).text.split())


#: Code for an object of boto3 or s3fs, code that uses it, and the advice on the card.
SIGNERS = {
    "client": (
        "it = boto3.client('s3', region_name='eu-central-1')",
        "assert it.meta.region_name == 'eu-central-1'; it.list_buckets()",
        'run `it = session.client("s3", region_name="eu-central-1")`',
    ),
    "resource": (
        "it = session.resource('s3')",
        "list(it.Bucket(BUCKET).objects.all())",
        "create it again",
    ),
    "session": ("it = session", "it.client('s3').head_bucket(Bucket=BUCKET)", "create it again"),
    "s3fs": (
        "import s3fs; it = s3fs.S3FileSystem(); it.ls(BUCKET)",
        "it.ls(BUCKET, refresh=True)",
        "create it again",
    ),
}


@pytest.mark.parametrize("kind", SIGNERS)
def test_the_advice_mends_it(aws: EmbeddedAws, notebook: Shell, kind: str) -> None:
    """The card names a variable with the previous identity until you follow the advice."""
    make, use, advice = SIGNERS[kind]
    notebook.good(f"%aws_profile RoleBeta\n{make}")
    assert "`it`" not in card_of(notebook)
    card = card_of(notebook, "%aws_profile RoleGamma")
    assert f"`it` still signs as RoleBeta: {advice}" in card
    assert roles_in_s3(aws, notebook, use) == {"RoleBeta"}
    notebook.good(advice.split("`")[1] if "`" in advice else make)
    assert "`it`" not in card_of(notebook)
    assert roles_in_s3(aws, notebook, use) == {"RoleGamma"}


CHANGES = {
    "default session": ("boto3.setup_default_session()", "boto3.DEFAULT_SESSION"),
    "another profile": ("os.environ['AWS_PROFILE'] = 'UserAlpha'", "AWS_PROFILE"),
    "no profile": ("del os.environ['AWS_PROFILE']", "AWS_PROFILE"),
    "another file": ("os.environ['AWS_CONFIG_FILE'] = '/nowhere'", "AWS_CONFIG_FILE"),
    "another Region": ("os.environ['AWS_DEFAULT_REGION'] = 'eu-west-1'", "AWS_DEFAULT_REGION"),
    "all variables": ("os.environ.clear(); os.environ.update(before)", "AWS_PROFILE"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_places(aws: EmbeddedAws, notebook: Shell, change: str) -> None:
    """The card names what has changed since the switch, until a switch sets it again."""
    code, name = CHANGES[change]
    notebook.names["before"] = dict(os.environ)
    notebook.good("%aws_profile RoleBeta")
    notebook.good(code)
    assert f"`{name}` was changed after the switch: " in card_of(notebook)
    notebook.good("os.environ['AWS_CONFIG_FILE'] = before['AWS_CONFIG_FILE']")
    assert "after the switch" not in card_of(notebook, "%aws_profile RoleBeta")


@dataclass(frozen=True)
class Kept:
    """Code that opens an object in the variable ``it`` below ``ROOT``, and code that uses it."""

    make: str
    use: str
    is_local: bool = True


_ARROW = "from pyarrow.fs import FileSystem; fs, root = FileSystem.from_uri(ROOT)\n"

#: Objects that keep the identity with which they were opened.
KEPT = {
    "file system": Kept(f"{_ARROW}it = fs", "it.open_input_file(f'{root}/cities.csv').read()"),
    "subtree": Kept(
        f"{_ARROW}from pyarrow.fs import SubTreeFileSystem; it = SubTreeFileSystem(root, fs)",
        "it.open_input_file('cities.csv').read()",
    ),
    "dataset": Kept(
        "import pyarrow.dataset as ds; it = ds.dataset(f'{ROOT}/cities.parquet')", "it.to_table()"
    ),
    "ParquetFile": Kept(
        "import pyarrow.parquet as pq\n"
        f"{_ARROW}it = pq.ParquetFile(f'{{root}}/cities.parquet', filesystem=fs)",
        "it.read()",
    ),
    "file": Kept(
        f"{_ARROW}it = fs.open_input_file(f'{{root}}/cities.parquet')", "it.seek(0); it.read()"
    ),
    "DeltaTable": Kept(
        "import deltalake, pandas as pd\n"
        "data = pd.DataFrame({'a': [1]})\n"
        "deltalake.write_deltalake(f'{ROOT}/delta', data, mode='overwrite')\n"
        "it = deltalake.DeltaTable(f'{ROOT}/delta')",
        "it.to_pyarrow_table()",
    ),
    "LanceDataset": Kept(
        "import lance, pyarrow as pa\n"
        "it = lance.write_dataset(pa.table({'a': [1]}), f'{ROOT}/lance', mode='overwrite')",
        "it.versions()",
    ),
    "S3Store": Kept(
        "import obstore; from obstore.store import S3Store\n"
        "it = S3Store(BUCKET, client_options={'allow_http': True})",
        "obstore.get(it, 'cities.csv').bytes()",
        is_local=False,
    ),
    "FsspecStore": Kept(
        "from obstore.fsspec import FsspecStore\n"
        "it = FsspecStore('s3', client_options={'allow_http': True}); it.cat(KEY)",
        "it.cat(KEY)",
        is_local=False,
    ),
    "PyIceberg": Kept(
        "from pyiceberg.catalog.noop import NoopCatalog\n"
        "from pyiceberg.io.pyarrow import PyArrowFileIO\n"
        "from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC as SPEC\n"
        "from pyiceberg.schema import Schema\n"
        "from pyiceberg.table import Table\n"
        "from pyiceberg.table.metadata import new_table_metadata\n"
        "from pyiceberg.table.sorting import UNSORTED_SORT_ORDER as ORDER\n"
        "io = PyArrowFileIO({'s3.endpoint': ENDPOINT, 's3.region': 'us-west-2'})\n"
        "io.new_input(f'{ROOT}/cities.csv').open().close()\n"
        "data = new_table_metadata(Schema(), SPEC, ORDER, ROOT)\n"
        "it = Table(('a', 'b'), data, f'{ROOT}/metadata.json', io, NoopCatalog('mine'))",
        "it.io.new_input(f'{ROOT}/cities.csv').open().read()",
    ),
}


@pytest.mark.nightly(keep=4)
@pytest.mark.parametrize("kind", KEPT)
def test_opened_readers(aws: EmbeddedAws, notebook: Shell, kind: str) -> None:
    """The card names an object as long as a different identity is active."""
    kept = KEPT[kind]
    notebook.good("%aws_profile RoleBeta")
    notebook.good(kept.make)
    assert "`it`" not in card_of(notebook)
    named = "`it` was opened in S3 before the switch"
    assert named in card_of(notebook, "%aws_profile RoleGamma")
    assert roles_in_s3(aws, notebook, kept.use) == {"RoleBeta"}
    notebook.good("%aws_profile UserAlpha")
    assert "`it`" not in card_of(notebook, "%aws_profile RoleBeta")
    assert named in card_of(notebook, "%aws_profile RoleGamma --read-only")
    notebook.good(f"%aws_profile RoleGamma\n{kept.make}")
    assert "`it`" not in card_of(notebook)
    notebook.good(f"%%aws_profile RoleBeta\n{kept.make}")
    assert roles_in_s3(aws, notebook, kept.use) == {"RoleBeta"}
    assert named in card_of(notebook)


@pytest.mark.parametrize("kind", [kind for kind, kept in KEPT.items() if kept.is_local])
def test_local_readers(notebook: Shell, tmp_path: Path, kind: str) -> None:
    """The card doesn't name objects that were opened in a local folder."""
    pd.DataFrame({"people": [717]}).to_parquet(tmp_path / "cities.parquet")
    (tmp_path / "cities.csv").write_text("city\nOslo\n")
    notebook.names["ROOT"] = str(tmp_path)
    notebook.good(f"%aws_profile RoleBeta\n{KEPT[kind].make}")
    notebook.good("fs = io = None")
    assert "`it`" not in card_of(notebook, "%aws_profile RoleGamma")


def test_readers_from_before_the_first_switch(notebook: Shell) -> None:
    """The card names a file system from before the first switch, but not IPython's variables."""
    notebook.good("from pyarrow.fs import S3FileSystem; fs = S3FileSystem(region='us-west-2')\nfs")
    assert notebook.names["_"] is notebook.names["fs"]
    card = card_of(notebook, "%aws_profile RoleBeta")
    assert re.findall(r"`(\w+)` was opened", card) == ["fs"]


def test_a_deleted_file_is_closed(notebook: Shell) -> None:
    """After a switch, `del` closes a file that was opened before it, as without the extension."""
    notebook.good(
        "%aws_profile RoleBeta\n"
        "from pyarrow.fs import FileSystem; from weakref import ref\n"
        "f = FileSystem.from_uri(PARQUET)[0].open_input_file(KEY); still_open = ref(f)"
    )
    assert "`f` was opened" in card_of(notebook, "%aws_profile RoleGamma")
    assert notebook.good("del f; still_open()").result is None


def test_libraries_that_do_not_follow(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card names libraries with their own credentials, and its advice about DuckDB works."""
    monkeypatch.delitem(FOLLOWERS, "duckdb", raising=False)  # of an earlier test
    notebook.names["pyspark"] = ModuleType("pyspark")  # it needs Java
    notebook.good("import daft, duckdb")
    card = card_of(notebook, "%aws_profile RoleBeta")
    assert "`daft` keeps the credentials of its first read" in card
    assert "`pyspark` doesn't follow: " in card
    (line,) = re.findall(r"`duckdb` doesn't follow by itself: [^;]*switch", card)
    imports, call = re.findall("`([^`]+)`", line)[1:]
    notebook.good(f"{imports}\n{call}")
    assert "`duckdb`" not in card_of(notebook)


WHO = (
    "import boto3\n\n"
    "def who(_=None):\n    return boto3.client('sts').get_caller_identity()['Account']\n"
)


@pytest.fixture
def workers(notebook: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Return the notebook with a module that workers import."""
    (tmp_path / "workers_of_mine.py").write_text(WHO)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    notebook.good("import joblib, multiprocessing; from workers_of_mine import who")
    yield notebook
    notebook.run("pool.terminate(); pool.join()")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_worker_processes(workers: Shell, method: str) -> None:
    """The card names workers from before a switch, until they are started again."""
    start = f"pool = multiprocessing.get_context('{method}').Pool(2)"
    ask = "pool.map(who, [1])[0]"
    workers.good(f"%aws_profile RoleBeta\n{start}")
    assert workers.good(ask).result == ROLE_ACCOUNT
    assert "multiprocessing" not in card_of(workers)
    assert "2 processes are from before" in card_of(workers, "%aws_profile UserAlpha")
    assert workers.good(ask).result == ROLE_ACCOUNT
    workers.good(f"pool.terminate(); pool.join()\n{start}")
    assert workers.good(ask).result == USER_ACCOUNT
    assert "multiprocessing" not in card_of(workers)


@pytest.mark.slow
def test_joblib_follows(workers: Shell) -> None:
    """Each switch ends joblib's idle workers, and new ones have the new identity."""
    ask = "joblib.Parallel(n_jobs=2)(joblib.delayed(who)() for _ in range(3))"
    for profile, account in [("RoleBeta", ROLE_ACCOUNT), ("UserAlpha", USER_ACCOUNT)] * 2:
        assert "multiprocessing" not in card_of(workers, f"%aws_profile {profile}")
        assert workers.good(ask).result == [account] * 3
    assert workers.good(f"%%aws_profile RoleBeta\n{ask}").result == [ROLE_ACCOUNT] * 3
    assert workers.good(ask).result == [USER_ACCOUNT] * 3
