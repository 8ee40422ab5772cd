"""What libraries keep of an identity for new objects, such as clients, credentials and workers.

A switch clears it. If a library can't be cleared, because its version has other internals, the card
names it. To support a library, see CONTRIBUTING, `Make a library follow`.
"""

# ruff: noqa: SLF001  # libraries have no public API for what they keep

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from types import ModuleType

from ipy_awsprofile.errors import log_stack
from ipy_awsprofile.kernel.watch import subclasses_of


@dataclass(frozen=True, slots=True)
class Cache:
    """What a module keeps, and how to clear it. ``tried`` is the version that this is for."""

    module: str
    clear: Callable[[ModuleType], object]
    tried: str


def clear_caches() -> set[str]:
    """Clear what the imported libraries keep of the former identity. Return those that keep it."""
    not_cleared = set()
    for cache in CACHES:
        module = sys.modules.get(cache.module)
        if module is None:
            continue
        try:
            cache.clear(module)
        except Exception as error:  # noqa: BLE001  # another version of the library can raise anything
            log_stack(error, f"{cache.module} isn't as in {cache.tried}.")
            not_cleared.add(cache.module.partition(".")[0])
    return not_cleared


class _NothingKept(dict[str, object]):
    """A cache that stays empty."""

    def __setitem__(self, key: str, value: object) -> None:
        """Do nothing."""


def _reset(owner: object, name: str, value: object = None) -> None:
    getattr(owner, name)  # an error in another version
    setattr(owner, name, value)


def _clear_filesystems(module: ModuleType) -> None:
    for filesystem in subclasses_of(module.AbstractFileSystem):
        filesystem.clear_instance_cache()


def _clear_expressions(module: ModuleType) -> None:
    for expression in subclasses_of(getattr(module, "SingletonExpr", module.Expr)):
        vars(expression).get("_instances", {}).clear()


def _forget_credentials_of_redshift(module: ModuleType) -> None:
    _reset(module.IamHelper, "credentials_cache", _NothingKept())


def _forget_credentials_of_mongodb(module: ModuleType) -> None:
    module.set_cached_credentials(None)


def _reset_cloudpathlib(module: ModuleType) -> None:
    _reset(module.S3Client, "_default_client")


def _disconnect_models(module: ModuleType) -> None:
    for model in subclasses_of(module.Model):
        _reset(model, "_connection")


def _reset_s3path(module: ModuleType) -> None:
    configuration = module.configuration_map
    # Resources that the user has set stay.
    if configuration.is_setup and len(configuration.resources) == 1:
        configuration.is_setup = False
        configuration.get_configuration.cache_clear()


def _end_idle_workers(module: ModuleType) -> None:
    """End loky's idle workers, so that new ones start with the environment. joblib uses loky.

    https://joblib.readthedocs.io/en/stable/parallel.html
    """
    if hasattr(module, "_executor_storage"):  # loky 3.7 keeps workers for each thread
        workers = module._executor_storage.executor
    else:
        workers = module._executor
    if workers and not (workers._pending_work_items or workers._running_work_items):
        workers.shutdown(wait=True)


def _end_forkserver(module: ModuleType) -> None:
    """End the server that forks the workers of `multiprocessing`.

    https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
    """
    server = module._forkserver
    if sys.modules["multiprocessing"].active_children():
        # It reports the exit codes of its workers, so it goes on until the kernel ends.
        server._forkserver_address = server._forkserver_alive_fd = server._forkserver_pid = None
    else:
        server._stop()


def _call(path: str) -> Callable[[ModuleType], object]:
    """Return a function that calls a function of a module, such as ``Model.reset``."""

    def call(module: ModuleType) -> None:
        attrgetter(path)(module)()

    return call


CACHES = (
    # Filesystems are reused for equal arguments, and these don't have the identity.
    Cache(
        "fsspec.spec",
        _clear_filesystems,
        "fsspec 2026.9",
    ),
    # Plans contain filesystems, and expressions contain plans.
    Cache(
        "dask.dataframe.dask_expr.io.parquet",
        _call("_cached_plan.clear"),
        "dask 2026.8",
    ),
    Cache("dask._expr", _clear_expressions, "dask 2026.8"),
    Cache("dask.dataframe.dask_expr._core", _clear_expressions, "dask 2025.1"),
    # A client for an hour.
    Cache(
        "mlflow.store.artifact.s3_artifact_repo",
        _call("_cached_get_s3_client.cache_clear"),
        "mlflow 3.17",
    ),
    # A boto3 session for each combination of arguments.
    Cache(
        "anthropic.lib.aws._auth",
        _call("_get_session.cache_clear"),
        "anthropic 2.14",
    ),
    Cache(
        "anthropic.lib.bedrock._auth",
        _call("_get_session.cache_clear"),
        "anthropic 0.79",
    ),
    # The default credentials for ten minutes.
    Cache(
        "litellm.llms.bedrock.base_aws_llm",
        _call("BaseAWSLLM._shared_iam_cache.flush_cache"),
        "litellm 1.110",
    ),
    # The user of a cluster, even for another identity in the same run over many profiles.
    Cache(
        "redshift_connector.iam_helper",
        _forget_credentials_of_redshift,
        "redshift_connector 2.2",
    ),
    # GDAL prefers the role that it has assumed to the environment.
    Cache("pyogrio", _call("vsi_curl_clear_cache"), "pyogrio 0.13"),
    Cache("osgeo.gdal", _call("VSICurlClearCache"), "GDAL 3.11"),
    # Credentials for all connections.
    Cache(
        "pymongo_auth_aws.auth",
        _forget_credentials_of_mongodb,
        "pymongo-auth-aws 1.3",
    ),
    # Clients for new objects.
    Cache(
        "cloudpathlib.s3.s3client",
        _reset_cloudpathlib,
        "cloudpathlib 0.26",
    ),
    Cache(
        "aws_lambda_powertools.utilities.parameters",
        _call("clear_caches"),
        "aws-lambda-powertools 3.37",
    ),
    Cache(
        "prefect_aws.credentials",
        _call("_get_client_cached.cache_clear"),
        "prefect-aws 0.7",
    ),
    Cache(
        "sagemaker.core.utils.utils",
        _call("SageMakerClient.reset"),
        "sagemaker-core 2.27",
    ),
    Cache(
        "sagemaker_core.main.utils",
        _call("SingletonMeta._instances.clear"),
        "sagemaker-core 1.0",
    ),
    Cache(
        "pynamodb.models",
        _disconnect_models,
        "pynamodb 6.1",
    ),
    Cache("s3path", _reset_s3path, "s3path 0.6"),
    # Workers keep the environment with which they were started.
    Cache("joblib.externals.loky.reusable_executor", _end_idle_workers, "joblib 1.6"),
    Cache("loky.reusable_executor", _end_idle_workers, "loky 3.7"),
    Cache("multiprocessing.forkserver", _end_forkserver, "Python 3.14"),
)
