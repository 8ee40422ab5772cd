"""Objects that read from S3 without botocore, and don't show which identity they sign as.

They keep the identity that was active when they were opened. The next switch records that identity,
because no other was active until then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.owner import known_keys, owner_of
from ipy_awsprofile.bindings.search import beneath, module_of, search

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.owner import Owner
    from ipy_awsprofile.sessions.session import ProfileSession


@dataclass(frozen=True, slots=True, repr=False)
class _Opened:
    """How an object keeps an identity.

    ``filesystem`` is code for a new pyarrow filesystem, and ``key`` is the access key that the user
    passed, if any.
    """

    filesystem: str = ""
    key: str | None = None


class OpenReaders:
    """The notebook's open readers."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Owner | None]] = {}

    def note(self, namespace: Mapping[str, Any], session: ProfileSession | None) -> None:
        """Record the session as the owner of everything opened since the last call.

        Objects that the user opened with other access keys aren't recorded.
        """
        owner = owner_of(session) if session else None
        keys = {None, *(known_keys(session) if session else ())}
        self._known = {
            id(found.value): self._known.get(id(found.value)) or (found.value, owner)
            for found in search(namespace, _opened)
            if id(found.value) in self._known or found.what.key in keys
        }

    def from_before(self, namespace: Mapping[str, Any]) -> Iterator[tuple[str, Owner | None, str]]:
        """Yield each variable that keeps an identity: its name, the owner, and code to reopen it.

        The code is empty if the object doesn't show how the user opened it.
        """
        for found in search(namespace, _opened):
            known = self._known.get(id(found.value))
            if known:
                code = _CODE.get(_kind(namespace.get(found.name)), "")
                yield found.name, known[1], code.format(name=found.name, fs=found.what.filesystem)


_ARROW = "from pyarrow.fs import S3FileSystem; "

#: Code to reopen a variable, by its type.
_CODE = {
    "pyarrow._s3fs.S3FileSystem": f"{_ARROW}{{name}} = {{fs}}",
    "pyarrow._fs.SubTreeFileSystem": f"{_ARROW}"
    "{name} = type({name})({name}.base_path, {fs})",
    "pyarrow._dataset.FileSystemDataset": f"{_ARROW}{{name}} = type({{name}}).from_paths("
    "{name}.files, {name}.schema, {name}.format, {fs}, "
    "[part.partition_expression for part in {name}.get_fragments()])",
    "pyarrow.parquet.core.ParquetDataset": f"{_ARROW}{{name}} = type({{name}})("
    "{name}.files, filesystem={fs}, schema={name}.schema, filters={name}._filter_expression)",
    "obstore.store.S3Store": "{name} = type({name})(config={name}.config, prefix={name}.prefix, "
    "client_options={name}.client_options)",
    "obstore.fsspec.FsspecStore": "{name} = type({name})("
    "*{name}.storage_args, **{name}.storage_options)",
    "pyiceberg.io.pyarrow.PyArrowFileIO": "{name} = type({name})({name}.properties)",
    "pyiceberg.table.Table": "{name} = {name}.catalog.load_table({name}.name())",
    "deltalake.table.DeltaTable": "{name} = type({name})("
    "{name}.table_uri, storage_options={name}._storage_options)",
    "lance.dataset.LanceDataset": "import lance; {name} = lance.dataset({name}.uri)",
}

#: Packages with objects that read from S3 without botocore.
_PACKAGES = ("pyarrow.", "obstore.", "deltalake.", "lance.")

#: pyarrow's file classes, which can read from S3.
_FILES = {"NativeFile", "BufferedInputStream", "CompressedInputStream"}


def _kind(value: Any) -> str:
    return module_of(value) + type(value).__qualname__


def _opened(value: Any) -> _Opened | None:
    """Return how an object keeps an identity, or None if it isn't open in S3 or doesn't sign."""
    if module_of(value).startswith(_PACKAGES):
        with suppress(Exception):  # an incomplete object, or another version of the library
            return _kept(value)
    return None


def _kept(value: Any) -> _Opened | None:
    match _kind(value).rpartition("."):
        case "pyarrow._s3fs", _, "S3FileSystem":
            return _of_pyarrow(value)
        case "pyarrow.lib", _, name if name in _FILES:
            # pyarrow reads the metadata of an S3 file when opening it. Local files have none.
            is_in_s3 = not value.closed and value.readable() and "ETag" in value.metadata()
            return _Opened() if is_in_s3 else None
        case "obstore.store", _, "S3Store":
            is_own = value.credential_provider or _names_credentials(value.config)
            return None if is_own else _Opened()
        case "deltalake.table", _, "DeltaTable":
            return _of_uri(value.table_uri, value._storage_options)  # noqa: SLF001
        case "lance.dataset", _, "LanceDataset":
            return _of_uri(value.uri, value._storage_options)  # noqa: SLF001
    through = (_kept(one) for one in beneath(value) if _kind(one) == "pyarrow._s3fs.S3FileSystem")
    return next(filter(None, through), None)


def _of_uri(uri: str, options: Mapping[str, Any] | None) -> _Opened | None:
    return _Opened() if uri.startswith("s3") and not _names_credentials(options or {}) else None


def _names_credentials(options: Mapping[str, Any]) -> bool:
    """Return whether options of Rust's object_store contain access keys, or turn signing off."""
    return any("access_key" in name.lower() or "skip_signature" in name.lower() for name in options)


def _of_pyarrow(filesystem: Any) -> _Opened | None:
    options = filesystem.__reduce__()[1][0]  # its arguments, when pickled
    if options["anonymous"] or options["role_arn"]:
        return None
    wanted = {"region": options["region"]}
    if options["endpoint_override"]:
        wanted |= {name: options[name] for name in ("endpoint_override", "scheme")}
    arguments = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
    return _Opened(f"S3FileSystem({arguments})", key=options["access_key"] or None)
