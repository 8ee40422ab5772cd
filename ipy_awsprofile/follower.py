"""Find the record (a `Follower`) that describes how a switch updates a library.

Libraries that use only boto3 or the environment don't need a record. The records are in the folder
`followers`, where each file contains the record of a library, or several short records. `INDEX`
maps the name of each library to its file. A file is imported only if its library is imported, so a
kernel loads only the records of the libraries that it uses. To add a library, see the section `Add
a library` in CONTRIBUTING.
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
    from ipy_awsprofile.label import Label
    from ipy_awsprofile.place import Place
    from ipy_awsprofile.sessions.session import ProfileSession

#: The file in the folder `followers` for each package. A switch clears the packages' caches in this
#: order. If two packages know the same process, as Dask and `multiprocessing` do, the card names
#: the first package.
INDEX: Mapping[str, str] = {
    # Filesystems, and libraries with filesystems.
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

#: Packages with settings that must be set before code for many profiles imports the package. If
#: they are installed, their records are used even before they are imported.
BEFORE_IMPORT = ("s3fs",)


# What a record says -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leftover:
    """A variable or library that keeps another identity, with the statement that the card shows.

    ``name`` is the name of the variable or library, such as ``s3``, and ``says`` is the rest of the
    sentence, such as "still signs as X".
    """

    name: str
    says: str

    def __str__(self) -> str:
        """Return the sentence that the card shows."""
        return f"`{self.name}` {self.says}."


@dataclass(frozen=True, slots=True)
class Notebook:
    """The state of a notebook that determines what the card says about a library.

    ``variables`` contains the notebook's variables. ``active`` is the active identity, or None if
    no profile is active. ``lent`` maps the addresses of clusters to the identities that the
    clusters use.
    """

    variables: Mapping[str, object]
    active: Label | None
    lent: Mapping[str, Label | None]

    def uses(self, package: str) -> bool:
        """Return whether any variable in the notebook is a module or object of the package."""
        return package in map(package_of, self.variables.values())


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that AWS refused, with the details that a library's error contains.

    ``code`` is AWS's error code, such as AccessDenied, or an empty string if the response doesn't
    have a body. ``operation`` is the name of the AWS operation, such as PutObject, or the HTTP
    method of the request, such as PUT. ``parsed`` is the response that botocore parsed.
    ``was_unsigned`` is true if the library didn't have credentials and may not have sent the
    request. ``about_library`` is the card's statement about a library that keeps its own
    credentials.
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
    """A cache of clients, sessions or credentials that a module of a library keeps for new objects.

    ``clear`` is a function that takes the module and clears the cache, or the name of a function in
    the module, such as ``Model.reset``.
    """

    module: str
    clear: Callable[[ModuleType], object] | str


#: The card's sentences about objects that were opened in S3.
KEEPS = "was opened in S3 as another identity, which it keeps: open it again"
MAY_KEEP = "may keep the identity that it was opened with, if it reads from S3: open it again"

#: The card's sentence about clusters that this kernel didn't start.
ELSEWHERE = "uses the identity of its cluster's machines, not the active one: give them a role"

#: The beginning of a sentence that tells the user to call a function of `ipy_awsprofile.libraries`.
IMPORT = "`from ipy_awsprofile import libraries`, then"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """A type of object that uses S3 without botocore and keeps the identity it was opened with.

    ``address`` is the name of an object's attribute that contains either an address or another
    handle that the object uses. If the objects don't have an attribute with an address, set
    ``test`` to a function that returns whether an object is a handle. If neither ``address`` nor
    ``test`` is set, every object of the type is a handle. ``says`` is the card's statement about
    the object and tells the user what to do.
    """

    address: str = ""
    test: Callable[[Any], bool] | None = None
    says: str = KEEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """A record that describes what a switch must do so that a package uses the new identity.

    ``why`` explains why setting the environment and boto3's default session isn't enough for the
    package, and ``tried`` lists the versions that were tested. All other attributes are optional.
    """

    package: str
    why: str
    tried: str
    #: The package's caches, which each switch clears, in this process and in workers.
    caches: tuple[Cache, ...] = ()
    #: A function that is called at the end of each switch with the active session, or None. It must
    #: not call AWS.
    move: Callable[[ProfileSession | None], object] | None = None
    #: A function that returns the variables and settings (places) for a session, with their values.
    places: Callable[[ProfileSession], Mapping[Place, object]] | None = None
    #: A function that returns the places while code runs for many profiles in several threads.
    places_of_run: Callable[[], Mapping[Place, object]] | None = None
    #: The names of attributes in which the package's objects keep botocore credentials.
    credentials: tuple[str, ...] = ()
    #: The types of open objects that keep their identity. The card lists such objects, and code
    #: for many profiles can't use them.
    handles: Mapping[str, Handle] = field(default_factory=dict)
    #: The name of the attribute in which the package's clients keep their Region.
    region: str = ""
    #: A function that returns whether an object runs code in processes with their own identity.
    #: Code for many profiles can't use such objects.
    starts_workers: Callable[[Any], bool] | None = None
    #: A function that identifies the running processes, which keep the identity that they were
    #: started with, and the card's advice on how to restart them.
    processes: Callable[[], Iterable[object]] | None = None
    restart: str = ""
    #: A function that returns more lines for the card.
    about: Callable[[Notebook], Iterable[Leftover]] | None = None
    #: A function that returns the refusal of AWS that caused an error, or None.
    read_refusal: Callable[[BaseException], Refusal | None] | None = None
    #: How code for many profiles passes `session` to the package, or "" if that happens by itself.
    in_run: str = ""


# The records --------------------------------------------------------------------------------------


def followers() -> list[Follower]:
    """Return the records of the imported packages, in the order of `INDEX`."""
    return [_record_of(package) for package in INDEX if _is_imported(package)]


def followers_of_run() -> list[Follower]:
    """Return the records of packages that code for many profiles uses or might import.

    The result covers the imported packages and the installed packages in `BEFORE_IMPORT`.
    """
    early = set(filter(_is_installed, BEFORE_IMPORT))
    return [_record_of(package) for package in INDEX if _is_imported(package) or package in early]


def all_followers() -> list[Follower]:
    """Return the records of all packages, for processes that might import any of the packages."""
    return [_record_of(package) for package in INDEX]


def follower_of(value: object) -> Follower | None:
    """Return the record of the package that a module or an object's type belongs to, or None."""
    package = _module_of(value)
    while package and package not in INDEX:
        package = package.rpartition(".")[0]
    return _record_of(package) if package else None


@cache
def _record_of(package: str) -> Follower:
    """Import the file that contains a package's record, and return the record."""
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
    """Return the name of the top-level package of a module, or of the type of an object."""
    return _module_of(value).partition(".")[0]


def _module_of(value: object) -> str:
    return value.__name__ if isinstance(value, ModuleType) else type(value).__module__


def type_of(value: object) -> str:
    """Return the full name of an object's type, such as ``pyarrow.fs.S3FileSystem``."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def is_one_of(*types: str) -> Callable[[object], bool]:
    """Return a function that tests whether the full name of an object's type is in ``types``."""

    def test(value: object) -> bool:
        return type_of(value) in types

    return test


def is_error_of(error: BaseException, module: str, name: str) -> bool:
    """Return whether an error is an instance of a class, without importing the class.

    ``module`` and ``name`` identify the class, and instances of subclasses also count.
    """
    kinds = type(error).__mro__
    return any((kind.__module__, kind.__name__) == (module, name) for kind in kinds)
