"""What doesn't follow a switch: the lines on the card.

Only the notebook's variables are searched, not the objects in them.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import ref

from botocore.client import BaseClient

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.regions import endpoint_of
from ipy_awsprofile.config.shared import python_of
from ipy_awsprofile.errors import ConfigFileError
from ipy_awsprofile.gate import PROCESS, Label, is_stale, label_of
from ipy_awsprofile.kernel.places import BEDROCK_KEY, ENDPOINT, has_read_with_polars
from ipy_awsprofile.kernel.show import ABSENT
from ipy_awsprofile.text import redacted_urls

if TYPE_CHECKING:
    from ipy_awsprofile.config.files import Section
    from ipy_awsprofile.kernel.workers import Workers


@dataclass(frozen=True, slots=True)
class Leftover:
    """A variable or library such as ``s3``, and what the card says about it: "still signs as X"."""

    name: str
    says: str

    def __str__(self) -> str:
        """Return the sentence of the card."""
        return f"`{self.name}` {self.says}."


def leftovers(
    namespace: Mapping[str, object],
    active: Label | None,
    before: OpenedBefore,
    lent: Mapping[str, Workers],
) -> Iterator[Leftover]:
    """Yield what doesn't follow the active identity, or the end of all switches.

    ``lent`` are the Dask workers that use the notebook's identity, by their scheduler's address.
    """
    variables = {}
    for name, value in list(namespace.items()):  # another thread can add a variable
        if not name.startswith("_"):  # IPython's own
            variables[name] = value
    yield from _about_signers(variables, active)
    for leftover, label in before.handles(variables):
        if label != active:
            yield leftover
    yield from before.workers(active, lent.values())
    for library in sorted(PROCESS.not_cleared):
        yield Leftover(
            library,
            "may keep its former identity for new objects, because this version of it is unknown: "
            "restart the kernel after a switch",
        )
    yield from _about_libraries(variables, active)
    if active:
        yield from _about_endpoint()
        yield from _about_clusters(variables, active, lent)
        if os.environ.get(BEDROCK_KEY):
            yield Leftover(
                BEDROCK_KEY,
                "is an API key that Amazon Bedrock uses instead of any profile, even one that you "
                f"name: to change that, run `del os.environ[{BEDROCK_KEY!r}]`",
            )


def _about_endpoint() -> Iterator[Leftover]:
    """Yield the active profile's S3 endpoint if other profiles have another one, or AWS's."""
    url = ENDPOINT.get()
    if url is ABSENT:
        return
    with suppress(ConfigFileError):
        config = read_config()
        different: dict[str, Section] = {}  # many profiles have the same settings
        for settings in config.profiles.values():
            if not python_of(settings):  # the programs with which the notebook shares its identity
                described = f"{settings.get('endpoint_url')} {settings.get('services')}"
                different.setdefault(described, settings)
        if any(endpoint_of("s3", each, config.services) != url for each in different.values()):
            yield Leftover(
                "AWS_ENDPOINT_URL_S3",
                f"makes child processes use {redacted_urls(str(url))} for S3, even with "
                "`--profile OTHER`: for another profile, use a `%%aws_profile NAME` cell",
            )


# Objects of botocore ------------------------------------------------------------------------------


def _about_signers(variables: Mapping[str, object], active: Label | None) -> Iterator[Leftover]:
    """Yield clients, sessions and filesystems with another identity, and code to replace them."""
    source = "session" if active else "boto3"
    for name, value in variables.items():
        label = label_of(_credentials_in(value))
        if label is None or not is_stale(label):
            continue
        code = "create it again"
        if isinstance(value, BaseClient):
            region = value.meta.region_name
            service = value.meta.service_model.service_name
            code = f'run `{name} = {source}.client("{service}", region_name="{region}")`'
        yield Leftover(name, f"still signs as {label.text_beside(active)}: {code}")


#: Where a resource, a filesystem, a client, and a session of boto3 and of botocore have them.
_CREDENTIALS = (
    "meta.client._request_signer._credentials",
    "_s3._request_signer._credentials",
    "_request_signer._credentials",
    "_session._credentials",
    "_credentials",
)


def _credentials_in(value: object) -> object:
    """Return the credentials of a client, resource, session or filesystem, if it has found any."""
    if _package_of(value) in {"boto3", "botocore", "aiobotocore", "s3fs", "ipy_awsprofile"}:
        for path in _CREDENTIALS:
            with suppress(AttributeError):
                return attrgetter(path)(value)
    return None


def _type_of(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _package_of(value: object) -> str:
    """Return the package of a module, or of an object's type."""
    module = type(value).__module__
    if isinstance(value, ModuleType):
        module = value.__name__
    return module.partition(".")[0]


