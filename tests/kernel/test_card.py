"""The card names what doesn't follow a switch, and what to do about it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT
from tests.aws import EmbeddedAws
from tests.packages import has, needs
from tests.processes import posix
from tests.roles import roles_in_s3
from tests.shells import Shell


def card_of(notebook: Shell, line: str = "%aws_profile") -> str:
    """Return the card's text in one line."""
    return " ".join(notebook.good(line).text.split())


#: Code for an object of boto3 or s3fs, code that uses it, and the advice on the card.
SIGNERS = {
    "client": (
        "client = boto3.client('s3', region_name='eu-central-1')",
        "assert client.meta.region_name == 'eu-central-1'; client.list_buckets()",
        'run `client = session.client("s3", region_name="eu-central-1")`',
    ),
    "bucket": (
        "bucket = session.resource('s3').Bucket(BUCKET)",
        "list(bucket.objects.all())",
        "create it again",
    ),
    "mine": ("mine = session", "mine.client('s3').head_bucket(Bucket=BUCKET)", "create it again"),
    "fs": (
        "import s3fs; fs = s3fs.S3FileSystem(); fs.ls(BUCKET)",
        "fs.ls(BUCKET, refresh=True)",
        "create it again",
    ),
    "awaited": (
        "import asyncio, aiobotocore.session\n"
        "loop = asyncio.new_event_loop()\n"
        "made = aiobotocore.session.get_session().create_client('s3', 'us-west-2')\n"
        "awaited = loop.run_until_complete(made.__aenter__())",
        "loop.run_until_complete(awaited.head_bucket(Bucket=BUCKET))",
        "create it again",
    ),
}


def test_the_advice_mends_it(aws: EmbeddedAws, notebook: Shell) -> None:
    """The card names variables with the previous identity until you follow the advice."""
    notebook.good("%aws_profile RoleBeta")
    for make, _, _ in SIGNERS.values():
        notebook.good(make)
    assert "still signs" not in card_of(notebook)
    card = card_of(notebook, "%aws_profile RoleGamma")
    for name, (make, use, advice) in SIGNERS.items():
        assert f"`{name}` still signs as RoleBeta: {advice}" in card
        assert roles_in_s3(aws, notebook, use) == {"RoleBeta"}
        notebook.good(advice.split("`")[1] if "`" in advice else make)
        assert f"`{name}`" not in card_of(notebook)
        assert roles_in_s3(aws, notebook, use) == {"RoleGamma"}


def test_renamed_profile(aws: EmbeddedAws, notebook: Shell) -> None:
    """If the active profile is renamed in the file, children fail, and a line says why."""
    child = f'!"{sys.executable}" -m awscli sts get-caller-identity'
    notebook.good("%aws_profile RoleBeta")
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace("[profile RoleBeta]", "[profile RoleNew]"))
    said = notebook.good(child).text
    assert "(RoleBeta) could not be found" in said
    assert "`RoleBeta` was removed from the config files, so child processes" in said
    card_of(notebook, "%aws_profile RoleNew")
    said = notebook.good(child).text
    assert "assumed-role/RoleBeta" in said
    assert "config files" not in said
    aws.config_file.write_text("malformed")
    assert "RoleNew" in card_of(notebook)


CHANGES = {
    "boto3.setup_default_session()": "boto3.DEFAULT_SESSION",
    "os.environ['AWS_PROFILE'] = 'UserAlpha'": "AWS_PROFILE",
    "del os.environ['AWS_PROFILE']": "AWS_PROFILE",
    "os.environ['AWS_CONFIG_FILE'] = '/nowhere'": "AWS_CONFIG_FILE",
    "os.environ['AWS_DEFAULT_REGION'] = 'eu-west-1'": "AWS_DEFAULT_REGION",
}


