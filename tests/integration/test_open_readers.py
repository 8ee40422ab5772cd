"""The card names objects that were opened in S3 before a switch and don't follow it.

The embedded AWS records the identity with which each object signs.
"""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd
import polars  # noqa: F401  # as in a notebook that imports its libraries first
import pytest
import s3fs  # noqa: F401  # the switch changes fsspec's defaults only if s3fs is imported

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import NoProfileAnswered
from ipy_awsprofile.sessions.session import open_session
from tests.roles import add_role, roles_in_s3
from tests.servers import Answers, odd_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

BUCKET = "readers-of-mine"


@pytest.fixture
def notebook(
    aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Shell]:
    """Put the same files into a bucket that two roles can read, and into a folder."""
    add_role(aws, "RoleGamma", "s3:*")
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    parquet = io.BytesIO()
    pd.DataFrame({"people": [717]}).to_parquet(parquet)
    files = {"cities.parquet": parquet.getvalue(), "cities.csv": b"city,people\nOslo,717\n"}
    s3 = open_session("RoleBeta").client("s3")
    for name, body in files.items():
        s3.put_object(Bucket=BUCKET, Key=name, Body=body)
        (tmp_path / name).write_bytes(body)
    with odd_server(Answers((404, ""))) as metadata:
        for name, value in {
            "AWS_ENDPOINT_URL": aws.endpoint_url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
            "AWS_METADATA_ENDPOINT": metadata,
        }.items():
            monkeypatch.setenv(name, value)
        shell.names.update(
            BUCKET=BUCKET,
            KEY=f"{BUCKET}/cities.parquet",
            ROOT=f"s3://{BUCKET}",
            LOCAL=str(tmp_path),
            ENDPOINT=aws.endpoint_url,
        )
        shell.good("from pyarrow.fs import FileSystem, LocalFileSystem, S3FileSystem")
        yield shell


@dataclass(frozen=True)
class Kept:
    """Code that opens an object in the variable ``it`` below ``ROOT``, and code that uses it.

    ``has_code`` is false if only the user knows how it was opened. ``is_local`` is false if it
    can't be opened in a folder. ``is_watched`` is true if botocore signs, so that calls can warn.
    """

    make: str
    use: str
    has_code: bool = True
    is_local: bool = True
    is_watched: bool = False


_ARROW = "fs, root = FileSystem.from_uri(ROOT)\n"
_FSSPEC = "import fsspec, s3fs\n"

