"""Load botocore's service models and endpoint data once for all sessions.

The data loader of each botocore session reads all models of a service again, which takes tens of
milliseconds and megabytes. Our sessions also have a loader each, because search paths belong to a
session, but loaders with the same search paths share their data.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from threading import RLock
from typing import Any

from botocore.loaders import Loader, create_loader

#: The model of STS's GetScopedCredentials, which older versions of botocore don't have. botocore
#: merges ``…-extras.json`` into its own model.
MODELS = os.path.join(os.path.dirname(__file__), "models")

#: One thread loads at a time, because botocore merges additional files into a loaded model.
_loading = RLock()
if hasattr(os, "register_at_fork"):  # otherwise, a process forked meanwhile would deadlock
    os.register_at_fork(
        before=_loading.acquire,
        after_in_parent=_loading.release,
        after_in_child=_loading.release,
    )


class SessionLoader(Loader):
    """The ``data_loader`` of a session, which shares its data with other sessions.

    ``data_path`` is the value of ``AWS_DATA_PATH`` or of the profile's setting. It takes precedence
    over the user's models in ``~/.aws/models`` and botocore's models.

    https://botocore.amazonaws.com/v1/documentation/api/latest/reference/loaders.html
    """

    def __init__(self, data_path: str | None) -> None:
        paths = [*create_loader(data_path).search_paths, MODELS]
        super().__init__(paths, include_default_search_paths=False)
        self._paths_and_loader: tuple[list[str], Loader] | None = None

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the services with data of the given type, such as ``service-2``."""
        with _loading:
            return list(self._shared().list_available_services(type_name))

    def determine_latest_version(self, service_name: str, type_name: str) -> str:
        """Return the latest API version of a service."""
        with _loading:
            return self._shared().determine_latest_version(service_name, type_name)

    def list_api_versions(self, service_name: str, type_name: str) -> list[str]:
        """Return the API versions of a service."""
        with _loading:
            return list(self._shared().list_api_versions(service_name, type_name))

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        """Return a model with its extra files merged. Sessions share the result."""
        with _loading:
            return self._shared().load_service_model(service_name, type_name, api_version)

    def load_data_with_path(self, name: str) -> tuple[dict[str, Any], str]:
        """Return the data of a file, and its path. Sessions share the data."""
        with _loading:
            return self._shared().load_data_with_path(name)

    def _shared(self) -> Loader:
        """Return the loader for the current search paths, which boto3 and users can extend."""
        if self._paths_and_loader is None or self._paths_and_loader[0] != self.search_paths:
            paths = list(self.search_paths)
            self._paths_and_loader = (
                paths,
                _loader_of(tuple(paths), frozenset(_users_models(paths))),
            )
        return self._paths_and_loader[1]


@lru_cache(maxsize=4)
def _loader_of(paths: tuple[str, ...], _models: frozenset[_Model]) -> Loader:
    return Loader(list(paths), include_default_search_paths=False)


#: A file of a user's model: its path, modification time and size.
_Model = tuple[str, int, int]


def _users_models(paths: Iterable[str]) -> Iterator[_Model]:
    """Yield the files of the user's models, which ``aws configure add-model`` can change.

    The thousands of models in packages don't change while the kernel runs.
    """
    for path in paths:
        if os.path.isfile(os.path.join(os.path.dirname(path), "__init__.py")):
            continue
        for folder, _, names in os.walk(path):
            for name in names:
                with suppress(OSError):  # the file was just removed, or is a broken link
                    file = os.path.join(folder, name)
                    status = os.stat(file)
                    yield file, status.st_mtime_ns, status.st_size