def test_changed_places(notebook: Shell) -> None:
    """The cell and the card name the user's changes, until the next switch overwrites them."""
    config = os.environ["AWS_CONFIG_FILE"]
    for change, name in CHANGES.items():
        assert "after the switch" not in card_of(notebook, "%aws_profile RoleBeta")
        changed = f"`{name}` was changed after the switch: "
        assert notebook.good(change).text.startswith(changed)
        assert notebook.good("1").text.endswith("]: 1")
        assert changed not in notebook.good("1").text
        assert changed in card_of(notebook)
        os.environ["AWS_CONFIG_FILE"] = config


def test_a_place_that_changes_twice(notebook: Shell) -> None:
    """A cell that changes a place again gets a line with the step for the new value."""
    notebook.good("%aws_profile RoleBeta")
    for profile in ("UserAlpha", "RoleGamma", "UserAlpha"):
        text = notebook.good(f"os.environ['AWS_PROFILE'] = '{profile}'").text
        assert f"To switch to `{profile}`, run `%aws_profile {profile}`." in text


#: Code for objects that keep the identity with which they were opened, below ``ROOT``, and code
#: that uses them. ``fs`` and ``root`` are pyarrow's.
OPENED = {
    "fs": ("", "fs.open_input_file(f'{root}/cities.csv').read()"),
    "tree": (
        "from pyarrow.fs import SubTreeFileSystem; tree = SubTreeFileSystem(root, fs)",
        "tree.open_input_file('cities.csv').read()",
    ),
    "dataset": (
        "import pyarrow.dataset as ds; dataset = ds.dataset(f'{ROOT}/cities.parquet')",
        "dataset.to_table()",
    ),
    "parquet": (
        "import pyarrow.parquet as pq\n"
        "parquet = pq.ParquetFile(f'{root}/cities.parquet', filesystem=fs)",
        "parquet.read()",
    ),
    "file": ("file = fs.open_input_file(f'{root}/cities.parquet')", "file.seek(0); file.read()"),
    "delta": (
        "import deltalake, pandas as pd\n"
        "data = pd.DataFrame({'a': [1]})\n"
        "deltalake.write_deltalake(f'{ROOT}/delta', data, mode='overwrite')\n"
        "delta = deltalake.DeltaTable(f'{ROOT}/delta')",
        "delta.to_pyarrow_table()",
    ),
    "dataset_of_lance": (
        "import lance, pyarrow as pa\n"
        "data = pa.table({'a': [1]})\n"
        "dataset_of_lance = lance.write_dataset(data, f'{ROOT}/lance', mode='overwrite')",
        "dataset_of_lance.versions()",
    ),
    "iceberg": (
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
        "iceberg = Table(('a', 'b'), data, f'{ROOT}/metadata.json', io, NoopCatalog('mine'))",
        "iceberg.io.new_input(f'{ROOT}/cities.csv').open().read()",
    ),
}
if not has("pyiceberg"):
    del OPENED["iceberg"]

#: The same for objects that can only be in S3, or that don't tell their address.
OPENED_IN_S3 = {
    "scanned": (
        "import polars as pl; scanned = pl.scan_parquet(f'{ROOT}/cities.parquet')\n"
        "scanned.collect()",
        "scanned.collect()",
    ),
    "scanner": ("scanner = ds.dataset(f'{ROOT}/cities.parquet').scanner()", "scanner.to_table()"),
    "store": (
        "import obstore; from obstore.store import S3Store\n"
        "store = S3Store(BUCKET, client_options={'allow_http': True})",
        "obstore.get(store, 'cities.csv').bytes()",
    ),
    "fs_of_obstore": (
        "from obstore.fsspec import FsspecStore\n"
        "fs_of_obstore = FsspecStore('s3', client_options={'allow_http': True})\n"
        "fs_of_obstore.cat(KEY)",
        "fs_of_obstore.cat(KEY)",
    ),
}


def opened_before(card: str) -> set[str]:
    """Return the variables whose objects keep another identity, as on the card."""
    says = "was opened in S3 as another|may keep the identity that it was opened with"
    return set(re.findall(rf"`(\w+)` (?:{says})", card))