#: Objects that keep the identity with which they were opened.
KEPT = {
    "pyarrow file system": Kept(f"{_ARROW}it = fs", "it.open_input_file(KEY).read()"),
    "pyarrow subtree": Kept(
        f"from pyarrow.fs import SubTreeFileSystem\n{_ARROW}it = SubTreeFileSystem(root, fs)",
        "it.open_input_file('cities.parquet').read()",
    ),
    "pyarrow dataset by URI": Kept(
        "import pyarrow.dataset as ds; it = ds.dataset(f'{ROOT}/cities.parquet')", "it.to_table()"
    ),
    "pyarrow dataset by file system": Kept(
        f"import pyarrow.dataset as ds\n{_ARROW}"
        "it = ds.dataset(f'{root}/cities.parquet', filesystem=fs)",
        "it.to_table()",
    ),
    "pyarrow dataset of s3fs": Kept(
        "import pyarrow.dataset as ds, s3fs, fsspec\n"
        "fs, root = fsspec.core.url_to_fs(ROOT)\n"
        "it = ds.dataset(f'{root}/cities.parquet', filesystem=fs)\ndel fs",
        "it.to_table()",
        has_code=False,
        is_watched=True,
    ),
    "union of pyarrow datasets": Kept(
        "import pyarrow.dataset as ds\none = ds.dataset(f'{ROOT}/cities.parquet')\n"
        "it = ds.dataset([one, one]); del one",
        "it.to_table()",
        has_code=False,
    ),
    "fragment of a pyarrow dataset": Kept(
        "import pyarrow.dataset as ds\n"
        "it = next(ds.dataset(f'{ROOT}/cities.parquet').get_fragments())",
        "it.to_table()",
        has_code=False,
    ),
    "ParquetFile": Kept(
        f"import pyarrow.parquet as pq\n{_ARROW}"
        "it = pq.ParquetFile(f'{root}/cities.parquet', filesystem=fs)\ndel fs",
        "it.read()",
        has_code=False,
    ),
    "ParquetDataset": Kept(
        "import pyarrow.parquet as pq; it = pq.ParquetDataset(f'{ROOT}/cities.parquet')",
        "it.read()",
    ),
    "pyarrow file": Kept(
        f"{_ARROW}it = fs.open_input_file(f'{{root}}/cities.parquet'); del fs",
        "it.seek(0); it.read()",
        has_code=False,
    ),
    "pyarrow file system in a list": Kept(
        f"{_ARROW}it = [fs]; del fs", "it[0].open_input_file(KEY).read()", has_code=False
    ),
    "deltalake": Kept(
        "import deltalake, pandas as pd\n"
        "data = pd.DataFrame({'a': [1]})\n"
        "deltalake.write_deltalake(f'{ROOT}/delta', data, mode='overwrite')\n"
        "it = deltalake.DeltaTable(f'{ROOT}/delta')",
        "it.to_pyarrow_table()",
    ),
    "lance": Kept(
        "import lance, pyarrow as pa\n"
        "it = lance.write_dataset(pa.table({'a': [1]}), f'{ROOT}/lance', mode='overwrite')",
        "it.versions()",
    ),
    "obstore": Kept(
        "import obstore; from obstore.store import S3Store\n"
        "it = S3Store(BUCKET, client_options={'allow_http': True})",
        "obstore.get(it, 'cities.csv').bytes()",
        is_local=False,
    ),
    "obstore in fsspec": Kept(
        "from obstore.fsspec import FsspecStore\n"
        "it = FsspecStore('s3', client_options={'allow_http': True}); it.cat(KEY)",
        "it.cat(KEY)",
        is_local=False,
    ),
    "PyIceberg's IO": Kept(
        "from pyiceberg.io.pyarrow import PyArrowFileIO\n"
        "it = PyArrowFileIO({'s3.endpoint': ENDPOINT, 's3.region': 'us-west-2'})\n"
        "it.new_input(f'{ROOT}/cities.csv').open().close()",
        "it.new_input(f'{ROOT}/cities.csv').open().read()",
    ),
    "PyIceberg table": Kept(
        "from pyiceberg.catalog.noop import NoopCatalog\n"
        "from pyiceberg.io.pyarrow import PyArrowFileIO\n"
        "from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC as SPEC\n"
        "from pyiceberg.schema import Schema\n"
        "from pyiceberg.table import Table\n"
        "from pyiceberg.table.metadata import new_table_metadata\n"
        "from pyiceberg.table.sorting import UNSORTED_SORT_ORDER as ORDER\n"
        "class Catalog(NoopCatalog):\n"
        "    def load_table(self, name):\n"
        "        io = PyArrowFileIO({'s3.endpoint': ENDPOINT, 's3.region': 'us-west-2'})\n"
        "        io.new_input(f'{ROOT}/cities.csv').open().close()\n"
        "        data = new_table_metadata(Schema(), SPEC, ORDER, ROOT)\n"
        "        return Table(name, data, ROOT, io, self)\n"
        "it = Catalog('mine').load_table(('a', 'b'))",
        "it.io.new_input(f'{ROOT}/cities.csv').open().read()",
    ),
    "fsspec file that isn't open yet": Kept(
        f"{_FSSPEC}it = fsspec.open(f'{{ROOT}}/cities.csv')\nwith it as f: f.read()",
        "it.fs.cat(it.path)",
        has_code=False,
        is_watched=True,
    ),
    "fsspec file": Kept(
        f"{_FSSPEC}it = fsspec.open(f'{{ROOT}}/cities.csv').open()",
        "it.fs.cat(it.path)",
        has_code=False,
        is_watched=True,
    ),
    "fsspec text file": Kept(
        f"{_FSSPEC}it = fsspec.open(f'{{ROOT}}/cities.csv', 'rt').open()",
        "it.buffer.fs.cat(it.buffer.path)",
        has_code=False,
        is_watched=True,
        is_local=False,
    ),
    "simplecache": Kept(
        f"{_FSSPEC}it = fsspec.open(f'simplecache::{{ROOT}}/cities.csv')\nwith it as f: f.read()",
        "it.fs.clear_cache(); it.fs.cat(it.path)",
        has_code=False,
        is_watched=True,
        is_local=False,
    ),
    "fsspec mapper": Kept(
        f"{_FSSPEC}it = fsspec.get_mapper(ROOT); it['cities.csv']",
        "it['cities.csv']",
        has_code=False,
        is_watched=True,
    ),
    "pandas chunks": Kept(
        "import pandas as pd; it = pd.read_csv(f'{ROOT}/cities.csv', chunksize=1)",
        "it.handles.handle.fs.cat(KEY)",
        has_code=False,
        is_watched=True,
        is_local=False,
    ),
    "Dask DataFrame": Kept(
        "import dask.dataframe as dd; it = dd.read_parquet(f'{ROOT}/cities.parquet')",
        "it.compute(scheduler='synchronous')",
        has_code=False,
        is_watched=True,
    ),
    "Dask DataFrame of pyarrow": Kept(
        "import dask.dataframe as dd\n"
        "it = dd.read_parquet(f'{ROOT}/cities.parquet', filesystem='arrow')",
        "it.compute(scheduler='synchronous')",
        has_code=False,
    ),
    "Dask bag": Kept(
        "import dask.bag; it = dask.bag.read_text(f'{ROOT}/cities.csv')",
        "it.compute(scheduler='synchronous')",
        has_code=False,
        is_watched=True,
    ),
}


