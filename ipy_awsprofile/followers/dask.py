"""Describe how a switch updates Dask's caches and clusters, and how runs set Dask's scheduler.

A plugin in each worker serves the credentials that the kernel last sent. The plugin serves the
credentials on the worker's loopback address, as `kernel.lending` does in the kernel. The workers
don't need this package. The plugin reports an expiry that is less than ten minutes away, so
botocore requests new credentials before each signature. A switch also changes the identity of AWS
clients that a worker has already created.

https://distributed.dask.org/en/stable/plugins.html#worker-plugins
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.config.user_environment import LENT
from ipy_awsprofile.errors import CredentialsUnavailable, InvalidOption
from ipy_awsprofile.follower import (
    IMPORT,
    Cache,
    Follower,
    Leftover,
    Notebook,
    all_followers,
    is_one_of,
    type_of,
)
from ipy_awsprofile.kernel.caches import clear_caches
from ipy_awsprofile.kernel.lending import CredentialServer
from ipy_awsprofile.kernel.places import KEYS_IN_ENVIRONMENT
from ipy_awsprofile.kernel.watch import subclasses_of
from ipy_awsprofile.kernel.workers import Workers
from ipy_awsprofile.label import Label
from ipy_awsprofile.place import DictItem, Place, Variables
from ipy_awsprofile.sessions.session import check_session
from ipy_awsprofile.switch.using_profile import running_switcher

if TYPE_CHECKING:
    import boto3
    from distributed import Client, Worker

    from ipy_awsprofile.kernel.arguments import SecretOptions

#: Names the plugin, and the sessions in CloudTrail.
_NAME = "dask-workers"

_CLIENT = "distributed.client.Client"


@checks_arguments
def dask_storage_options(session: boto3.Session) -> SecretOptions:
    """Return the ``storage_options=`` that a Dask cluster's workers need to open ``s3://`` paths.

    Workers don't need a config file. The options and every task graph that Dask sends to the
    workers contain short-lived credentials, even if the session has long-term keys. After the
    credentials expire, call this function again, and reopen the paths. Raise a subclass of
    `AwsProfileError` if the session can't be used.

    https://docs.dask.org/en/stable/how-to/connect-to-remote-data.html
    """
    from ipy_awsprofile.followers.fsspec import s3fs_options

    check_session(session)
    return s3fs_options(session)


@checks_arguments
def dask_workers(client: Client, *, read_only: bool = False) -> DaskWorkers:
    """Let the workers of a Dask cluster use the notebook's identity, now and after each switch.

    Current workers, and workers that join later, get short-lived credentials. All child processes,
    and the libraries boto3, s3fs, pyarrow, polars and obstore, find the workers' credentials
    automatically. The workers need neither config files nor this package. If ``read_only`` is true,
    the workers can only read, as with ``%aws_profile --read-only``.

    Anyone who can connect to the scheduler can use these credentials, so call this function only
    for your own cluster. AWS accepts the workers' credentials for at most 15 minutes or, if STS
    can't issue such short-lived credentials, for the time that the card shows. The kernel sends new
    credentials to the workers every few minutes.

    A `using_profile` statement or a ``%%aws_profile`` cell doesn't change the workers' identity. A
    switch doesn't change the workers' identity while the workers have unfinished tasks of this
    client. If the workers are busy during a switch, the card tells you to call this function again.
    If a task created an AWS client before this call, the client keeps its identity. The workers use
    their own identity again after ``--off``, ``--share off``, a switch to a protected profile, or a
    call to `close` on the returned object. If the kernel is killed, the workers' calls to AWS
    succeed for up to ten more minutes, and then fail.

    Raise `InvalidOption` if no profile is active or if a connection of the cluster isn't encrypted.
    Raise `CredentialsUnavailable` if the workers already use another notebook's identity or if a
    worker finds credentials in its own files.

    https://distributed.dask.org/en/stable/plugins.html#worker-plugins
    """
    recipients = running_switcher().recipients
    session = recipients.session_to_lend("`libraries.dask_workers`")
    address = client.scheduler.address
    workers = recipients.workers.get(address)
    if not isinstance(workers, DaskWorkers) or workers.session is None:
        workers = DaskWorkers(client)
    workers.client = client
    workers.use(session, read_only=read_only)
    recipients.workers[address] = workers
    return workers


# Workers that use the notebook's identity ---------------------------------------------------------


#: Addresses whose connections are encrypted, or stay on one machine.
_PRIVATE = re.compile(r"(tls|wss)://|[a-z]+://(127\.|localhost|\[::1\])")

#: Identifies this kernel, because another one can lend to the same scheduler.
_OWNER = secrets.token_hex(8)

#: Variables that decide what AWS SDKs use.
_ENVIRONMENT = Variables(
    *(*KEYS_IN_ENVIRONMENT.names, *LENT, "AWS_PROFILE", "AWS_DEFAULT_PROFILE"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"),
)


class DaskWorkers(Workers):
    """The workers of a Dask cluster, with methods to send them credentials.

    Creating an instance raises `InvalidOption` if the cluster's connections aren't encrypted.
    """

    def __init__(self, client: Client) -> None:
        _require_private(client)
        #: The user's last client of the cluster.
        self.client = client
        super().__init__(client.scheduler.address, _NAME)

    def processes(self) -> Collection[object]:
        """Return the process IDs of the workers that are child processes of the kernel."""
        workers = getattr(self.client.cluster, "workers", {})
        return [worker.pid for worker in workers.values() if hasattr(worker, "pid")]

    def is_busy(self) -> bool:
        """Return whether the client has unfinished tasks on the workers."""
        return any(future.status == "pending" for future in self.client.futures.values())

    def send(
        self, document: Mapping[str, Any], environment: Mapping[str, str], wait: int
    ) -> CredentialsUnavailable | None:
        """Send credentials to the workers. For the arguments, see `Workers.send`."""
        lent = LentIdentity(document, environment, _what_workers_clear())
        problem: CredentialsUnavailable | None = self.client.sync(
            _register, self.client, lent, callback_timeout=wait
        )
        return problem


def _what_workers_clear() -> tuple[Follower, ...]:
    """Return records of all libraries that have caches, because a worker can use any library."""
    return tuple(
        Follower(package=each.package, why=each.why, tried=each.tried, caches=each.caches)
        for each in all_followers()
        if each.caches
    )


@cache
def _plugin_class() -> Any:
    """Return the class of the plugin that runs in each worker.

    The class is created in a function because its base class can be imported only if Dask is
    installed.
    """
    from distributed import WorkerPlugin

    class Plugin(WorkerPlugin):  # type: ignore[misc]
        """A worker plugin that serves the notebook's credentials in the worker."""

        def __init__(self, lent: LentIdentity) -> None:
            self._lent = lent

        def setup(self, worker: Worker) -> None:
            """Serve credentials.

            Raise `RuntimeError` if AWS SDKs prefer the worker's own credentials.
            """
            self._lent.lend_in(worker)

    return Plugin