def open_all(notebook: Shell, table: dict[str, tuple[str, str]], before: str = "") -> None:
    """Open the objects of a table in one cell, in which ``before`` is the first line."""
    arrow = "from pyarrow.fs import FileSystem; fs, root = FileSystem.from_uri(ROOT)"
    notebook.good("\n".join([before, arrow, *(make for make, _ in table.values())]).strip())


def test_opened_readers(aws: EmbeddedAws, notebook: Shell) -> None:
    """The card names objects as long as a different identity is active, until you open them again.

    It doesn't look at IPython's own variables.
    """
    table = OPENED | OPENED_IN_S3
    open_all(notebook, table, "%aws_profile RoleBeta")
    notebook.good("fs")  # is also in `_`
    assert opened_before(card_of(notebook)) == set()
    assert opened_before(card_of(notebook, "%aws_profile RoleGamma")) == table.keys()
    for name, (_, use) in table.items():
        assert roles_in_s3(aws, notebook, use) == {"RoleBeta"}, name
    assert opened_before(card_of(notebook, "%aws_profile RoleBeta")) == set()
    assert opened_before(card_of(notebook, "%aws_profile RoleBeta --read-only")) == table.keys()
    open_all(notebook, table, "%aws_profile RoleGamma")
    assert opened_before(card_of(notebook)) == set()


def test_opened_in_a_block(notebook: Shell) -> None:
    """At its end, a block names the objects that keep its identity, and no others."""
    notebook.good("from obstore.store import S3Store; from ipy_awsprofile import using_profile")
    notebook.good("%aws_profile RoleGamma\nolder = S3Store(BUCKET)")
    store = "store = S3Store(BUCKET)"
    blocks = {f"%%aws_profile RoleBeta\n{store}": 1, f"with using_profile('RoleBeta'): {store}": 0}
    for block, cards in blocks.items():
        cell = notebook.good(block).text
        assert "`store` was opened in S3 as another identity, which it keeps: open it again" in cell
        assert cell.count("`older` was opened") == cards  # for the block
        assert opened_before(card_of(notebook)) == {"store"}
        notebook.good(store)
    assert opened_before(notebook.good(f"%%aws_profile RoleGamma\n{store}").text) == set()


def test_after_off(notebook: Shell) -> None:
    """The card of `--off` names what keeps an identity, and its advice works."""
    notebook.good("from obstore.store import S3Store; s3 = boto3.client('s3')")
    notebook.good("%aws_profile RoleBeta\nstore = S3Store(BUCKET); client = boto3.client('sts')")
    card = card_of(notebook, "%aws_profile --off")
    assert "Everything that you create now is as it was before the first switch." in card
    assert opened_before(card) == {"store"}
    assert "`s3` " not in card
    (again,) = re.findall("`client` still signs as RoleBeta: run `(.+?)`", card)
    notebook.good(f"{again}\n%aws_profile RoleBeta\nstore = S3Store(BUCKET)\ndel store")
    card = card_of(notebook, "%aws_profile --off")
    assert "Everything is as it was before the first switch." in card


def test_opened_before_the_first_switch(notebook: Shell, tmp_path: Path) -> None:
    """The card names a file system in S3 from before the first switch, but no local objects."""
    pd.DataFrame({"people": [717]}).to_parquet(tmp_path / "cities.parquet")
    notebook.good("from pyarrow.fs import S3FileSystem; s3 = S3FileSystem(region='us-west-2')")
    notebook.names["ROOT"] = str(tmp_path)
    (tmp_path / "cities.csv").write_text("city\nOslo\n")
    open_all(notebook, OPENED)
    assert opened_before(card_of(notebook, "%aws_profile RoleBeta")) == {"s3"}


def test_a_library_of_another_version(notebook: Shell) -> None:
    """If what a library keeps can't be cleared, the switch succeeds, and the card names it."""
    notebook.good("import fsspec\nclass Mine(fsspec.AbstractFileSystem):\n    clear = None")
    notebook.good("Mine.clear_instance_cache = None")
    card = card_of(notebook, "%aws_profile RoleBeta")
    assert "`fsspec` may keep its former identity for new objects" in card
    notebook.good("del Mine.clear_instance_cache")
    assert "`fsspec`" not in card_of(notebook, "%aws_profile RoleGamma")