def lines_of_it(card: str) -> list[str]:
    """Return the lines of a card that name the variable ``it``."""
    return [line for line in card.splitlines() if "`it`" in line]


def is_named(notebook: Shell, kept: Kept, identity: str) -> bool:
    """Return whether the card, or a warning when ``it`` signs, names ``it`` as this identity's."""
    if kept.is_watched:
        return f" as {identity}, but " in notebook.good(kept.use).text
    return any(identity in line for line in lines_of_it(notebook.good("%aws_profile").text))


@pytest.mark.slow
@pytest.mark.nightly(keep=5)
@pytest.mark.parametrize("kind", KEPT)
def test_it_is_named_while_another_identity_is_active(
    aws: EmbeddedAws, notebook: Shell, kind: str
) -> None:
    """The card names the identity that AWS sees, after a switch, in a scope and back again."""
    kept = KEPT[kind]
    notebook.good("%aws_profile RoleBeta")
    notebook.good(kept.make)
    assert roles_in_s3(aws, notebook, kept.use) == {"RoleBeta"}
    assert lines_of_it(notebook.good("%aws_profile").text) == []
    notebook.good("%aws_profile RoleGamma")
    assert is_named(notebook, kept, "RoleBeta")
    assert roles_in_s3(aws, notebook, kept.use) == {"RoleBeta"}
    in_scope = roles_in_s3(aws, notebook, f"%%aws_profile UserAlpha\n{kept.use}")
    assert in_scope == {"RoleBeta"}
    assert lines_of_it(notebook.good("%aws_profile RoleBeta").text) == []
    assert roles_in_s3(aws, notebook, kept.use) == {"RoleBeta"}
    card = notebook.good("%aws_profile RoleGamma").text
    codes = re.findall(r"`it`[^\n]*RoleBeta[^\n]*run `([^`]+)`", card)
    assert len(codes) == kept.has_code, card
    notebook.good(codes[0] if codes else f"del it\n{kept.make}")
    assert lines_of_it(notebook.good("%aws_profile").text) == []
    assert roles_in_s3(aws, notebook, kept.use) == {"RoleGamma"}
    notebook.good("%aws_profile --off")
    assert lines_of_it(notebook.good("%aws_profile").text) == []
    assert roles_in_s3(aws, notebook, kept.use) == {"RoleGamma"}


