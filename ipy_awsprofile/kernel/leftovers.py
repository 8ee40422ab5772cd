"""What doesn't follow a switch: the lines on the card.

Only the notebook's variables are searched, not the objects in them.
"""

# botocore has no public API for the credentials of a session or a client

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import ref

from botocore.client import BaseClient

from ipy_awsprofile.config.files import Section, read_config
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.kernel.gate import Label, label_of
from ipy_awsprofile.kernel.places import ENDPOINT, FOLLOWERS
from ipy_awsprofile.kernel.show import ABSENT
from ipy_awsprofile.text import number_of, redacted_urls

if TYPE_CHECKING:
    from ipy_awsprofile.kernel.show import Kernel


@dataclass(frozen=True, slots=True)
class Leftover:
    """A variable or library such as ``s3``, and what the card says about it: "still signs as X"."""

    name: str
    says: str


_IMPORT = "`from ipy_awsprofile import libraries`, then"

#: Libraries that don't follow by themselves, and what to do.
_INDEPENDENT = {
    "daft": "keeps the credentials of its first read until the kernel is restarted",
    "duckdb": "doesn't follow by itself: "
    f"{_IMPORT} call `libraries.duckdb_secret(session)`, which follows each switch",
    "pyspark": f"doesn't follow: {_IMPORT} read with `**libraries.spark_options(session)`",
}


def _scheme_of(filesystem: Any) -> str:
    return str(getattr(filesystem, "base_fs", filesystem).type_name)


def _scheme_of_file(file: Any) -> str:
    # pyarrow reads the metadata of an S3 file when opening it. Local files have none.
    return "s3" if not file.closed and file.readable() and "ETag" in file.metadata() else ""


#: Objects that read without botocore, and functions that return their address, or its scheme.
READERS: dict[str, Callable[[Any], str]] = {
    "pyarrow._s3fs.S3FileSystem": _scheme_of,
    "pyarrow._fs.SubTreeFileSystem": _scheme_of,
    "pyarrow._dataset.FileSystemDataset": lambda one: _scheme_of(one.filesystem),
    "pyarrow.parquet.core.ParquetDataset": lambda one: _scheme_of(one.filesystem),
    "pyarrow.parquet.core.ParquetFile": lambda one: max(
        _scheme_of_file(file)
        for file in gc.get_referents(one.reader)
        if type(file).__module__ == "pyarrow.lib"
    ),
    "pyarrow.lib.NativeFile": _scheme_of_file,
    "deltalake.table.DeltaTable": lambda one: one.table_uri,
    "lance.dataset.LanceDataset": lambda one: one.uri,
    "obstore.store.S3Store": lambda _one: "s3",
    "obstore.fsspec.FsspecStore": lambda one: one.protocol,
    "pyiceberg.table.Table": lambda one: one.metadata_location,
}


def is_reader(value: Any) -> bool:
    """Return whether an object reads from S3 with the credentials from when it was opened."""
    kind = type(value)
    address = READERS.get(f"{kind.__module__}.{kind.__qualname__}")
    with suppress(Exception):  # an incomplete object, or another version of the library
        return address is not None and address(value).startswith("s3")
    return False


class OpenedBefore:
    """The readers and worker processes that were opened so far, with their identities."""

    def __init__(self) -> None:
        self._readers: dict[str, tuple[ref[Any], Label | None]] = {}
        self._workers: dict[int | None, Label | None] = {}

    def note(self, namespace: Mapping[str, Any], active: Label | None) -> None:
        """Record readers and workers that were opened since the last call, with this identity."""
        before, self._readers = self._readers, {}
        for name, value in list(namespace.items()):
            if not name.startswith("_") and is_reader(value):
                is_known = name in before and before[name][0]() is value
                self._readers[name] = before[name] if is_known else (ref(value), active)
        pids = [one.pid for one in _workers()]
        self._workers = {pid: self._workers.get(pid, active) for pid in pids}

    def leftovers(self, namespace: Mapping[str, Any], active: Label | None) -> Iterator[Leftover]:
        """Yield readers and workers that were opened with a different identity."""
        for name, (value, label) in self._readers.items():
            if label != active and name in namespace and namespace[name] is value():
                says = "was opened in S3 as another identity, which it keeps: open it again"
                yield Leftover(name, says)
        if former := [one for one in _workers() if self._workers.get(one.pid, active) != active]:
            many = number_of(len(former), "process was", "processes were")
            says = f"{many} started as another identity, and keep it: start them again"
            yield Leftover("multiprocessing", says)


