"""Lend the notebook's session to the workers of a Dask cluster, on any machine.

A plugin in each worker answers on the worker's loopback address, as `lending` does in the kernel,
with what the kernel has sent last. Workers don't need this package. An answer is good for less than
ten minutes. botocore asks again before each signature then, so even clients that a worker keeps
follow a switch.

https://distributed.dask.org/en/stable/plugins.html#worker-plugins
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import atexit
import re
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import RLock, Thread
from time import sleep
from typing import TYPE_CHECKING

import cloudpickle
from distributed import WorkerPlugin
from distributed.core import clean_exception

from ipy_awsprofile.config.private import StaysInProcess, of_process
from ipy_awsprofile.config.user_environment import LENT
from ipy_awsprofile.credentials.person import unattended
from ipy_awsprofile.errors import CredentialsUnavailable, InvalidOption
from ipy_awsprofile.gate import PROCESS, Label
from ipy_awsprofile.kernel.caches import clear_caches
from ipy_awsprofile.kernel.lending import CredentialServer
from ipy_awsprofile.kernel.places import KEYS, POLARS, imported_polars, s3_location
from ipy_awsprofile.kernel.show import Variables
from ipy_awsprofile.sessions.issuing import credentials_document, issue_brief_keys, issue_keys
from ipy_awsprofile.sessions.session import ProfileSession, label_for

if TYPE_CHECKING:
    from distributed import Client, Worker

#: How long AWS accepts the workers' keys, if possible: the shortest session of a role.
_BRIEF = timedelta(minutes=15)

#: How long an answer is good, at most, and how often the kernel sends the next one, in seconds.
GOOD_FOR = 570
EVERY = 200

#: How long a call of the user waits for the workers, which can import boto3 first, in seconds.
_LONG_WAIT = 30

#: How long a switch waits for them. A scheduler that hangs must not delay it.
_WAIT = 3

#: Names the plugin, and the sessions in CloudTrail.
_NAME = "dask-workers"

#: Addresses whose connections are encrypted, or stay on one machine.
_PRIVATE = re.compile(r"(tls|wss)://|[a-z]+://(127\.|localhost|\[::1\])")

#: Identifies this kernel, because another one can lend to the same scheduler.
_OWNER = secrets.token_hex(8)

#: Variables that decide what AWS SDKs use.
_ENVIRONMENT = Variables(
    *(*KEYS.names, *LENT, "AWS_PROFILE", "AWS_DEFAULT_PROFILE"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"),
)


class Workers(StaysInProcess):
    """The workers of a Dask cluster, which use a session until `close`. Raises InvalidOption."""

    def __init__(self, client: Client) -> None:
        _require_private(client)
        #: The scheduler's address.
        self.address: str = client.scheduler.address
        #: The session that the workers use, and when AWS stops accepting their keys (UTC).
        self.session: ProfileSession | None = None
        self.keys_end: datetime | None = None
        self.read_only = False
        #: Why some workers may not use it, if the kernel knows a reason.
        self.problem: BaseException | None = None
        self._client = client
        self._sending = of_process(self, name="_sending", create=RLock)
        atexit.register(self.close)
        Thread(target=self._renew, name=_NAME, daemon=True).start()

    def __repr__(self) -> str:
        return f"<workers of {self.address}, which use {self.session or 'their own identity'}>"

    @property
    def label(self) -> Label | None:
        """The identity that the workers use, or None after the end."""
        return label_for(self.session) if self.session else None

    def processes(self) -> list[int]:
        """Return the IDs of the kernel's child processes among the workers."""
        workers = getattr(self._client.cluster, "workers", {})
        return [worker.pid for worker in workers.values() if hasattr(worker, "pid")]

    def use(self, client: Client, session: ProfileSession, *, read_only: bool) -> None:
        """Let the workers use a session, even for unfinished tasks. The client can be a new one.

        If that fails, they use their own identity. Raises CredentialsUnavailable, other subclasses
        of `AwsProfileError`, and the errors of Dask.
        """
        self._client = client
        self.read_only = read_only
        self._lend(session, _LONG_WAIT)
        if self.problem:
            self.close()
            raise self.problem

    def move(self, session: ProfileSession | None) -> None:
        """Let the workers use the notebook's session, unless they have unfinished tasks."""
        if session is None or self.session in {None, session}:
            return
        if any(future.status == "pending" for future in self._client.futures.values()):
            return
        self._lend(session, _WAIT)
        if self.problem:
            PROCESS.warn(f"Workers of {self.address} may keep their identity: {self.problem}")

    def close(self) -> None:
        """Let the workers use their own identity again."""
        atexit.unregister(self.close)
        with self._sending, suppress(Exception):  # the cluster is gone, or another notebook lends
            self.session = None
            self._send(LentIdentity({}, {}), _WAIT)

    def _renew(self) -> None:
        """Lend new credentials every few minutes. What the workers have ends if that fails."""
        while True:
            sleep(EVERY)
            with self._sending, unattended():
                if self.session is None:
                    return
                self._lend(self.session, _WAIT)

    def _lend(self, session: ProfileSession, wait: int) -> None:
        """Send a session's credentials to the workers, or note the problem."""
        with self._sending:
            try:
                keys = issue_brief_keys(session, _NAME, _BRIEF, read_only=self.read_only)
                if keys is None:
                    keys = issue_keys(session)
                replaced = datetime.now(UTC) + timedelta(seconds=GOOD_FOR)
                document = credentials_document(keys, replaced)
                region, endpoint = s3_location(session)
                environment = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
                if endpoint:
                    environment["AWS_ENDPOINT_URL_S3"] = endpoint
                self.problem = self._send(LentIdentity(document, environment), wait)
                self.session = session
                self.keys_end = keys.expires_at
            except BaseException as error:  # noqa: BLE001  # `use` raises even Ctrl-C
                self.problem = error.with_traceback(None)  # its frames have keys

    def _send(self, plugin: LentIdentity, wait: int) -> CredentialsUnavailable | None:
        """Send a plugin to the workers. Return the problem of a worker, if any."""
        problem: CredentialsUnavailable | None = self._client.sync(
            _register, self._client, plugin, callback_timeout=wait
        )
        return problem