@pytest.mark.nightly(keep=4)
@pytest.mark.parametrize("kind", KEPT)
def test_it_is_named_after_its_scope(aws: EmbeddedAws, notebook: Shell, kind: str) -> None:
    """The card names an object that a scope's cell has opened, with the scope's identity."""
    kept = KEPT[kind]
    notebook.good("%aws_profile RoleBeta")
    notebook.good(f"%%aws_profile RoleGamma\n{kept.make}")
    assert is_named(notebook, kept, "RoleGamma")
    assert roles_in_s3(aws, notebook, kept.use) == {"RoleGamma"}
    assert lines_of_it(notebook.good("%aws_profile RoleGamma").text) == []


@pytest.mark.slow
@pytest.mark.nightly(keep=4)
@pytest.mark.parametrize("kind", KEPT)
def test_a_run_does_not_use_it(aws: EmbeddedAws, notebook: Shell, kind: str) -> None:
    """A run over many profiles doesn't read through the object, which works again afterwards."""
    kept = KEPT[kind]
    notebook.good("%aws_profile RoleBeta")
    notebook.good(kept.make)
    aws.calls.clear()
    ran = notebook.run(f"%%aws_profiles Role --no-progress\n{kept.use}")
    assert isinstance(ran.error, NoProfileAnswered), ran.printed
    assert not [call for call in aws.calls if call.action.startswith("s3:")]
    assert roles_in_s3(aws, notebook, kept.use) == {"RoleBeta"}


#: Code that defines `read`, a function of a run that uses the variable ``it``.
FUNCTIONS = {
    "global": "def read(session): return it.get_file_info(KEY).size",
    "helper": "def size(): return it.get_file_info(KEY).size\ndef read(session): return size()",
    "method": "class Reader:\n    def size(self): return it.get_file_info(KEY).size\n"
    "def read(session): return Reader().size()",
    "list": "its = [it]\ndef read(session): return its[0].get_file_info(KEY).size",
    "default": "def read(session, it=it): return it.get_file_info(KEY).size",
    "closure": "def reading(it): return lambda session: it.get_file_info(KEY).size\n"
    "read = reading(it)",
    "dataset": "import pyarrow.dataset as ds\n"
    "def read(session): return ds.dataset(KEY, filesystem=it).count_rows()",
    "thread": "from concurrent.futures import ThreadPoolExecutor\n"
    "pool = ThreadPoolExecutor(1)\n"
    "def size(): return it.get_file_info(KEY).size\n"
    "def read(session): return pool.submit(size).result()",
}


@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize("code", FUNCTIONS)
def test_no_function_of_a_run_uses_it(aws: EmbeddedAws, notebook: Shell, code: str) -> None:
    """However a function gets the object, AWS gets no request, and other functions still work."""
    notebook.good("from ipy_awsprofile import across_profiles")
    notebook.good(f"%aws_profile RoleBeta\n{_ARROW}it = fs; del fs")
    notebook.good(FUNCTIONS[code])
    aws.calls.clear()
    ran = notebook.run("across_profiles('Role', read, progress=False)")
    assert "was opened in S3 with the notebook's identity" in str(ran.error)
    assert not [call for call in aws.calls if call.action.startswith("s3:")]
    others = "across_profiles('Role', lambda session: session.profile_name, progress=False)"
    assert list(notebook.good(others).result["value"]) == ["RoleBeta", "RoleGamma"]
    assert roles_in_s3(aws, notebook, "it.get_file_info(KEY)") == {"RoleBeta"}


def test_the_advice_for_a_run(aws: EmbeddedAws, notebook: Shell) -> None:
    """A function that opens the filesystem with the hint's code reads as each profile."""
    notebook.good(f"%aws_profile RoleBeta\n{_ARROW}it = fs; del fs")
    notebook.good("from ipy_awsprofile import across_profiles, libraries")
    error = notebook.run("across_profiles('Role', lambda s: it.type_name, progress=False)").error
    (code,) = re.findall(r"pass `filesystem=([^`]+)`", str(getattr(error, "hint", "")))
    read = (
        f"across_profiles('Role', lambda session: {code}.get_file_info(KEY).size, progress=False)"
    )
    assert roles_in_s3(aws, notebook, read) == {"RoleBeta", "RoleGamma"}


