"""What doesn't follow a switch: the lines on the card.

Only the notebook's variables are searched, not the objects in them.
"""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import ref

from botocore.client import BaseClient

from ipy_awsprofile.config.files import Section, read_config
from ipy_awsprofile.config.shared import SHARED_PROFILES
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.gate import PROCESS, Label, label_of
from ipy_awsprofile.kernel.places import BEDROCK_KEY, ENDPOINT, has_read_with_polars
from ipy_awsprofile.kernel.show import ABSENT
from ipy_awsprofile.text import number_of, redacted_urls

if TYPE_CHECKING:
    from ipy_awsprofile.kernel.show import Kernel
    from ipy_awsprofile.kernel.workers import Workers


@dataclass(frozen=True, slots=True)
class Leftover:
    """A variable or library such as ``s3``, and what the card says about it: "still signs as X"."""

    name: str
    says: str

    def __str__(self) -> str:
        """Return the sentence of the card."""
        return f"`{self.name}` {self.says}."


_IMPORT = "`from ipy_awsprofile import libraries`, then"

#: Libraries that don't follow automatically, and what to do.
_INDEPENDENT = {
    "daft": "keeps the credentials of its first read until the kernel is restarted",
    "duckdb": "doesn't follow automatically: "
    f"{_IMPORT} call `libraries.duckdb_secret(session)`, which follows each switch",
    "pyspark": f"doesn't follow: {_IMPORT} read with `**libraries.spark_options(session)`. Its "
    "Python functions keep the identity that Spark was started with",
}

#: Those that keep an identity even after ``--off``.
_AT_OFF = {"daft", "pyspark"}


def _scheme_of(filesystem: Any) -> str:
    return str(getattr(filesystem, "base_fs", filesystem).type_name)


def _s3_if(condition: bool) -> str:
    return "s3" if condition else ""


def _always_s3(_value: object) -> str:
    return "s3"


def _scheme_of_file(file: Any) -> str:
    # pyarrow reads the metadata of an S3 file when opening it. Local files have none.
    return _s3_if(not file.closed and file.readable() and "ETag" in file.metadata())


def _scheme_of_zarr(node: Any) -> str:
    return _s3_if(type(node.store.store).__name__ == "S3Store")  # obstore's


def _scheme_of_minio(client: Any) -> str:
    # Without keys of the user, it looks for credentials.
    return _s3_if(type(client._provider).__name__ != "StaticProvider")  # noqa: SLF001


#: Objects that use S3 without botocore, and functions that return their address, or its scheme.
READERS: dict[str, Callable[[Any], str]] = {
    "pyarrow._s3fs.S3FileSystem": _scheme_of,
    "pyarrow._fs.SubTreeFileSystem": _scheme_of,
    "pyarrow._dataset.FileSystemDataset": lambda dataset: _scheme_of(dataset.filesystem),
    "pyarrow.parquet.core.ParquetDataset": lambda dataset: _scheme_of(dataset.filesystem),
    "pyarrow.parquet.core.ParquetFile": lambda parquet: max(
        _scheme_of_file(file)
        for file in gc.get_referents(parquet.reader)
        if type(file).__module__ == "pyarrow.lib"
    ),
    "pyarrow.lib.NativeFile": _scheme_of_file,
    "deltalake.table.DeltaTable": attrgetter("table_uri"),
    "lance.dataset.LanceDataset": attrgetter("uri"),
    "lancedb.db.LanceDBConnection": attrgetter("uri"),
    "lancedb.table.LanceTable": attrgetter("_conn.uri"),
    "icechunk.repository.Repository": lambda repo: repr(repo.storage).partition("S3")[1].lower(),
    "icechunk.session.Session": lambda session: repr(session).partition("S3")[1].lower(),
    "zarr.core.group.Group": _scheme_of_zarr,
    "zarr.core.array.Array": _scheme_of_zarr,
    "tiledb.vfs.VFS": _always_s3,
    "minio.api.Minio": _scheme_of_minio,
    "obstore.store.S3Store": _always_s3,
    "obstore.fsspec.FsspecStore": attrgetter("protocol"),
    "pyiceberg.table.Table": attrgetter("metadata_location"),
    # These don't tell their address.
    "polars.lazyframe.frame.LazyFrame": lambda _frame: _s3_if(has_read_with_polars()),
    "pyarrow._dataset.Scanner": _always_s3,
    # These keep workers instead.
    "ipyparallel.client.client.Client": _always_s3,
    "ipyparallel.cluster.cluster.Cluster": _always_s3,
}

_KEEPS = "was opened in S3 as another identity, which it keeps: open it again"
_MAY_KEEP = "keeps the identity that it was opened with, if it reads from S3: open it again"
#: What the card says about workers, with their number.
_WORKERS = {
    "multiprocessing": "keeps another identity in {}: start new ones",
    "dask": "keeps another identity in {}: run `client.restart()`",
    "ray": "keeps another identity in its workers: run `ray.shutdown()`, then `ray.init()`",
}
_ENGINES = "keeps another identity in its engines: start the cluster again"