async def _register(client: Client, plugin: LentIdentity) -> CredentialsUnavailable | None:
    """Register a plugin for the workers, and for those that join later. One without keys ends that.

    The scheduler keeps a note for other notebooks. Return the problem of a worker, if any. Raises
    CredentialsUnavailable.
    """
    if client.status != "running":
        raise ConnectionError("There is no connection to the scheduler.")
    note = await client.get_metadata(_NAME, {})
    if _is_good(note) and note["owner"] != _OWNER:
        raise CredentialsUnavailable("The workers already use another notebook's identity.")
    note = {"owner": _OWNER, "Expiration": plugin.document.get("Expiration", "")}
    await client.set_metadata(_NAME, note)
    package = sys.modules["ipy_awsprofile"]
    cloudpickle.register_pickle_by_value(package)  # workers may not have this package
    try:
        pickled = cloudpickle.dumps(plugin)
    finally:
        cloudpickle.unregister_pickle_by_value(package)
    responses = await client.scheduler.register_worker_plugin(
        plugin=pickled, name=_NAME, idempotent=False
    )
    if not plugin.document:
        await client.unregister_worker_plugin(_NAME)
    for address, response in responses.items():
        if response["status"] == "error":
            error = clean_exception(**response)[1]
            return CredentialsUnavailable(f"The worker {address} can't use the session: {error}")
    return None


def _require_private(client: Client) -> None:
    """Raise InvalidOption if others can read the connections."""
    address = client.scheduler_info()["address"]
    if not _PRIVATE.match(address):
        raise InvalidOption(
            f"The connections of the Dask cluster, {address}, aren't encrypted.",
            "Start it with TLS, such as `security=True`, or give its machines a role. Workers that "
            "are threads of the kernel follow each switch without this.",
        )


def _is_good(document: Mapping[str, str]) -> bool:
    """Return whether credentials haven't ended, if there are any."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return document.get("Expiration", "") > now  # such texts sort like their times


@dataclass(eq=False, repr=False)
class LentIdentity(WorkerPlugin):  # type: ignore[misc]
    """What a worker lends to the code in it, until it ends; nothing without a ``document``.

    A worker's first plugin stays, and lends what later ones bring.
    """

    document: Mapping[str, str]
    environment: Mapping[str, str]

    def setup(self, worker: Worker) -> None:
        """Lend in a worker. Raises RuntimeError if AWS SDKs prefer the worker's own keys."""
        if not hasattr(worker, "lent_identity"):
            self._address = CredentialServer().lend("/worker", self.fetch)
            worker.lent_identity = self
        worker.lent_identity.lend(self)

    def lend(self, newer: LentIdentity) -> None:
        """Lend what another plugin has brought."""
        from botocore.session import get_session

        environment = _ENVIRONMENT.get()
        if not self._address.items() <= environment.items():  # it doesn't lend yet
            self._own = environment
        self.document = newer.document
        if not self.document:
            _ENVIRONMENT.set(self._own)
            _forget_identity()
            return
        _ENVIRONMENT.set({**newer.environment, **self._address})
        _forget_identity()
        method = getattr(get_session().get_credentials(), "method", None)
        if method != "container-role":
            self.lend(LentIdentity({}, {}))
            raise RuntimeError(f"AWS SDKs prefer its own credentials ({method}).")

    def fetch(self) -> Mapping[str, str]:
        """Return the credentials, or an error message after their end."""
        if _is_good(self.document):
            return self.document
        return {
            "Code": "CredentialsUnavailable",
            "Message": "This worker can't use the notebook's identity anymore. In any "
            "notebook, `libraries.dask_workers(client).close()` brings the worker's own back.",
        }


def _forget_identity() -> None:
    """Clear what libraries in this worker keep of their first identity."""
    clear_caches()
    if "boto3" in sys.modules:
        import boto3

        boto3.DEFAULT_SESSION = None
    if imported_polars():
        POLARS.set("auto")