def test_the_notebook_uses_it_during_a_run(notebook: Shell) -> None:
    """During a run, the notebook's own thread can use the object, and its assignments stay."""
    notebook.good(
        "from threading import Event, Thread\nfrom ipy_awsprofile import across_profiles\n"
        f"%aws_profile RoleBeta\n{_ARROW}it = fs; its = {{'fs': fs}}; del fs\n"
        "begun, used, seen = Event(), Event(), []\n"
        "def use():\n"
        "    begun.wait()\n"
        "    seen.extend([it.get_file_info(KEY).is_file, len(its), list(its), 'fs' in its])\n"
        "    globals()['its'] = 'new'; used.set()\n"
        "thread = Thread(target=use); thread.start()\n"
        "def wait(session): begun.set(); used.wait(); return 1\n"
        "across_profiles('Role', wait, progress=False); thread.join()"
    )
    assert notebook.names["seen"] == [True, 1, ["fs"], True]
    assert notebook.names["its"] == "new"


@pytest.mark.nightly(keep=4)
@pytest.mark.parametrize("kind", [kind for kind, kept in KEPT.items() if kept.is_local])
def test_local_data_is_not_named(notebook: Shell, kind: str) -> None:
    """An object from a local folder isn't named, and a run can use it."""
    notebook.names["ROOT"] = notebook.names["LOCAL"]
    notebook.good("%aws_profile RoleBeta")
    notebook.good(KEPT[kind].make)
    notebook.good("%%aws_profiles RoleBeta --no-progress\nstr(type(it))")
    assert lines_of_it(notebook.good("%aws_profile RoleGamma").text) == []
    assert lines_of_it(notebook.good("%aws_profile UserAlpha").text) == []


#: Objects that look up the active identity at each use.
FOLLOWS = {
    "LazyFrame of Parquet": (
        "import polars as pl; it = pl.scan_parquet(f'{ROOT}/cities.parquet')",
        "it.collect()",
    ),
    "LazyFrame of CSV, with a Region": (
        "import polars as pl\n"
        "it = pl.scan_csv(f'{ROOT}/cities.csv', storage_options={'aws_region': 'us-west-2'})\n"
        "it = it.filter(pl.col('people') > 1)",
        "it.collect(engine='streaming')",
    ),
    "Dask's delayed": (
        "import dask, pandas as pd; it = dask.delayed(pd.read_csv)(f'{ROOT}/cities.csv')",
        "it.compute(scheduler='synchronous')",
    ),
}


@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize("before", ["%aws_profile RoleBeta", "%aws_profile --off"])
@pytest.mark.parametrize("kind", FOLLOWS)
def test_it_follows(aws: EmbeddedAws, notebook: Shell, kind: str, before: str) -> None:
    """A query reads as the identity that is active when it is computed, and isn't named."""
    make, use = FOLLOWS[kind]
    notebook.good(before)
    notebook.good(make)
    for role in ("RoleGamma", "RoleBeta", "RoleGamma"):
        assert lines_of_it(notebook.good(f"%aws_profile {role}").text) == []
        assert roles_in_s3(aws, notebook, use) == {role}
    assert roles_in_s3(aws, notebook, f"%%aws_profile RoleBeta\n{use}") == {"RoleBeta"}
    assert roles_in_s3(aws, notebook, use) == {"RoleGamma"}
    notebook.good("%aws_profile --off")
    aws.calls.clear()
    notebook.run(use)
    assert "RoleGamma" not in str([call.arn for call in aws.calls])


