"""Objects that have opened a place in S3, and don't show as who they sign.

Who was active when one was opened is noted at the next switch: until then, it was that identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.namespace import variables

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.owners import Owner


@dataclass(frozen=True, slots=True)
class OpenReader:
    """A variable's object, and its identity (None: from before the first switch)."""

    value: Any
    owner: Owner | None


class OpenReaders:
    """The notebook's open readers."""

    def __init__(self) -> None:
        self._known: dict[str, OpenReader] = {}

    def note(self, namespace: Mapping[str, Any], owner: Owner | None) -> None:
        """Note whose the readers are that have been opened since the last time."""
        self._known = {
            name: known
            if (known := self._known.get(name)) and known.value is value
            else OpenReader(value, owner)
            for name, value in variables(namespace).items()
            if _again(value)
        }

    def from_before(self, namespace: Mapping[str, Any]) -> Iterator[tuple[str, Owner | None, str]]:
        """Yield the name of each reader from before the last switch, its owner, and new code."""
        for name, known in self._known.items():
            if namespace.get(name) is known.value and (again := _again(known.value)):
                yield name, known.owner, again


def _again(value: Any) -> str:
    """Return the code that opens a reader again; empty if it isn't one, or doesn't sign.

    ``{name}`` stands for the variable.
    """
    kind = type(value)
    match kind.__module__, kind.__name__:
        case "pyarrow._s3fs", "S3FileSystem":
            return _pyarrow(value.__reduce__()[1][0])  # its arguments, when pickled
        case "obstore.store", "S3Store":
            bucket = value.config.get("bucket")
            return f"from obstore.store import S3Store; {{name}} = S3Store({bucket!r})"
        case "deltalake.table", "DeltaTable" if value.table_uri.startswith("s3"):
            return f"from deltalake import DeltaTable; {{name}} = DeltaTable({value.table_uri!r})"
        case "lance.dataset", "LanceDataset" if value.uri.startswith("s3"):
            return f"import lance; {{name}} = lance.dataset({value.uri!r})"
    return ""


def _pyarrow(options: Mapping[str, Any]) -> str:
    if options["anonymous"]:
        return ""
    wanted = {"region": options["region"]}
    if options["endpoint_override"]:
        wanted |= {name: options[name] for name in ("endpoint_override", "scheme")}
    arguments = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
    return f"from pyarrow.fs import S3FileSystem; {{name}} = S3FileSystem({arguments})"
