"""The record of a library that keeps, shows or asks for an identity on its own.

The records are in the folder `followers`: a file for a library, or for a family of libraries with a
few lines each. `INDEX` names the files. A file is imported only if its library is imported, so a
kernel has only the records of the libraries that it uses. To add a library, see CONTRIBUTING, `Add
a library`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipy_awsprofile.gate import Label
    from ipy_awsprofile.place import Place
    from ipy_awsprofile.sessions.session import ProfileSession

#: The file of each package, in the folder `followers`. A switch clears what the packages keep in
#: this order. If two know the same process, as Dask and `multiprocessing` do, the card names the
#: first one.
INDEX: Mapping[str, str] = {
    # Filesystems, and what contains them.
    "fsspec": "fsspec",
    "s3fs": "fsspec",
    "aiobotocore": "fsspec",
    "dask": "dask",
    "distributed": "dask",
    # Clients, sessions and credentials for new objects.
    "mlflow": "clients",
    "anthropic": "bedrock",
    "litellm": "bedrock",
    "redshift_connector": "databases",
    "pyogrio": "geodata",
    "osgeo": "geodata",
    "pymongo_auth_aws": "databases",
    "cloudpathlib": "clients",
    "aws_lambda_powertools": "clients",
    "prefect_aws": "clients",
    "sagemaker": "clients",
    "sagemaker_core": "clients",
    "pynamodb": "databases",
    "s3path": "clients",
    "polars": "polars",
    # Objects with their own S3 client.
    "pyarrow": "pyarrow",
    "deltalake": "object_store",
    "obstore": "object_store",
    "lance": "object_store",
    "lancedb": "object_store",
    "zarr": "open_objects",
    "icechunk": "open_objects",
    "tiledb": "open_objects",
    "minio": "open_objects",
    "pyiceberg": "open_objects",
    # What the user must do.
    "daft": "daft",
    "duckdb": "duckdb",
    "pyspark": "pyspark",
    # Processes, which end after everything that can use them.
    "ray": "ray",
    "ipyparallel": "ipyparallel",
    "joblib": "processes",
    "loky": "processes",
    "multiprocessing": "processes",
    "concurrent.futures.process": "processes",
}

#: Packages that a function can be the first to import in a run, whose places must be set before.
#: So if they are installed, a run reads their records in any case.
BEFORE_IMPORT = ("s3fs",)


# What a record says -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leftover:
    """A variable or library such as ``s3``, and what the card says about it: "still signs as X"."""

    name: str
    says: str

    def __str__(self) -> str:
        """Return the sentence of the card."""
        return f"`{self.name}` {self.says}."


@dataclass(frozen=True, slots=True)
class Notebook:
    """What the card's lines about a library depend on.

    ``variables`` are the notebook's, ``active`` is the active identity, or None after the last
    switch, and ``lent`` has the identities that clusters use, by their address.
    """

    variables: Mapping[str, object]
    active: Label | None
    lent: Mapping[str, Label | None]

    def uses(self, package: str) -> bool:
        """Return whether a variable has the package, one of its modules or one of its objects."""
        return package in map(package_of, self.variables.values())


@dataclass(frozen=True, slots=True)
class Refusal:
    """How AWS has refused a request, as far as the error says it.

    ``code`` is AWS's, such as AccessDenied, and empty if the response has no body. ``operation`` is
    AWS's, such as PutObject, or the request's HTTP method, such as PUT. ``parsed`` is the response
    as botocore has parsed it. A request without credentials ``was_unsigned``; it may not even have
    been sent. ``about_library`` is what the card says about a library that keeps credentials of its
    own.
    """

    code: str = ""
    status: int = 0
    operation: str = ""
    message: str = ""
    parsed: Mapping[str, Any] | None = None
    was_unsigned: bool = False
    about_library: Leftover | None = None


# What a record has --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cache:
    """What a module of a library keeps for new objects.

    ``clear`` is called with the module. If a function of the module clears it, ``clear`` is the
    function's name, such as ``Model.reset``.
    """

    module: str
    clear: Callable[[ModuleType], object] | str


#: What the card says of objects in S3.
KEEPS = "was opened in S3 as another identity, which it keeps: open it again"
MAY_KEEP = "keeps the identity that it was opened with, if it reads from S3: open it again"

#: What it says of clusters that this kernel hasn't started.
ELSEWHERE = "uses the identity of its cluster's machines, whatever is active: give them a role"

#: How a line begins that calls a function of `ipy_awsprofile.libraries`.
IMPORT = "`from ipy_awsprofile import libraries`, then"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """A type whose objects keep the identity with which they were opened.

    They use S3 without botocore. ``address`` is the attribute with an object's address, or with the
    handle that it uses. If there is no such attribute, ``test`` says whether an object is a handle.
    Without both, each object of the type is one. The card ``says`` what to do.
    """

    address: str = ""
    test: Callable[[Any], bool] | None = None
    says: str = KEEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """What a switch has to know about a package. All but the first three parts are optional.

    ``why`` says why the package doesn't simply follow the environment and boto3, and ``tried`` has
    the versions for which that was tried.
    """

    package: str
    why: str
    tried: str
    #: What it keeps of an identity for new objects. A switch clears it, and workers do.
    caches: tuple[Cache, ...] = ()
    #: Called at the end of each switch with the active session, or None. Must not call AWS.
    move: Callable[[ProfileSession | None], object] | None = None
    #: The places that show the identity of a session, with their values.
    places: Callable[[ProfileSession], Mapping[Place, object]] | None = None
    #: The places in a run over many profiles, whose threads share them.
    places_of_run: Callable[[], Mapping[Place, object]] | None = None
    #: The attributes in which objects of the package have botocore's credentials.
    credentials: tuple[str, ...] = ()
    #: The types of open objects that keep their identity. The card lists them; a run refuses them.
    handles: Mapping[str, Handle] = field(default_factory=dict)
    #: Whether an object runs code in processes with their own identity. A run refuses it.
    starts_workers: Callable[[Any], bool] | None = None
    #: Identifies the running processes, which keep the identity they were started with, and what
    #: the card tells the user to do about them.
    processes: Callable[[], Iterable[object]] | None = None
    restart: str = ""
    #: What else the card says.
    about: Callable[[Notebook], Iterable[Leftover]] | None = None
    #: Reads AWS's refusal in an error, if it is one.
    read_refusal: Callable[[BaseException], Refusal | None] | None = None


# The records --------------------------------------------------------------------------------------


def followers() -> list[Follower]:
    """Return the records of the imported packages, in the order of `INDEX`."""
    return [_record_of(package) for package in INDEX if _is_imported(package)]


def followers_of_run() -> list[Follower]:
    """Return the records for a run, even of some packages that its functions can import."""
    early = set(filter(_is_installed, BEFORE_IMPORT))
    return [_record_of(package) for package in INDEX if _is_imported(package) or package in early]


def all_followers() -> list[Follower]:
    """Return all records, for processes that can import any package."""
    return [_record_of(package) for package in INDEX]


def follower_of(value: object) -> Follower | None:
    """Return the record for a module, or for an object by the module of its type, if any."""
    package = _module_of(value)
    while package and package not in INDEX:
        package = package.rpartition(".")[0]
    return _record_of(package) if package else None


@cache
def _record_of(package: str) -> Follower:
    """Return the record of a package in `INDEX`, whose file is imported now."""
    file = import_module(f"ipy_awsprofile.followers.{INDEX[package]}")
    records: tuple[Follower, ...] = file.FOLLOWERS
    return next(record for record in records if record.package == package)


def _is_imported(package: str) -> bool:
    return sys.modules.get(package) is not None


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # it is None in `sys.modules`, or has no spec
        return False


def package_of(value: object) -> str:
    """Return the top-level package of a module, or of an object's type."""
    return _module_of(value).partition(".")[0]


def _module_of(value: object) -> str:
    return value.__name__ if isinstance(value, ModuleType) else type(value).__module__


def type_of(value: object) -> str:
    """Return the name of an object's type, with its module."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def is_one_of(*types: str) -> Callable[[object], bool]:
    """Return a function that returns whether an object's type has one of these names."""

    def test(value: object) -> bool:
        return type_of(value) in types

    return test


def is_error_of(error: BaseException, module: str, name: str) -> bool:
    """Return whether an error is of a class, or of one derived from it, without importing it."""
    kinds = type(error).__mro__
    # DuckDB's classes are in a module whose name has an underscore.
    return any((kind.__module__.lstrip("_"), kind.__name__) == (module, name) for kind in kinds)