@pytest.mark.slow
def test_partitions(aws: EmbeddedAws, notebook: Shell) -> None:
    """A dataset that the card's code recreates has its partitions."""
    notebook.good("%aws_profile RoleBeta\nimport pyarrow as pa, pyarrow.dataset as ds")
    notebook.good(
        "table = pa.table({'year': [2025, 2026], 'people': [1, 2]})\n"
        "by_year = ds.partitioning(pa.schema([('year', pa.int64())]))\n"
        "ds.write_dataset(table, f'{ROOT}/years', format='parquet', partitioning=by_year)\n"
        "it = ds.dataset(f'{ROOT}/years', partitioning=by_year)"
    )
    (line,) = lines_of_it(notebook.good("%aws_profile RoleGamma").text)
    (code,) = re.findall(r"run `([^`]+)`", line)
    rows = f"{code}\nrows = it.to_table().sort_by('year').to_pylist()"
    assert roles_in_s3(aws, notebook, rows) == {"RoleGamma"}
    assert notebook.names["rows"] == [{"people": 1, "year": 2025}, {"people": 2, "year": 2026}]


@pytest.mark.slow
def test_dask_plans_anew(aws: EmbeddedAws, notebook: Shell) -> None:
    """A cell that is run again reads as the profile's new session, even if old objects remain."""
    read = "import dask.dataframe as dd; it = dd.read_parquet(f'{ROOT}/cities.parquet')"
    notebook.good("%aws_profile RoleBeta --session-name first")
    notebook.good(read)
    notebook.good("%aws_profile RoleBeta --session-name second\nits = [it]")
    notebook.good(read)
    aws.calls.clear()
    assert notebook.good("it.compute(scheduler='synchronous')").text.count("717") == 1
    sessions = {str(call.arn).rpartition("/")[2] for call in aws.calls}
    assert sessions == {"second"}


def test_very_many_clients(notebook: Shell) -> None:
    """The card names a reader even in a notebook with many clients."""
    notebook.good("%aws_profile RoleBeta\nclients = [session.client('s3') for _ in range(12)]")
    notebook.good(
        f"for i, one in enumerate(clients): globals()[f'a{{i}}'] = one\n{_ARROW}it = [fs]"
    )
    assert lines_of_it(notebook.good("%aws_profile RoleGamma").text)


def test_a_lazyframe_with_a_profile(aws: EmbeddedAws, notebook: Shell) -> None:
    """A LazyFrame keeps the profile that the user has named for it."""
    notebook.good("%aws_profile RoleGamma")
    notebook.good(
        "import polars as pl\n"
        "it = pl.scan_csv(f'{ROOT}/cities.csv', storage_options={'aws_profile': 'RoleBeta'})"
    )
    assert roles_in_s3(aws, notebook, "it.collect()") == {"RoleBeta"}


#: Objects that don't use another identity after a switch from RoleBeta to RoleGamma.
QUIET = {
    "closed file": (f"{_FSSPEC}with fsspec.open(f'{{ROOT}}/cities.csv') as it: it.read()", ""),
    "closed text file": (
        f"{_FSSPEC}with fsspec.open(f'{{ROOT}}/cities.csv', 'rt') as it: it.read()",
        "",
    ),
    "closed file of pyarrow": (f"{_ARROW}with fs.open_input_file(KEY) as it: it.read()", ""),
    "closed ParquetFile": (
        "import pyarrow.parquet as pq\nwith pq.ParquetFile(f'{ROOT}/cities.parquet') as it: pass",
        "",
    ),
    "closed chunks of pandas": (
        "import pandas as pd\nwith pd.read_csv(f'{ROOT}/cities.csv', chunksize=1) as it: next(it)",
        "",
    ),
    "file that was opened since": (
        "",
        f"{_FSSPEC}with fsspec.open(f'{{ROOT}}/cities.csv') as it: it.read()",
    ),
    "file that is open since": ("", f"{_FSSPEC}it = fsspec.open(f'{{ROOT}}/cities.csv').open()"),
    "file without fsspec's defaults": (
        "",
        f"{_FSSPEC}fsspec.config.conf.clear(); it = fsspec.open(f'{{ROOT}}/cities.csv').open()",
    ),
    "dataset that was opened since": (
        "",
        "import pyarrow.dataset as ds; it = ds.dataset(f'{ROOT}/cities.parquet')",
    ),
    "new file system in a list from before": (
        f"{_ARROW}it = [fs]",
        f"{_ARROW}it[0] = fs",
    ),
    "public data": ("it = S3FileSystem(anonymous=True, region='us-west-2')", ""),
    "keys of the user": (
        "it = S3FileSystem(access_key='AKIAIOSFODNN7EXAMPLE', secret_key='x', region='us-west-2')",
        "",
    ),
    "store with keys of the user": (
        "from obstore.store import S3Store\n"
        "it = S3Store(BUCKET, access_key_id='AKIAIOSFODNN7EXAMPLE', secret_access_key='x')",
        "",
    ),
}