# Libraries that find credentials on their own -----------------------------------------------------


_IMPORT = "`from ipy_awsprofile import libraries`, then"

#: Libraries that don't follow automatically, and what to do.
_INDEPENDENT = {
    "daft": "keeps the credentials of its first read until the kernel is restarted",
    "duckdb": "doesn't follow automatically: "
    f"{_IMPORT} call `libraries.duckdb_secret(session)`, which follows each switch",
    "pyspark": f"doesn't follow: {_IMPORT} read with `**libraries.spark_options(session)`. Its "
    "Python functions keep the identity that Spark was started with",
}


def advice_about(library: str) -> str:
    """Return a sentence about a library that doesn't follow automatically."""
    return f"`{library}` {_INDEPENDENT[library]}."


#: Those that keep an identity even after ``--off``.
_AT_OFF = {"daft", "pyspark"}


def _about_libraries(variables: Mapping[str, object], active: Label | None) -> Iterator[Leftover]:
    """Yield such libraries that the notebook uses.

    Libraries that only other libraries import aren't included, except daft, which keeps credentials
    for the whole process. For example, awswrangler imports pyarrow's S3 filesystem but uses boto3.
    """
    used = set(map(_package_of, variables.values()))
    if "daft" in sys.modules:
        used.add("daft")
    if active is None:
        used &= _AT_OFF
    for library, follower in PROCESS.followers.items():
        if follower.following:
            used.discard(library)
    for library, advice in _INDEPENDENT.items():
        if library in used:
            yield Leftover(library, advice)


# Objects that were opened before ------------------------------------------------------------------


def _is_file_in_s3(file: Any) -> bool:
    # pyarrow reads the metadata of an S3 file when opening it. Local files have none. Closed files,
    # and files that are open for writing, raise an error.
    return "ETag" in file.metadata()


def _reads_s3(parquet: Any) -> bool:
    return any(map(is_handle, gc.get_referents(parquet.reader)))


def _is_icechunk_in_s3(value: object) -> bool:
    return "S3" in repr(getattr(value, "storage", value))


def _looks_for_credentials(client: Any) -> bool:
    return type(client._provider).__name__ != "StaticProvider"  # noqa: SLF001  # the user's own keys


def _may_be_in_s3(_frame: object) -> bool:
    return has_read_with_polars()  # a LazyFrame doesn't tell its address


#: Types of handles, which keep the identity with which they were opened, because they use S3
#: without botocore, and the attribute with their address or with the handle that they use. It is
#: empty if each object of the type is a handle.
HANDLES = {
    "pyarrow._s3fs.S3FileSystem": "",
    "pyarrow._fs.SubTreeFileSystem": "base_fs",
    "pyarrow._dataset.FileSystemDataset": "filesystem",
    "pyarrow._dataset.Scanner": "",  # it doesn't tell its address
    "pyarrow.parquet.core.ParquetDataset": "filesystem",
    "deltalake.table.DeltaTable": "table_uri",
    "lance.dataset.LanceDataset": "uri",
    "lancedb.db.LanceDBConnection": "uri",
    "lancedb.table.LanceTable": "_conn.uri",
    "zarr.core.group.Group": "store.store",
    "zarr.core.array.Array": "store.store",
    "tiledb.vfs.VFS": "",
    "obstore.store.S3Store": "",
    "obstore.fsspec.FsspecStore": "protocol",
    "pyiceberg.table.Table": "metadata_location",
    # These keep workers instead.
    "ipyparallel.client.client.Client": "",
    "ipyparallel.cluster.cluster.Cluster": "",
}

