"""fsspec and s3fs: ``pd.read_csv("s3://…")``, Dask, pyarrow through fsspec.

https://filesystem-spec.readthedocs.io/en/latest/features.html#configuration
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.transaction import TRANSACTION, Transaction
from ipy_awsprofile.sessions.run_isolation import session_here

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.bindings.lending import LentProfile


@contextmanager
def filesystems(profile: LentProfile, transaction: Transaction = TRANSACTION) -> Iterator[None]:
    """Open ``s3://`` paths as the profile.

    The profile's name becomes a default argument of S3 filesystems. Arguments given by the user
    take precedence over it. fsspec caches filesystems by their arguments, so S3 filesystems are
    removed from the cache at the start and at the end.

    This doesn't import fsspec. If fsspec is imported later, it uses ``AWS_PROFILE``.
    """
    with _forgotten(transaction), _default_arguments(profile, transaction):
        yield


@contextmanager
def _forgotten(transaction: Transaction) -> Iterator[None]:
    try:
        yield
    finally:
        transaction.write(_CACHE, None, _clear_cache)


@contextmanager
def _default_arguments(profile: LentProfile, transaction: Transaction) -> Iterator[None]:
    config = getattr(sys.modules.get("fsspec.config"), "conf", None)
    if config is None:
        yield
        return

    actual, change = partial(config.get, "s3"), partial(_set_arguments, config)
    before: dict[str, Any] | None = transaction.read(_ARGUMENTS, actual)
    ours = {**(before or {}), "profile": profile.name}
    transaction.write(_ARGUMENTS, ours, change)
    transaction.write(_CACHE, None, _clear_cache)
    try:
        yield
    finally:
        is_ours = transaction.read(_ARGUMENTS, actual) is ours
        if is_ours and ours.get("profile") == profile.name:
            transaction.write(_ARGUMENTS, _without_profile(ours, before), change)


_ARGUMENTS = "fsspec's s3"
_CACHE = "fsspec's cache"


def _set_arguments(config: Any, arguments: MutableMapping[str, Any] | None) -> None:
    if arguments is None:
        config.pop("s3", None)
    else:
        config["s3"] = arguments


def _without_profile(ours: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the previous arguments, together with arguments that the user has added since."""
    kept = {name: value for name, value in ours.items() if name != "profile"}
    if before and "profile" in before:
        kept["profile"] = before["profile"]
    return before if kept == (before or {}) else kept


#: The maximum length of a chain of filesystems and files to follow.
_CHAINED = 8


def _clear_cache(_: None = None) -> None:
    """Remove S3 filesystems, and filesystems chained to one, from fsspec's cache.

    With a URL such as ``simplecache::s3://…``, the outer filesystem's arguments don't name a
    profile.

    https://filesystem-spec.readthedocs.io/en/latest/features.html#url-chaining
    """
    _clear_plans_of_dask()
    loaded = [getattr(sys.modules.get(name), kind, None) for name, kind in _OF_S3.items()]
    roots = tuple(filter(None, loaded))
    spec = sys.modules.get("fsspec.spec")
    if not roots or spec is None:
        return
    classes = [spec.AbstractFileSystem]
    for kind in classes:  # the list grows
        classes += kind.__subclasses__()
        for token, instance in list(kind._cache.items()):  # noqa: SLF001
            if _reads_s3(instance, roots):
                kind._cache.pop(token, None)  # noqa: SLF001


def _clear_plans_of_dask() -> None:
    """Clear Dask's cached plans, because they contain filesystems.

    Dask reuses a plan for a filesystem with the same arguments, and therefore for a different
    session of the same profile.
    """
    plans = getattr(sys.modules.get("dask.dataframe.dask_expr.io.parquet"), "_cached_plan", None)
    expression = getattr(sys.modules.get("dask._expr"), "Expr", None)
    kinds = [expression] if expression else []
    for kind in kinds:  # the list grows
        kinds += kind.__subclasses__()
    for cache in (plans, *(vars(kind).get("_instances") for kind in kinds)):
        if cache is not None:
            cache.clear()


#: The modules and classes of fsspec's S3 filesystems.
_OF_S3 = {"s3fs": "S3FileSystem", "obstore.fsspec": "FsspecStore"}


def _reads_s3(filesystem: Any, roots: tuple[type, ...]) -> bool:
    """Return whether a filesystem reads from S3, directly or through other filesystems or files."""
    for _ in range(_CHAINED):
        if isinstance(filesystem, roots):
            return True
        try:  # caching filesystems override attribute access
            values = object.__getattribute__(filesystem, "__dict__")
        except AttributeError:
            return False
        filesystem = values.get("fs") or values.get("fo")
    return False


#: Arguments of S3 filesystems that determine their identity.
CREDENTIALS = {"profile", "key", "secret", "token", "anon", "session", "username", "password"}

#: Returns the arguments for a session.
Arguments = Callable[["boto3.Session"], Mapping[str, Any]]


class _ArgumentsOfThread(MutableMapping[str, Any]):
    """Default arguments for the session of the calling thread's profile, or else the notebook's."""

    def __init__(self, of_notebook: dict[str, Any], arguments: Arguments) -> None:
        self._of_notebook = of_notebook
        self._arguments = arguments

    def _here(self) -> Mapping[str, Any]:
        if (session := session_here()) is None:
            return self._of_notebook
        kept = {name: self._of_notebook[name] for name in self._of_notebook.keys() - CREDENTIALS}
        return kept | dict(self._arguments(session))

    def __getitem__(self, name: str) -> Any:
        return self._here()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._here())

    def __len__(self) -> int:
        return len(self._here())

    def __setitem__(self, name: str, value: Any) -> None:
        self._of_notebook[name] = value

    def __delitem__(self, name: str) -> None:
        del self._of_notebook[name]


@contextmanager
def filesystems_of_threads(
    arguments: Arguments, transaction: Transaction = TRANSACTION
) -> Iterator[None]:
    """Open ``s3://`` paths as the calling thread's profile, in a ``with`` block.

    ``arguments`` returns the arguments for its session.
    """
    config = _config_for_s3fs()
    if config is None:
        yield
        return
    actual, change = partial(config.get, "s3"), partial(_set_arguments, config)
    before: dict[str, Any] | None = transaction.read(_ARGUMENTS, actual)
    ours = _ArgumentsOfThread({} if before is None else before, arguments)
    transaction.write(_ARGUMENTS, ours, change)
    try:
        yield
    finally:
        if transaction.read(_ARGUMENTS, actual) is ours:
            transaction.write(_ARGUMENTS, before, change)
        transaction.write(_CACHE, None, _clear_cache)


def _config_for_s3fs() -> Any:
    """Return fsspec's default arguments, or None if nothing here uses them for ``s3://`` paths.

    A function can be the first to import s3fs. The default arguments must be set before that.
    """
    if "fsspec.config" not in sys.modules:
        with suppress(ImportError, ValueError):
            if find_spec("s3fs"):
                import_module("fsspec.config")
    return getattr(sys.modules.get("fsspec.config"), "conf", None)
