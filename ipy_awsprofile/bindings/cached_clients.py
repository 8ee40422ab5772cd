"""Make libraries replace their cached clients and workers.

A switch and a run over many profiles clear their caches. During a run, MLflow creates a client for
each call, because all profiles would share its cache.
"""

from __future__ import annotations

import mimetypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ipy_awsprofile.bindings.child_processes import end_idle_workers
from ipy_awsprofile.bindings.gate import credentials_of, replace_attribute
from ipy_awsprofile.bindings.owner import is_users_choice
from ipy_awsprofile.bindings.shared import SharedBinding
from ipy_awsprofile.bindings.transaction import TRANSACTION, Transaction


@contextmanager
def cached_clients(transaction: Transaction = TRANSACTION) -> Iterator[None]:
    """Clear the cached clients and idle workers of these libraries, at the start and at the end.

    The libraries are MLflow, papermill, cloudpathlib and joblib. This doesn't import them. Running
    calls keep their client or worker.

    https://mlflow.org/docs/latest/self-hosting/architecture/artifact-store/
    https://papermill.readthedocs.io/en/latest/reference/papermill-storage.html
    https://cloudpathlib.drivendata.org/stable/authentication/
    """
    transaction.write("cached clients", None, _forget)
    try:
        yield
    finally:
        transaction.write("cached clients", None, _forget)


def _forget(_: None) -> None:
    _forget_clients()
    end_idle_workers()


def _forget_clients() -> None:
    clear = getattr(getattr(_mlflow(), _CACHED, None), "cache_clear", None)
    if clear:
        clear()
    papermill = getattr(sys.modules.get("papermill.s3"), "S3", None)
    if papermill is not None:
        papermill.s3_session = (None, None, None)
    client = _default_of_cloudpathlib()
    if client is not None and _has_no_arguments(client):
        type(client)._default_client = None  # noqa: SLF001  # the next path creates another one


def how_to_replace_default(credentials: Any) -> str:
    """Return how to replace cloudpathlib's default client if it has these credentials, or "".

    A switch keeps a default client with the user's arguments, because it can't set them again.
    """
    client = _default_of_cloudpathlib()
    if client is None or credentials_of(client.client._request_signer) is not credentials:  # noqa: SLF001
        return ""
    code = "from cloudpathlib import S3Client; S3Client().set_as_default_client()"
    return f"Its default client is from before the switch: run `{code}` with your arguments."


def _default_of_cloudpathlib() -> Any:
    """Return the client that cloudpathlib uses for each path without a client, or None."""
    module = sys.modules.get("cloudpathlib.s3.s3client")
    return getattr(getattr(module, "S3Client", None), "_default_client", None)


#: Attributes of a client of cloudpathlib that was created without arguments.
_WITHOUT_ARGUMENTS: dict[str, Any] = {
    "_extra_args": {},
    "_s3_config": {},
    "boto3_transfer_config": None,
    "content_type_method": mimetypes.guess_type,
}


def _has_no_arguments(client: Any) -> bool:
    """Return whether cloudpathlib created its default client, rather than the user."""
    modes = type(client.file_cache_mode)
    has_folder = bool(os.environ.get("CLOUDPATHLIB_LOCAL_CACHE_DIR"))
    default_mode = modes.persistent if has_folder else modes.tmp_dir
    return (
        all(getattr(client, name, value) == value for name, value in _WITHOUT_ARGUMENTS.items())
        and client._endpoint_url in {None, os.environ.get("AWS_ENDPOINT_URL")}  # noqa: SLF001
        and client.file_cache_mode is (modes.from_environment() or default_mode)
        and (has_folder or client._cache_tmp_dir is not None)  # noqa: SLF001
        and _is_default_session(client)
    )


def _is_default_session(client: Any) -> bool:
    """Return whether a client's session has found its credentials by default."""
    session = client.sess._session  # noqa: SLF001  # boto3 has no public API for it
    credentials = credentials_of(client.client._request_signer)  # noqa: SLF001
    given = session.instance_variables()
    return (
        type(client.sess).__module__.startswith("boto3.")
        and getattr(credentials, "method", None) != "explicit"
        and not is_users_choice(given.get("profile"))
        and not given.keys() - {"profile"}
        and isinstance(client.client.meta.config.signature_version, str)
    )


#: MLflow's cached function that creates its client.
_CACHED = "_cached_get_s3_client"


def _mlflow() -> Any:
    """Return MLflow's module for artifacts in S3, or None if nothing has imported it."""
    return sys.modules.get("mlflow.store.artifact.s3_artifact_repo")


@contextmanager
def _no_cached_clients() -> Iterator[None]:
    _forget_clients()
    uncached = getattr(getattr(_mlflow(), _CACHED, None), "__wrapped__", None)
    restore = replace_attribute(_mlflow(), _CACHED, uncached) if uncached else None
    try:
        yield
    finally:
        if restore:
            restore()
        _forget_clients()  # a function may have imported MLflow


#: Prevents rows of a run from using a client that another row or the notebook has cached.
no_cached_clients = SharedBinding(_no_cached_clients)