#: Types whose objects don't have such an attribute, and whether an object is a handle.
HANDLE_TESTS: dict[str, Callable[[Any], bool]] = {
    "pyarrow.parquet.core.ParquetFile": _reads_s3,
    "pyarrow.lib.NativeFile": _is_file_in_s3,
    "icechunk.repository.Repository": _is_icechunk_in_s3,
    "icechunk.session.Session": _is_icechunk_in_s3,
    "minio.api.Minio": _looks_for_credentials,
    "polars.lazyframe.frame.LazyFrame": _may_be_in_s3,
}

_KEEPS = "was opened in S3 as another identity, which it keeps: open it again"
_MAY_KEEP = "keeps the identity that it was opened with, if it reads from S3: open it again"
_ENGINES = "keeps another identity in its engines: start the cluster again"

#: What the card says about handles, unless it is `_KEEPS`.
_SAYS = {
    "polars.lazyframe.frame.LazyFrame": _MAY_KEEP,
    "pyarrow._dataset.Scanner": _MAY_KEEP,
    "ipyparallel.client.client.Client": _ENGINES,
    "ipyparallel.cluster.cluster.Cluster": _ENGINES,
}


def _can_be_handle(value: object) -> bool:
    kind = _type_of(value)
    return kind in HANDLES or kind in HANDLE_TESTS


def is_handle(value: object) -> bool:
    """Return whether an object uses S3 with the credentials from when it was opened."""
    kind = _type_of(value)
    try:
        if kind in HANDLE_TESTS:
            return HANDLE_TESTS[kind](value)
        if kind not in HANDLES:
            return False
        if HANDLES[kind] == "":
            return True
        used = attrgetter(HANDLES[kind])(value)
    except Exception:  # noqa: BLE001  # an incomplete object, or another version of the library
        return False
    return str(used).startswith("s3") or is_handle(used)


@dataclass(slots=True)
class _Opened:
    """An object, which this doesn't keep alive, and the identity with which it was opened.

    ``is_handle`` is whether it has been found to be a handle. A lazy object can become one.
    """

    reference: ref[object]
    label: Label | None
    is_handle: bool = False


class OpenedBefore:
    """The handles and worker processes that were opened so far, with their identities."""

    def __init__(self) -> None:
        #: By the object's ID, because the user can rename a variable.
        self._handles: dict[int, _Opened] = {}
        self._workers: dict[tuple[str, object], Label | None] = {}

    def note(self, namespace: Mapping[str, object], active: Label | None) -> None:
        """Record handles and workers that were opened since the last call, with this identity."""
        for key, opened in list(self._handles.items()):
            if opened.reference() is None:
                del self._handles[key]
        for name, value in list(namespace.items()):
            if not name.startswith("_") and _can_be_handle(value):
                opened = self._handles.setdefault(id(value), _Opened(ref(value), active))
                opened.is_handle = opened.is_handle or is_handle(value)
        self._workers = {worker: self._workers.get(worker, active) for worker in _workers()}

    def handles(self, namespace: Mapping[str, object]) -> Iterator[tuple[Leftover, Label | None]]:
        """Yield a namespace's handles, with the identity that they were opened with."""
        for name, value in list(namespace.items()):
            opened = self._handles.get(id(value))
            if opened is None or opened.reference() is not value or name.startswith("_"):
                continue
            if opened.is_handle or is_handle(value):
                yield Leftover(name, _SAYS.get(_type_of(value), _KEEPS)), opened.label

    def workers(self, active: Label | None, lent: Iterable[Workers]) -> Iterator[Leftover]:
        """Yield the worker processes that were started with a different identity."""
        moved = {("dask", process) for workers in lent for process in workers.processes()}
        former: set[str] = set()
        for worker in _workers():
            if worker not in moved and self._workers.get(worker, active) != active:
                former.add(worker[0])
        for library in sorted(former):
            yield Leftover(library, f"keeps another identity in its workers: {_WORKERS[library]}")