#: What the card says about clusters that this kernel hasn't started.
_ELSEWHERE = "uses the identity of its cluster's machines, whatever is active: give them a role"

#: What the card says about readers, unless it is `_KEEPS`.
_SAYS = {
    "polars.lazyframe.frame.LazyFrame": _MAY_KEEP,
    "pyarrow._dataset.Scanner": _MAY_KEEP,
    "ipyparallel.client.client.Client": _ENGINES,
    "ipyparallel.cluster.cluster.Cluster": _ENGINES,
}


def is_reader(value: Any) -> bool:
    """Return whether an object uses S3 with the credentials from when it was opened."""
    address = READERS.get(_type_of(value))
    with suppress(Exception):  # an incomplete object, or another version of the library
        return address is not None and address(value).startswith("s3")
    return False


_DASK = "distributed.client.Client"
_IPYPARALLEL = "ipyparallel.client.client.Client"

_STARTERS = {
    *("concurrent.futures.process.ProcessPoolExecutor", "multiprocessing.pool.Pool"),
    *(_DASK, _IPYPARALLEL),
    "joblib.externals.loky.reusable_executor._ReusablePoolExecutor",
}


def starts_workers(value: Any) -> bool:
    """Return whether an object runs code in processes that were started with an identity."""
    if isinstance(value, ModuleType):
        return value.__name__ == "ray" and bool(value.is_initialized())
    return _type_of(value) in _STARTERS


#: The type of a cluster whose workers are processes or threads of the kernel.
_LOCAL = "distributed.deploy.local.LocalCluster"


