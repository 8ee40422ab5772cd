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
import hmac
import re
import secrets
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.credentials.person import unattended
from ipy_awsprofile.errors import AwsProfileError, CredentialsUnavailable, InvalidOption
from ipy_awsprofile.gate import GATE, Label
from ipy_awsprofile.kernel.caches import clear_caches
from ipy_awsprofile.kernel.lending import LendingRequest
from ipy_awsprofile.kernel.places import KEYS, LENT, s3_location
from ipy_awsprofile.kernel.show import Kernel, variables
from ipy_awsprofile.sessions.loopback import LoopbackServer
from ipy_awsprofile.sessions.portable import lendable, lent_document
from ipy_awsprofile.sessions.scoped import open_limited
from ipy_awsprofile.sessions.session import ProfileSession, label_for

if TYPE_CHECKING:
    import boto3

#: How long AWS accepts the workers' keys, if possible: the shortest session of a role.
_BRIEF = 900

#: How long an answer is good, at most, and how often the kernel sends the next one, in seconds.
GOOD_FOR = 570
EVERY = 200

#: How long the kernel waits for the workers, in seconds.
_WAIT = 10

#: Names the plugin, and the sessions in CloudTrail.
_NAME = "dask-workers"

#: Addresses whose connections are encrypted, or stay on one machine.
_PRIVATE = re.compile(r"(tls|wss)://|[a-z]+://(127\.|localhost|\[::1\])")

#: Identifies this kernel, because another one can lend to the same scheduler.
_OWNER = secrets.token_hex(8)

#: Variables that decide what AWS SDKs use, besides those with the address of the credentials.
_PROFILE = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ENDPOINT = "AWS_ENDPOINT_URL_S3"
_VARIABLES = (*KEYS.variables, *_PROFILE, *_REGION, _ENDPOINT, *LENT)