@pytest.mark.nightly(keep=3)
@pytest.mark.parametrize("case", QUIET)
def test_no_false_alarm(notebook: Shell, case: str) -> None:
    """The card doesn't list closed files, readers of the active identity, or a user's own keys."""
    before, since = QUIET[case]
    notebook.good("%aws_profile RoleBeta")
    notebook.good(before)
    notebook.good("%aws_profile RoleGamma")
    notebook.good(since)
    assert lines_of_it(notebook.good("%aws_profile").text) == []
    if since.endswith(".open()"):
        notebook.good("%aws_profile RoleBeta")
        assert lines_of_it(notebook.good("%aws_profile RoleGamma").text) == []


@pytest.mark.slow
def test_a_file_system_with_our_arguments(notebook: Shell) -> None:
    """A `libraries.pyarrow_filesystem` is named, because it keeps its session's keys."""
    notebook.good("%aws_profile RoleBeta\nfrom ipy_awsprofile import libraries")
    notebook.good("it = libraries.pyarrow_filesystem(session)")
    assert lines_of_it(notebook.good("%aws_profile").text) == []
    assert len(lines_of_it(notebook.good("%aws_profile RoleGamma").text)) == 1


@pytest.mark.parametrize("library", ["pyarrow", "s3fs"])
def test_variables_that_share_a_file_system(notebook: Shell, library: str) -> None:
    """The card names each variable and the filesystem that they share."""
    made = {
        "pyarrow": f"{_ARROW}one, other = [fs], {{'fs': fs}}",
        "s3fs": "import s3fs; one = other = fs = s3fs.S3FileSystem(); fs.ls(BUCKET)",
    }
    notebook.good("%aws_profile RoleBeta")
    notebook.good(made[library])
    card = notebook.good("%aws_profile RoleGamma").text
    assert set(re.findall(r"`(\w+)` [^\n]*RoleBeta", card)) >= {"fs", "one", "other"}
    notebook.good("del fs, one")
    card = notebook.good("%aws_profile").text
    assert set(re.findall(r"`(\w+)` [^\n]*RoleBeta", card)) == {"other"}


def test_variables_that_share_a_list(notebook: Shell) -> None:
    """The card names each variable that leads to the same reader, in any order of creation."""
    notebook.good(f"%aws_profile RoleBeta\n{_ARROW}one = [fs]; other = one; del fs")
    notebook.good("outer = {'inner': one}; first = one; del one; one = first; del first")
    card = notebook.good("%aws_profile RoleGamma").text
    assert set(re.findall(r"`(\w+)` [^\n]*RoleBeta", card)) == {"one", "other", "outer"}


def test_daft_in_a_module(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card names Daft only if a module has imported it."""
    assert "daft" not in notebook.good("%aws_profile RoleBeta").text
    monkeypatch.setitem(sys.modules, "daft", ModuleType("daft"))
    assert "`daft` keeps the credentials of its first read" in notebook.good("%aws_profile").text


@pytest.mark.slow
def test_nothing_of_an_object_is_run(notebook: Shell) -> None:
    """Objects with the attributes of filesystems and files are inspected without running them."""
    notebook.good(
        "class Touchy:\n"
        "    closed = fs = filesystem = property(lambda self: 1 / 0)\n"
        "    def __getattr__(self, name): raise AssertionError(name)\n"
        "it = Touchy(); its = [Touchy()]"
    )
    notebook.good("%aws_profile RoleBeta")
    assert lines_of_it(notebook.good("%aws_profile RoleGamma").text) == []