def _type_of(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


class OpenedBefore:
    """The readers and worker processes that were opened so far, with their identities."""

    def __init__(self) -> None:
        self._readers: dict[str, tuple[Callable[[Any], bool], Label | None]] = {}
        self._workers: dict[tuple[str, object], Label | None] = {}

    def note(self, namespace: Mapping[str, Any], active: Label | None) -> None:
        """Record readers and workers that were opened since the last call, with this identity."""
        before = self._readers
        self._readers = {}
        for name, value in list(namespace.items()):
            if name in before and before[name][0](value):
                self._readers[name] = before[name]
            elif not name.startswith("_") and is_reader(value):
                self._readers[name] = _matching(value), active
        self._workers = {worker: self._workers.get(worker, active) for worker in _workers()}

    def opened_as(self, namespace: Mapping[str, Any], label: Label | None) -> Iterator[Leftover]:
        """Yield the readers that were opened with an identity."""
        for name, (matches, opened) in self._readers.items():
            if opened == label and name in namespace and matches(namespace[name]):
                yield Leftover(name, _SAYS.get(_type_of(namespace[name]), _KEEPS))

    def leftovers(
        self, namespace: Mapping[str, Any], active: Label | None, lent: Iterable[Workers]
    ) -> Iterator[Leftover]:
        """Yield readers and workers that were opened with a different identity."""
        moved = {process for workers in lent for process in workers.processes()}
        for label in dict.fromkeys(label for _, label in self._readers.values()):
            if label != active:
                yield from self.opened_as(namespace, label)
        former = [
            library
            for library, worker in _workers()
            if worker not in moved and self._workers.get((library, worker), active) != active
        ]
        for library, count in Counter(former).items():
            yield Leftover(
                library, _WORKERS[library].format(number_of(count, "process", "processes"))
            )


def _matching(value: Any) -> Callable[[Any], bool]:
    """Return a function that returns whether its argument is this object, which can be gone."""
    try:
        reference = ref(value)
    except TypeError:  # some objects of other languages have no weak references
        number = id(value)
        return lambda other: id(other) == number
    return lambda other: reference() is other


def _workers() -> Iterator[tuple[str, object]]:
    """Yield the worker processes, each with its library and something that identifies it."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing:
        for process in multiprocessing.active_children():
            is_dasks = process.name.startswith("Dask Worker")
            yield "dask" if is_dasks else "multiprocessing", process.pid
    ray = sys.modules.get("ray")
    if ray and ray.is_initialized() and _has_started(ray):
        yield "ray", ray.get_runtime_context().gcs_address


def _has_started(ray: Any) -> bool:
    """Return whether this kernel has started Ray's cluster, instead of attaching to it."""
    with suppress(AttributeError):  # another version
        node = ray._private.worker._global_node  # noqa: SLF001  # Ray has no public name for it
        return node is not None and bool(node.is_head())
    return True


def leftovers(
    kernel: Kernel,
    namespace: Mapping[str, Any],
    active: Label | None,
    before: OpenedBefore,
    lent: Mapping[str, Workers],
) -> Iterator[Leftover]:
    """Yield what doesn't follow the active identity, or the end of all switches.

    ``lent`` are the Dask workers that use the notebook's identity, by their scheduler's address.
    """
    if active:
        yield from _about_files()
        for place in kernel.changed():
            if place.if_changed:
                yield Leftover(place.name, f"was changed after the switch: {place.if_changed}")
    source = "session" if active else "boto3"
    for name, value in list(namespace.items()):
        if name.startswith("_"):
            continue
        label = label_of(_credentials_in(value))
        if label and not label.is_chosen and label != active and (active or not label.is_default):
            code = _code_for(value, name, source)
            yield Leftover(name, f"still signs as {label.text_beside(active)}: {code}")
    yield from before.leftovers(namespace, active, lent.values())
    for library in sorted(PROCESS.not_cleared):
        yield Leftover(
            library,
            "may keep its former identity for new objects, because this version of it is unknown: "
            "restart the kernel after a switch",
        )
    yield from _libraries_in_use(namespace, active)
    if active:
        yield from _about_clusters(namespace, active, lent)
        yield from _about_bedrock()


def _about_clusters(
    namespace: Mapping[str, Any], active: Label, lent: Mapping[str, Workers]
) -> Iterator[Leftover]:
    """Yield what uses clusters that this kernel hasn't started."""
    for name, value in list(namespace.items()):
        if _type_of(value) == _DASK and value.status == "running":
            yield from _about_dask(name, value, active, lent)
        elif _type_of(value) == _IPYPARALLEL and value.cluster is None:
            yield Leftover(name, _ELSEWHERE)
    ray = sys.modules.get("ray")
    if ray and ray.is_initialized() and not _has_started(ray):
        yield Leftover("ray", _ELSEWHERE)


def _about_dask(
    name: str, client: Any, active: Label, lent: Mapping[str, Workers]
) -> Iterator[Leftover]:
    """Yield a Dask client whose workers sign as another identity."""
    address = client.scheduler.address
    cluster = _type_of(client.cluster)
    call = f"call `libraries.dask_workers({name})`"
    label = lent[address].label if address in lent else None
    if label and label != active:
        who = label.text_beside(active)
        yield Leftover(name, f"has workers that sign as {who}: after a switch, {call}")
    if label:
        return
    if cluster.startswith("coiled."):
        send = f"`{name}.cluster.send_credentials()`"
        yield Leftover(name, f"has workers with the credentials that Coiled has sent: run {send}")
    elif cluster != _LOCAL:
        yield Leftover(
            name,
            f"has workers that sign as their machines' identity: to move them, {_IMPORT} {call}",
        )


def _about_files() -> Iterator[Leftover]:
    with suppress(AwsProfileError):  # a file is malformed
        profiles = read_config().profiles
        url = ENDPOINT.get()
        others = [profiles[name] for name in profiles if name not in SHARED_PROFILES]
        if url is not ABSENT and _have_different_endpoints(others):
            yield Leftover(
                "AWS_ENDPOINT_URL_S3",
                f"makes child processes use {redacted_urls(url)} for S3, even for other profiles: "
                "use a `%%aws_profile NAME` cell",
            )


def _about_bedrock() -> Iterator[Leftover]:
    """Yield the user's API key, which Amazon Bedrock prefers to the active identity."""
    if os.environ.get(BEDROCK_KEY):
        yield Leftover(
            BEDROCK_KEY,
            "is an API key that Amazon Bedrock uses instead of any profile, even one that you "
            f"name: to change that, run `del os.environ[{BEDROCK_KEY!r}]`",
        )


def _have_different_endpoints(profiles: Iterable[Section]) -> bool:
    # Indented blocks are dicts.
    settings = ((profile.get("endpoint_url"), profile.get("services")) for profile in profiles)
    return any(first != second for first, second in pairwise(settings))


def _credentials_in(value: Any) -> Any:
    """Return the credentials of a client, resource, session or filesystem, if it has found any."""
    package = type(value).__module__.partition(".")[0]
    if package not in {"boto3", "botocore", "aiobotocore", "s3fs", "ipy_awsprofile"}:
        return None
    if package == "s3fs":
        value = getattr(value, "_s3", None)  # None until its first request
    value = getattr(getattr(value, "meta", None), "client", value)  # a resource
    session = getattr(value, "_session", value)  # a boto3 session
    signer = getattr(value, "_request_signer", None)
    return getattr(signer or session, "_credentials", None)


def _code_for(value: Any, name: str, source: str) -> str:
    if isinstance(value, BaseClient):
        region = value.meta.region_name
        service = value.meta.service_model.service_name
        return f'run `{name} = {source}.client("{service}", region_name="{region}")`'
    return "create it again"


def _libraries_in_use(namespace: Mapping[str, Any], active: Label | None) -> Iterator[Leftover]:
    """Yield the libraries imported in the notebook that find credentials on their own.

    Libraries that only other libraries import aren't included, except daft, which keeps credentials
    for the whole process. For example, awswrangler imports pyarrow's S3 filesystem but uses boto3.
    """
    modules = [value.__name__ for value in namespace.values() if isinstance(value, ModuleType)]
    imported = {name.partition(".")[0] for name in modules} | ({"daft"} & sys.modules.keys())
    if any(_type_of(value).startswith("pyspark.") for value in namespace.values()):
        imported.add("pyspark")  # a Spark session is enough to use it
    if active is None:
        imported &= _AT_OFF
    for library, advice in _INDEPENDENT.items():
        follower = PROCESS.followers.get(library)
        if library in imported and not (follower and follower.following):
            yield Leftover(library, advice)