async def _register(client: Client, lent: LentIdentity) -> CredentialsUnavailable | None:
    """Register a plugin that serves credentials in a cluster's current and future workers.

    If ``lent`` doesn't contain credentials, restore the workers' own identity and unregister the
    plugin.

    The scheduler stores a note that tells other notebooks whose identity the workers use. Return
    the error of a worker that can't use the credentials, or None. Raise `CredentialsUnavailable` if
    the workers already use another notebook's identity.
    """
    import cloudpickle
    from distributed.core import clean_exception

    if client.status != "running":
        raise ConnectionError("The Dask client isn't connected to the scheduler.")
    note = await client.get_metadata(_NAME, {})
    if _is_good(note) and note["owner"] != _OWNER:
        raise CredentialsUnavailable("The workers already use another notebook's identity.")
    note = {"owner": _OWNER, "Expiration": lent.document.get("Expiration", "")}
    await client.set_metadata(_NAME, note)
    package = sys.modules["ipy_awsprofile"]
    cloudpickle.register_pickle_by_value(package)  # workers may not have this package
    try:
        pickled = cloudpickle.dumps(_plugin_class()(lent))
    finally:
        cloudpickle.unregister_pickle_by_value(package)
    responses = await client.scheduler.register_worker_plugin(
        plugin=pickled, name=_NAME, idempotent=False
    )
    if not lent.document:
        await client.unregister_worker_plugin(_NAME)
    for address, response in responses.items():
        if response["status"] == "error":
            error = clean_exception(**response)[1]
            return CredentialsUnavailable(f"The worker {address} can't use the session: {error}")
    return None


def _require_private(client: Client) -> None:
    """Raise `InvalidOption` if other users can read the traffic to a cluster's scheduler."""
    address = client.scheduler_info()["address"]
    if not _PRIVATE.match(address):
        raise InvalidOption(
            f"The connections to the Dask cluster {address} aren't encrypted.",
            "Start the cluster with TLS (for example, `security=True`), or give the cluster's "
            "machines a role. Workers that run as threads in the kernel already follow each "
            "switch.",
        )


