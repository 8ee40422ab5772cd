"""Make MLflow, papermill and joblib replace their cached clients and workers after a switch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ipy_awsprofile.bindings.child_processes import end_idle_workers
from ipy_awsprofile.bindings.transaction import IMMEDIATE, Transaction


@contextmanager
def cached_clients(transaction: Transaction = IMMEDIATE) -> Iterator[None]:
    """Clear the cached clients and idle workers of these libraries, at the start and at the end.

    This doesn't import the libraries. Running calls keep their client or worker.

    https://mlflow.org/docs/latest/self-hosting/architecture/artifact-store/
    https://papermill.readthedocs.io/en/latest/reference/papermill-storage.html
    """
    transaction.write("cached clients", None, _forget)
    try:
        yield
    finally:
        transaction.write("cached clients", None, _forget)


def _forget(_: None) -> None:
    mlflow = sys.modules.get("mlflow.store.artifact.s3_artifact_repo")
    clear = getattr(getattr(mlflow, "_cached_get_s3_client", None), "cache_clear", None)
    if clear:
        clear()
    papermill = getattr(sys.modules.get("papermill.s3"), "S3", None)
    if papermill is not None:
        papermill.s3_session = (None, None, None)
    end_idle_workers()
