"""botocore's service models and endpoint data, loaded once for all sessions.

A botocore session has a data loader, which reads and keeps the models of each service anew: tens
of milliseconds and megabytes. Our sessions have one each, too, because its search paths are the
session's own; but loaders that search the same files share what they have loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any

from botocore.loaders import Loader, create_loader

#: One thread loads at a time: what ships beside a model is merged into the loaded one.
_loading = RLock()
if hasattr(os, "register_at_fork"):  # a child that is forked meanwhile would wait for ever
    os.register_at_fork(
        before=_loading.acquire,
        after_in_parent=_loading.release,
        after_in_child=_loading.release,
    )


class SessionLoader(Loader):
    """The ``data_loader`` of one session: search paths of its own, data that sessions share.

    ``data_path`` is what ``AWS_DATA_PATH`` or the profile names, searched before the user's own
    models in ``~/.aws/models`` and those of botocore.

    https://botocore.amazonaws.com/v1/documentation/api/latest/reference/loaders.html
    """

    def __init__(self, data_path: str | None) -> None:
        super().__init__(create_loader(data_path).search_paths, include_default_search_paths=False)
        self._found: tuple[list[str], Loader] | None = None

    def list_available_services(self, type_name: str) -> list[str]:
        """List the services that have data of a type, such as ``service-2``."""
        with _loading:
            return list(self._shared().list_available_services(type_name))

    def determine_latest_version(self, service_name: str, type_name: str) -> str:
        """Say which API version of a service is the latest."""
        with _loading:
            return self._shared().determine_latest_version(service_name, type_name)

    def list_api_versions(self, service_name: str, type_name: str) -> list[str]:
        """List the API versions of a service."""
        with _loading:
            return list(self._shared().list_api_versions(service_name, type_name))

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        """Load a model with what is merged into it. The result is shared."""
        with _loading:
            return self._shared().load_service_model(service_name, type_name, api_version)

    def load_data_with_path(self, name: str) -> tuple[dict[str, Any], str]:
        """Load a data file, and say where it was found. The data is shared."""
        with _loading:
            return self._shared().load_data_with_path(name)

    def _shared(self) -> Loader:
        """Find the loader for the search paths as they are now: boto3 and users add to them."""
        if self._found is None or self._found[0] != self.search_paths:
            paths = list(self.search_paths)
            self._found = paths, _loader_of(tuple(paths), frozenset(_users_models(paths)))
        return self._found[1]


@lru_cache(maxsize=4)
def _loader_of(paths: tuple[str, ...], _state: frozenset[_FileState]) -> Loader:
    return Loader(list(paths), include_default_search_paths=False)


_FileState = tuple[str, int, int]


def _users_models(paths: Iterable[str]) -> Iterator[_FileState]:
    """Tell the models that the user has now from those of later: ``aws configure add-model``.

    Those of packages, which are thousands, stay as they are while the kernel runs.
    """
    for path in paths:
        if Path(path).parent.joinpath("__init__.py").is_file():
            continue
        for folder, _, names in os.walk(path):
            for name in names:
                with suppress(OSError):  # gone meanwhile, or a link that leads nowhere
                    file = os.path.join(folder, name)
                    status = os.stat(file)
                    yield file, status.st_mtime_ns, status.st_size