def _workers() -> list[Any]:
    multiprocessing = sys.modules.get("multiprocessing")
    return multiprocessing.active_children() if multiprocessing else []


def leftovers(
    kernel: Kernel, namespace: Mapping[str, Any], active: Label, before: OpenedBefore
) -> Iterator[Leftover]:
    """Yield what doesn't follow the active identity."""
    with suppress(AwsProfileError):  # a file is malformed
        name, profiles = active.profile, read_config().profiles
        if os.environ.get("AWS_PROFILE") == name and name not in profiles:
            says = "isn't in the config files anymore. Child processes and `boto3.Session()` fail"
            yield Leftover(name, f"{says} until you run `%aws_profile NAME` with its new name")
        if (url := ENDPOINT.get()) is not ABSENT and _have_different_endpoints(profiles.values()):
            says = f"makes child processes use {redacted_urls(url)} for S3, even for other profiles"
            yield Leftover("AWS_ENDPOINT_URL_S3", f"{says}: use a `%%aws_profile NAME` cell")
    for place in kernel.changed():
        if place.readers:
            yield Leftover(place.name, f"was changed after the switch: {place.readers}")
    for name, value in list(namespace.items()):
        label = None if name.startswith("_") else label_of(_credentials_in(value))
        if label and not label.is_chosen and label != active:
            code = _code_for(value, name)
            yield Leftover(name, f"still signs as {label.text_beside(active)}: {code}")
    yield from before.leftovers(namespace, active)
    yield from _libraries_in_use(namespace)


def _have_different_endpoints(profiles: Iterable[Section]) -> bool:
    # Indented blocks are dicts.
    settings = ((one.get("endpoint_url"), one.get("services")) for one in profiles)
    return any(one != other for one, other in pairwise(settings))


def _credentials_in(value: Any) -> Any:
    """Return the credentials of a client, resource, session or filesystem, if it has found any."""
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    if package not in {"boto3", "botocore", "aiobotocore", "s3fs", "ipy_awsprofile"}:
        return None
    if package == "s3fs":
        value = getattr(value, "_s3", None)  # None until its first request
    value = getattr(getattr(value, "meta", None), "client", value)  # a resource
    session = getattr(value, "_session", value)  # a boto3 session
    signer = getattr(value, "_request_signer", None)
    return getattr(signer or session, "_credentials", None)


def _code_for(value: Any, name: str) -> str:
    if isinstance(value, BaseClient):
        region = value.meta.region_name
        service = value.meta.service_model.service_name
        return f'run `{name} = session.client("{service}", region_name="{region}")`'
    return "create it again"


def _libraries_in_use(namespace: Mapping[str, Any]) -> Iterator[Leftover]:
    """Yield the libraries imported in the notebook that find credentials on their own.

    Libraries that only other libraries import aren't included, except daft, which keeps credentials
    for the whole process. For example, awswrangler imports pyarrow's S3 filesystem but uses boto3.
    """
    modules = [one.__name__ for one in namespace.values() if isinstance(one, ModuleType)]
    imported = {name.partition(".")[0] for name in modules} | ({"daft"} & sys.modules.keys())
    for library, advice in _INDEPENDENT.items():
        if library in imported and library not in FOLLOWERS:
            yield Leftover(library, advice)