def test_a_bedrock_key(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card says that Bedrock calls use an API key, which read-only identities and runs hide."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "mine")
    notebook.good("import os; from ipy_awsprofile import across_profiles")
    (code,) = re.findall(
        "`AWS_BEARER_TOKEN_BEDROCK` is an API key that Amazon Bedrock uses instead of any profile, "
        "even one that you name: to change that, run `(.+?)`",
        card_of(notebook, "%aws_profile RoleBeta"),
    )
    for line in ("--read-only", "--policy arn:aws:iam::aws:policy/AdministratorAccess"):
        assert "BEDROCK" not in card_of(notebook, f"%aws_profile RoleBeta {line}")
        assert "AWS_BEARER_TOKEN_BEDROCK" not in os.environ
    notebook.good("%aws_profile RoleGamma")
    assert os.environ["AWS_BEARER_TOKEN_BEDROCK"] == "mine"
    notebook.names["seen"] = []
    keys = "lambda _: seen.append(os.environ.get('AWS_BEARER_TOKEN_BEDROCK'))"
    notebook.good(f"across_profiles(['RoleBeta'], {keys})")
    assert notebook.names["seen"] == [None]
    notebook.good(f"del os\n{code}")
    assert "BEDROCK" not in card_of(notebook)
    for line in ("", " --read-only"):
        card_of(notebook, f"%aws_profile RoleBeta{line}")
        text = notebook.good("os.environ['AWS_BEARER_TOKEN_BEDROCK'] = 'mine'").text
        (undo,) = re.findall("send that API key instead of a signature. .*, run `(.+)`", text)
        assert "mine" not in undo
        assert card_of(notebook).count("`AWS_BEARER_TOKEN_BEDROCK`") == 1
        notebook.good(undo)
        assert "BEDROCK" not in card_of(notebook)
    notebook.good("%aws_profile --off")
    assert "AWS_BEARER_TOKEN_BEDROCK" not in os.environ


class Ray(ModuleType):
    """Ray, whose cluster needs more memory than a test."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.gcs_address = ""
        self.is_attached = False
        node = SimpleNamespace(is_head=lambda: not self.is_attached)
        self._private = SimpleNamespace(worker=SimpleNamespace(_global_node=node))

    def is_initialized(self) -> bool:
        """Return whether a cluster is running."""
        return bool(self.gcs_address)

    def get_runtime_context(self) -> Ray:
        """Return the cluster's description."""
        return self


def test_workers_of_ray(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card names Ray's workers from before a switch, and other clusters. A run refuses Ray."""
    ray = Ray()
    monkeypatch.setitem(sys.modules, "ray", ray)
    notebook.good("import ray; from ipy_awsprofile import across_profiles\n%aws_profile RoleBeta")
    ray.gcs_address = "127.0.0.1:1"
    assert "`ray`" not in card_of(notebook)
    card = card_of(notebook, "%aws_profile RoleGamma")
    assert "`ray` keeps another identity in its workers: run `ray.shutdown()`, then" in card
    error = str(notebook.refused("across_profiles(['RoleBeta'], lambda _: ray)"))
    assert error == "`ray` runs code in processes that have the notebook's identity."
    ray.gcs_address = "127.0.0.1:2"
    assert "`ray`" not in card_of(notebook)
    ray.is_attached = True
    assert "`ray` uses the identity of its cluster's machines" in card_of(notebook)


def test_pools(notebook: Shell) -> None:
    """A run refuses the notebook's pools of processes."""
    notebook.good(
        "from concurrent.futures import ProcessPoolExecutor\nfrom multiprocessing import Pool\n"
        "from ipy_awsprofile import across_profiles\n%aws_profile RoleBeta\n"
        "from joblib.externals import loky\n"
        "pool, executor, own = Pool(1), ProcessPoolExecutor(1), loky.ProcessPoolExecutor(1)"
    )
    for name in ("pool", "executor", "own"):
        error = str(notebook.refused(f"across_profiles(['RoleBeta'], lambda _: {name})"))
        assert error == f"`{name}` runs code in processes that have the notebook's identity."
    notebook.good("pool.terminate(); executor.shutdown(); own.shutdown()")


@needs("daft", "duckdb")
def test_libraries_that_do_not_follow(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card names libraries with their own credentials, and its advice about DuckDB works."""
    monkeypatch.setitem(sys.modules, "pyspark", ModuleType("pyspark"))  # it needs Java
    kind = type("SparkSession", (), {"__module__": "pyspark.sql.session"})
    notebook.names["spark"] = kind()
    notebook.good("import daft, duckdb")
    card = card_of(notebook, "%aws_profile RoleBeta")
    assert "`daft` keeps the credentials of its first read" in card
    assert "`pyspark` doesn't follow: " in card
    (line,) = re.findall(r"`duckdb` doesn't follow automatically: [^;]*switch", card)
    imports, call = re.findall("`([^`]+)`", line)[1:]
    notebook.good(f"{imports}\n{call}")
    assert "`duckdb`" not in card_of(notebook)
    card = card_of(notebook, "%aws_profile --off")
    assert "identity that Spark was started with" in card
    assert "`duckdb`" not in card


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


@posix
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_worker_processes(workers: Shell, method: str) -> None:
    """The card names workers from before a switch, until they are started again."""
    start = f"pool = multiprocessing.get_context('{method}').Pool(2)"
    ask = "pool.map(who, [1])[0]"
    workers.good(f"%aws_profile RoleBeta\n{start}")
    assert workers.good(ask).result == ROLE_ACCOUNT
    assert "multiprocessing" not in card_of(workers)
    assert "keeps another identity in its workers: start new ones" in card_of(
        workers, "%aws_profile UserAlpha"
    )
    assert workers.good(ask).result == ROLE_ACCOUNT
    workers.good(f"pool.terminate(); pool.join()\n{start}")
    assert workers.good(ask).result == USER_ACCOUNT
    assert "multiprocessing" not in card_of(workers)
    workers.good(f"pool.terminate(); pool.join()\n%aws_profile RoleBeta\n{start}")
    assert workers.good(ask).result == ROLE_ACCOUNT


def test_joblib_follows(workers: Shell) -> None:
    """Each switch ends joblib's idle workers, and new ones have the new identity."""
    ask = "joblib.Parallel(n_jobs=2)(joblib.delayed(who)() for _ in range(2))"
    for profile, account in [("RoleBeta", ROLE_ACCOUNT), ("UserAlpha", USER_ACCOUNT)]:
        assert "multiprocessing" not in card_of(workers, f"%aws_profile {profile}")
        assert workers.good(ask).result == [account] * 2


def test_a_renamed_variable(notebook: Shell) -> None:
    """The card names an open object by its present variable, after each switch and a reload."""
    notebook.good("import pyarrow.fs\n%aws_profile RoleBeta\nfs = pyarrow.fs.S3FileSystem()")
    notebook.good("%aws_profile RoleGamma\ndata = fs\ndel fs")
    for line in ("UserAlpha", "RoleGamma --read-only", "RoleGamma", "--off"):
        assert opened_before(card_of(notebook, f"%aws_profile {line}")) == {"data"}
    notebook.good("%reload_ext ipy_awsprofile")
    assert opened_before(card_of(notebook, "%aws_profile UserAlpha")) == {"data"}
    assert opened_before(card_of(notebook, "%aws_profile RoleBeta")) == set()


def test_a_lazy_frame_that_reads_later(notebook: Shell) -> None:
    """The card names a LazyFrame that reads for the first time after a switch."""
    notebook.good("import polars as pl\n%aws_profile RoleBeta\nlazy = pl.scan_parquet(PARQUET)")
    said = notebook.good("%aws_profile RoleGamma --quiet\nlazy.collect()").text
    assert "as RoleBeta, but `RoleGamma` is active" in said
    for line in ("", "UserAlpha"):
        assert "`lazy` may keep the identity" in card_of(notebook, f"%aws_profile {line}")


#: Lines and cells that change the active identity.
CHANGES_OF_IDENTITY = [
    "%aws_profile UserAlpha",
    "%aws_profile RoleGamma --read-only",
    "%aws_profile RoleGamma --as other",
    "%aws_profile --off",
]


def test_variables_with_a_former_identity(notebook: Shell) -> None:
    """The card names each variable with a former identity, as long as another one is active."""
    notebook.good("%aws_profile RoleBeta")
    for make, _, _ in SIGNERS.values():
        notebook.good(make)
    notebook.good("default = boto3.DEFAULT_SESSION; second = mine; data = fs; del mine, fs")
    names = {"client", "bucket", "data", "awaited", "default", "second"}
    for line in (*CHANGES_OF_IDENTITY, "%aws_profile UserAlpha"):
        card = card_of(notebook, line)
        assert set(re.findall(r"`(\w+)` still signs as RoleBeta", card)) == names, line
    cell = "with using_profile('RoleGamma'):\n    %aws_profile"
    for change in (cell, "%reload_ext ipy_awsprofile\n%aws_profile RoleGamma"):
        card = card_of(notebook, change)
        assert set(re.findall(r"`(\w+)` still signs as RoleBeta", card)) == names, change
    assert "still signs" not in card_of(notebook, "%aws_profile RoleBeta")


def test_another_default_session(notebook: Shell) -> None:
    """The card and the cell name a default session of the user's, until the line brings it back."""
    notebook.good("%aws_profile RoleBeta")
    for code in ("boto3.setup_default_session()", "boto3.DEFAULT_SESSION = None"):
        said = notebook.good(code).text
        line = "`boto3.DEFAULT_SESSION` was changed after the switch: `boto3.client(…)` uses it"
        assert line in said
        assert line in card_of(notebook)
        assert "changed" not in notebook.good("1").text
        notebook.good("session = None")
        assert "`session` isn't the session anymore" in card_of(notebook)
        (undo,) = re.findall("again, run `(.+)`", said)
        card = card_of(notebook, undo)
        assert "anymore" not in card
        assert "was changed" not in card


@needs("anthropic")
def test_a_client_of_bedrock_with_the_former_region(notebook: Shell) -> None:
    """The card names a client that follows the switch but keeps the Region of a former one.

    The card doesn't name a client whose code named another Region.
    """
    notebook.good("from anthropic import AnthropicBedrock")
    notebook.good("%aws_profile RoleBeta --region us-east-1\nllm = AnthropicBedrock()")
    notebook.good("eu = AnthropicBedrock(aws_region='eu-west-1')")
    for name in ("RoleBeta", "UserAlpha"):
        card = card_of(notebook, f"%aws_profile {name} --region us-west-2")
        assert "`llm` keeps the Region us-east-1: for us-west-2, create it again." in card
        assert "`eu`" not in card
    notebook.good("llm = AnthropicBedrock()")
    assert notebook.names["llm"].aws_region == "us-west-2"
    assert "keeps the Region" not in card_of(notebook)


def test_clients_with_the_former_region(aws: EmbeddedAws, notebook: Shell) -> None:
    """If only the Region changes, the card names the clients that keep it until they're replaced.

    The card doesn't name clients whose Region or profile the code names.
    """
    for name in ("RoleBeta", "UserAlpha"):
        notebook.good(f"%aws_profile {name} --region us-west-2\ns3 = session.client('s3')")
        notebook.good("eu = session.client('s3', region_name='eu-west-1')")
        notebook.good(f"own = open_session({name!r}, region='us-west-2').client('s3')")
        assert "keeps the Region" not in card_of(notebook, f"%aws_profile {name}")
        card = card_of(notebook, f"%aws_profile {name} --region us-east-1")
        assert card.count("keeps the Region") == 1
        (statement,) = re.findall("`s3` keeps the Region us-west-2: .* run `([^`]+)`", card)
        notebook.good(statement)
        assert notebook.names["s3"].meta.region_name == "us-east-1"
        assert "keeps the Region" not in card_of(notebook)