class Workers(StaysInProcess):
    """The workers of a Dask cluster, which use a session until `close`. Raises InvalidOption."""

    def __init__(self, client: Any) -> None:
        #: The scheduler's address.
        self.address = _private_address(client)
        #: The session that the workers use, and when AWS stops accepting their keys (UTC).
        self.session: ProfileSession | None = None
        self.keys_end: datetime | None = None
        self.read_only = False
        self._client = client
        self._sending = RLock()
        self._ended = Event()
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

    def use(self, client: Any, session: ProfileSession, *, read_only: bool) -> None:
        """Let the workers use a session, even for unfinished tasks. Raises CredentialsUnavailable.

        If that fails, they keep using the former one. The ``client`` can be a new one.
        """
        self._client = client
        try:
            self._lend(session, read_only=read_only)
        except Exception as error:
            if self.session is None:
                self.close()
            hint = getattr(error, "hint", "")
            raise CredentialsUnavailable(
                f"The workers of {self.address} can't use the session: {error}", hint
            ) from error

    def move(self, session: ProfileSession | None) -> None:
        """Let the workers use the notebook's session, unless they have unfinished tasks."""
        if session is None or self.session in {None, session}:
            return
        if any(future.status == "pending" for future in self._client.futures.values()):
            return
        try:
            self._lend(session, read_only=self.read_only)
        except Exception as error:  # noqa: BLE001  # the switch is complete
            GATE.warn(f"The workers of {self.address} keep their identity: {error!r}")

    def close(self) -> None:
        """Let the workers use their own identity again."""
        atexit.unregister(self.close)
        self._ended.set()
        with self._sending, suppress(Exception):  # the cluster is gone, or another notebook lends
            self.session = None
            self._send({}, {})
            self._call("unregister_worker_plugin", name=_NAME)

    def _renew(self) -> None:
        while not self._ended.wait(EVERY):
            # The last answer ends if an error goes on.
            with self._sending, unattended(), suppress(Exception):
                if self.session:
                    self._lend(self.session, read_only=self.read_only)

    def _lend(self, session: ProfileSession, *, read_only: bool) -> None:
        """Send a session's credentials. Raises AwsProfileError, OSError, and errors of workers."""
        with self._sending:
            limited = _open_limited(session, read_only=read_only)
            document = lent_document(limited, timedelta(seconds=GOOD_FOR))
            region, endpoint = s3_location(session)
            environment = dict.fromkeys(_REGION, region)
            if endpoint:
                environment[_ENDPOINT] = endpoint
            self._send(document, environment)
            self.keys_end = lendable(limited)[1]
            self.session = session
            self.read_only = read_only

    def _send(self, document: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Send credentials to the workers, and to those that join later, or end that without any.

        The scheduler keeps a note for other notebooks. Raises RuntimeError if it is another's.
        """
        from distributed.core import clean_exception

        owner, ends = self._call("get_metadata", keys=[_NAME], default=("", ""))
        if owner != _OWNER and _is_to_come(ends):
            raise RuntimeError("Another notebook lends its identity to them.")
        note = (_OWNER, document.get("Expiration", ""))
        self._call("set_metadata", keys=[_NAME], value=note)
        plugin = _pickled_plugin(document, environment)
        responses = self._call(
            "register_worker_plugin", plugin=plugin, name=_NAME, idempotent=False
        )
        for response in responses.values():
            if response["status"] == "error":
                raise clean_exception(**response)[1]

    def _call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the scheduler. Raises OSError."""
        if self._client.status != "running":
            raise ConnectionError("There is no connection to the scheduler.")
        call = getattr(self._client.scheduler, method)
        return self._client.sync(call, **arguments, callback_timeout=_WAIT)


def _private_address(client: Any) -> str:
    """Return the scheduler's address, if nobody else can read the connections.

    Raises InvalidOption.
    """
    scheduler = client.scheduler_info(n_workers=-1)
    for address in (scheduler["address"], *scheduler["workers"]):
        if address.startswith("inproc:"):
            raise InvalidOption(
                "The workers are threads of the kernel.", "They follow each switch without this."
            )
        if not _PRIVATE.match(address):
            raise InvalidOption(
                f"The connections of the Dask cluster, {address}, aren't encrypted.",
                "Start it with TLS, such as `security=True`, or give its machines a role.",
            )
    return str(client.scheduler.address)


def _open_limited(session: ProfileSession, *, read_only: bool) -> boto3.Session:
    """Return a session whose keys are brief, if STS can issue such keys. Raises AwsProfileError."""
    try:
        return open_limited(session, _NAME, read_only=read_only, seconds=_BRIEF)
    except AwsProfileError:
        if read_only:
            raise
        return session


def _is_to_come(ends: str) -> bool:
    return bool(ends) and datetime.fromisoformat(ends) > datetime.now(UTC)


# In the workers -----------------------------------------------------------------------------------


def _pickled_plugin(document: Mapping[str, str], environment: Mapping[str, str]) -> bytes:
    """Return a worker plugin with all that it needs, because workers may not have this package."""
    import cloudpickle
    from distributed import WorkerPlugin

    class LentIdentity(WorkerPlugin):  # type: ignore[misc]
        def setup(self, worker: Any) -> None:
            if not hasattr(worker, "lent_identity"):
                worker.lent_identity = _Lent()
            worker.lent_identity.use(document, environment)

    package = sys.modules["ipy_awsprofile"]
    cloudpickle.register_pickle_by_value(package)
    try:
        pickled: bytes = cloudpickle.dumps(LentIdentity())
    finally:
        cloudpickle.unregister_pickle_by_value(package)
    return pickled


class _Lent:
    """The credentials that a worker answers with until they end, and the worker's own variables."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()  # closed to other users
        self._token = secrets.token_hex(32)
        file = Path(self._folder.name) / "token"
        file.write_text(self._token)
        url = f"http://127.0.0.1:{LoopbackServer(LendingRequest, self).port}/"
        self._address = dict(zip(LENT, (url, str(file)), strict=True))
        self._kernel = Kernel()
        self._document: Mapping[str, str] = {}

    def use(self, document: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Answer with these credentials from now on, or end that without any.

        Raises RuntimeError.
        """
        self._document = document
        values = {**environment, **self._address}
        places: dict[Any, dict[str, str]] = {}
        for name in _VARIABLES if document else ():
            places[variables(name)] = {name: values[name]} if name in values else {}
        self._kernel.show(places, {})
        _forget_identity()
        if _is_to_come(document.get("Expiration", "")):
            method = _method_of_botocore()
            if method != "container-role":
                self.use({}, {})
                raise RuntimeError(f"AWS SDKs prefer the credentials of one of them ({method}).")

    def session_at(self, _path: str, token: str) -> _Lent | None:
        """Return this if the token of a request is right."""
        return self if hmac.compare_digest(token.encode(), self._token.encode()) else None

    def answer(self, _lent: _Lent) -> tuple[HTTPStatus, Mapping[str, str]]:
        """Return the status and the document for a request."""
        if _is_to_come(self._document.get("Expiration", "")):
            return HTTPStatus.OK, self._document
        return HTTPStatus.BAD_REQUEST, {
            "Code": "CredentialsUnavailable",
            "Message": "The notebook doesn't lend its identity to this worker anymore. In any "
            "notebook, `libraries.dask_workers(client).close()` brings the worker's own back.",
        }


def _method_of_botocore() -> str:
    """Return how botocore finds credentials in this worker."""
    from botocore.session import get_session

    return str(getattr(get_session().get_credentials(), "method", None))


def _forget_identity() -> None:
    """Clear what libraries in this worker keep of their first identity."""
    clear_caches()
    boto3: Any = sys.modules.get("boto3")
    if boto3:
        boto3.DEFAULT_SESSION = None
    polars: Any = sys.modules.get("polars")
    if polars:
        provider = polars.CredentialProviderAWS()
        provider.lent = secrets.token_hex(8)  # polars keeps the credentials of equal providers
        polars.Config.set_default_credential_provider(provider)