def _is_good(document: Mapping[str, str]) -> bool:
    """Return whether a document contains credentials that haven't expired."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return document.get("Expiration", "") > now  # such texts sort like their times


@dataclass(eq=False, repr=False)
class LentIdentity:
    """Serves the notebook's credentials (``document``) to the code in a Dask worker.

    A worker keeps its first plugin, which serves the credentials that later plugins bring.
    """

    document: Mapping[str, str]
    environment: Mapping[str, str]
    followers: tuple[Follower, ...]

    def lend_in(self, worker: Worker) -> None:
        """Serve credentials in a worker.

        Raise `RuntimeError` if AWS SDKs prefer the worker's own credentials.
        """
        if not hasattr(worker, "lent_identity"):
            self._address = CredentialServer().lend("/worker", self.fetch)
            worker.lent_identity = self
        worker.lent_identity.lend(self)

    def lend(self, newer: LentIdentity) -> None:
        """Serve the credentials that a newer plugin has brought."""
        from botocore.session import get_session

        environment = _ENVIRONMENT.get()
        if not self._address.items() <= environment.items():  # it doesn't lend yet
            self._own = environment
        self.document = newer.document
        if not self.document:
            _ENVIRONMENT.set(self._own)
            self._forget_identity()
            return
        _ENVIRONMENT.set({**newer.environment, **self._address})
        self._forget_identity()
        method = getattr(get_session().get_credentials(), "method", None)
        if method != "container-role":
            self.lend(LentIdentity({}, {}, self.followers))
            raise RuntimeError(f"AWS SDKs prefer the worker's own credentials ({method}).")

    def fetch(self) -> Mapping[str, str]:
        """Return the credentials, or an error message after the credentials have expired."""
        if _is_good(self.document):
            return self.document
        return {
            "Code": "CredentialsUnavailable",
            "Message": "This worker can't use the notebook's identity anymore. To restore the "
            "worker's own identity, run `libraries.dask_workers(client).close()` in any notebook.",
        }

    def _forget_identity(self) -> None:
        """Clear the identities that libraries in this worker have cached."""
        clear_caches(self.followers)
        if "boto3" in sys.modules:
            import boto3

            boto3.DEFAULT_SESSION = None


# What it keeps, and a run -------------------------------------------------------------------------


def _clear_expressions(module: ModuleType) -> None:
    for expression in subclasses_of(getattr(module, "SingletonExpr", module.Expr)):
        vars(expression).get("_instances", {}).clear()


def _config() -> dict[str, Any]:
    config: dict[str, Any] = sys.modules["dask.config"].config
    return config


_SCHEDULER = DictItem("Dask's scheduler", _config, "scheduler")


def _places_of_run() -> Mapping[Place, object]:
    """Return the setting that makes Dask compute in the thread that works for a profile.

    While code runs for many profiles, other threads don't have an identity, and a cluster's workers
    have the notebook's identity.
    """
    if "dask.config" not in sys.modules:
        return {}
    return {_SCHEDULER: "synchronous"}


# The card -----------------------------------------------------------------------------------------


def _processes() -> Iterator[object]:
    """Yield the process IDs of the Dask workers that this kernel has started."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is None:
        return
    for process in multiprocessing.active_children():
        if process.name.startswith("Dask Worker"):
            yield process.pid


def _about(notebook: Notebook) -> Iterator[Leftover]:
    """Yield the card's lines about Dask clients whose workers use a different identity."""
    for name, value in notebook.variables.items():
        client: Any = value
        if notebook.active and type_of(client) == _CLIENT and client.status == "running":
            yield from _about_client(name, client, notebook.active, notebook.lent)


def _about_client(
    name: str, client: Any, active: Label, lent: Mapping[str, Label | None]
) -> Iterator[Leftover]:
    cluster = type_of(client.cluster)
    label = lent.get(client.scheduler.address)
    call = f"call `libraries.dask_workers({name})`"
    says = f"has workers that sign as their machines' identity: to move them, {IMPORT} {call}"
    if label:
        says = f"has workers that sign as {label.text_beside(active)}: after a switch, {call}"
    elif cluster == "distributed.deploy.local.LocalCluster":  # its workers are the kernel's
        return
    elif cluster.startswith("coiled."):
        send = f"`{name}.cluster.send_credentials()`"
        says = f"has workers with the credentials that Coiled has sent: run {send}"
    if label != active:
        yield Leftover(name, says)


FOLLOWERS = (
    Follower(
        package="dask",
        why="Dask caches expressions whose plans contain filesystems and starts worker processes.",
        tried="dask 2025.1 and 2026.8",
        caches=(
            Cache("dask.dataframe.dask_expr.io.parquet", "_cached_plan.clear"),
            Cache("dask._expr", _clear_expressions),
            Cache("dask.dataframe.dask_expr._core", _clear_expressions),  # dask 2025.1
        ),
        places_of_run=_places_of_run,
        processes=_processes,
        restart="run `client.restart()`",
    ),
    Follower(
        package="distributed",
        why="The workers of a client are processes that can run on any machine.",
        tried="distributed 2025.1 and 2026.8",
        starts_workers=is_one_of(_CLIENT),
        about=_about,
    ),
)