# Workers ------------------------------------------------------------------------------------------


#: What to do about a library's workers.
_WORKERS = {
    "multiprocessing": "start new ones",
    "dask": "run `client.restart()`",
    "ray": "run `ray.shutdown()`, then `ray.init()`",
}

#: What the card says about clusters that this kernel hasn't started.
_ELSEWHERE = "uses the identity of its cluster's machines, whatever is active: give them a role"

_DASK = "distributed.client.Client"
_IPYPARALLEL = "ipyparallel.client.client.Client"

_STARTERS = {
    *("concurrent.futures.process.ProcessPoolExecutor", "multiprocessing.pool.Pool"),
    *(_DASK, _IPYPARALLEL),
    "loky.process_executor.ProcessPoolExecutor",
    "loky.reusable_executor._ReusablePoolExecutor",
    "joblib.externals.loky.process_executor.ProcessPoolExecutor",
    "joblib.externals.loky.reusable_executor._ReusablePoolExecutor",
}


def starts_workers(value: object) -> bool:
    """Return whether an object runs code in processes that were started with an identity."""
    ray = _running_ray()
    if ray and value is ray:
        return True
    return _type_of(value) in _STARTERS


def _workers() -> Iterator[tuple[str, object]]:
    """Yield the worker processes, each with its library and something that identifies it."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing:
        for process in multiprocessing.active_children():
            library = "multiprocessing"
            if process.name.startswith("Dask Worker"):
                library = "dask"
            yield library, process.pid
    ray = _running_ray()
    if ray and _is_own(ray):
        yield "ray", ray.get_runtime_context().gcs_address


def _running_ray() -> ModuleType | None:
    """Return the module, if a cluster is in use."""
    ray = sys.modules.get("ray")
    if ray and ray.is_initialized():
        return ray
    return None


def _is_own(ray: ModuleType) -> bool:
    """Return whether this kernel has started Ray's cluster, instead of attaching to it."""
    with suppress(AttributeError):  # another version
        node = ray._private.worker._global_node  # noqa: SLF001  # Ray has no public name for it
        return node is not None and bool(node.is_head())
    return True


def _about_clusters(
    variables: Mapping[str, Any], active: Label, lent: Mapping[str, Workers]
) -> Iterator[Leftover]:
    """Yield what uses clusters that this kernel hasn't started."""
    for name, value in variables.items():
        kind = _type_of(value)
        if kind == _DASK and value.status == "running":
            yield from _about_dask(name, value, active, lent)
        elif kind == _IPYPARALLEL and value.cluster is None:
            yield Leftover(name, _ELSEWHERE)
    ray = _running_ray()
    if ray and not _is_own(ray):
        yield Leftover("ray", _ELSEWHERE)


def _about_dask(
    name: str, client: Any, active: Label, lent: Mapping[str, Workers]
) -> Iterator[Leftover]:
    """Yield a Dask client whose workers sign as another identity."""
    address = client.scheduler.address
    cluster = _type_of(client.cluster)
    label = lent[address].label if address in lent else None
    call = f"call `libraries.dask_workers({name})`"
    says = f"has workers that sign as their machines' identity: to move them, {_IMPORT} {call}"
    if label:
        says = f"has workers that sign as {label.text_beside(active)}: after a switch, {call}"
    elif cluster == "distributed.deploy.local.LocalCluster":  # its workers are the kernel's
        return
    elif cluster.startswith("coiled."):
        send = f"`{name}.cluster.send_credentials()`"
        says = f"has workers with the credentials that Coiled has sent: run {send}"
    if label != active:
        yield Leftover(name, says)
