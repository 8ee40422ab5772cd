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
import os
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
from ipy_awsprofile.errors import AwsProfileError, CredentialsUnavailable, InvalidOption
from ipy_awsprofile.gate import GATE, Label
from ipy_awsprofile.kernel.lending import Answer, LendingRequest, answer_for
from ipy_awsprofile.kernel.places import KEYS, LENT, s3_location
from ipy_awsprofile.sessions.loopback import LoopbackServer
from ipy_awsprofile.sessions.portable import lendable
from ipy_awsprofile.sessions.scoped import open_for_programs
from ipy_awsprofile.sessions.session import ProfileSession, label_for

if TYPE_CHECKING:
    import boto3


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


class Workers(StaysInProcess):
    """The workers of a Dask cluster, which use the notebook's session until `close`.

    Raises the errors of `use`.
    """

    def __init__(self, client: Any, session: ProfileSession, *, read_only: bool) -> None:
        self._client = client
        #: The scheduler's address.
        self.address = _private_address(client)
        #: The session that the workers use, or None after the end.
        self.session: ProfileSession | None = None
        self._opened: tuple[ProfileSession, boto3.Session] | None = None
        self._sending = RLock()
        self._ended = Event()
        try:
            self.use(client, session, read_only=read_only)
        except BaseException:
            self.close()
            raise
        atexit.register(self.close)
        Thread(target=self._renew, name=_NAME, daemon=True).start()

    def __repr__(self) -> str:
        return f"<workers of {self.address}, which use {self.session or 'their own identity'}>"

    @property
    def label(self) -> Label | None:
        """The identity that the workers use, or None after the end."""
        return label_for(self.session) if self.session else None

    @property
    def keys_end(self) -> datetime | None:
        """When AWS stops accepting the workers' keys (UTC), or None if they are brief."""
        if self._opened is None or self._opened[0] is not self._opened[1]:
            return None
        return lendable(self._opened[0])[1]

    def processes(self) -> list[int]:
        """Return the IDs of the kernel's child processes among the workers."""
        workers = getattr(self._client.cluster, "workers", {})
        return [worker.pid for worker in workers.values() if hasattr(worker, "pid")]

    def use(self, client: Any, session: ProfileSession, *, read_only: bool) -> None:
        """Let the workers use a session, even for unfinished tasks.

        Raises InvalidOption, and CredentialsUnavailable if a worker can't use it.
        """
        self._client = client
        self.read_only = read_only
        self._opened = None
        try:
            self._lend(session)
        except AwsProfileError:
            raise
        except Exception as error:
            raise CredentialsUnavailable(
                f"The workers of {self.address} can't use the session: {error}",
                "Remove the credentials that they have, or give their machines a role.",
            ) from error

    def move(self, session: ProfileSession | None) -> None:
        """Move the workers to the notebook's session, unless they have unfinished tasks."""
        if session is None or self.session in {None, session}:
            return
        if any(future.status == "pending" for future in self._client.futures.values()):
            return
        try:
            self._lend(session)
        except Exception as error:  # noqa: BLE001  # the switch is complete
            GATE.warn(f"The workers of {self.address} keep their identity: {error!r}")

    def close(self) -> None:
        """Let the workers use their own identity again."""
        atexit.unregister(self.close)
        self._ended.set()
        with self._sending, suppress(Exception):  # the cluster is gone, or another notebook lends
            self.session = None
            self._send(None, {})
            self._call("unregister_worker_plugin", name=_NAME)

    def _renew(self) -> None:
        while not self._ended.wait(EVERY):
            with self._sending, suppress(Exception):  # the last answer ends if this goes on
                if self.session:
                    self._lend(self.session)

    def _lend(self, session: ProfileSession) -> None:
        """Send a session's credentials. Raises errors of AWS, of the network and of workers."""
        with self._sending:
            if self._opened is None or self._opened[0] is not session:
                self._opened = session, self._open(session)
            answer = answer_for(self._opened[1], timedelta(seconds=GOOD_FOR))
            region, endpoint = s3_location(session)
            names = (*KEYS.variables, "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
            variables: dict[str, str | None] = dict.fromkeys(names)
            variables |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
            if endpoint:
                variables["AWS_ENDPOINT_URL_S3"] = endpoint
            self._send(answer, variables)
            self.session = session

    def _open(self, session: ProfileSession) -> boto3.Session:
        """Return a session for the workers. Its keys are brief, unless STS can't issue such keys.

        Raises AwsProfileError.
        """
        try:
            return open_for_programs(session, _NAME, read_only=self.read_only, is_brief=True)
        except AwsProfileError:
            if self.read_only:
                raise
            return session  # the card says how long its keys live

    def _send(self, answer: Answer | None, variables: Mapping[str, str | None]) -> None:
        """Send a plugin to the workers, and to those that join later.

        The scheduler keeps a note for other notebooks. Raises InvalidOption if it is another's.
        """
        from distributed.core import clean_exception

        owner, ends = self._call("get_metadata", keys=[_NAME], default=("", ""))
        if owner != _OWNER and _is_to_come(ends):
            raise InvalidOption(
                f"Another notebook lends its identity to the Dask cluster {self.address}.",
                "Close it there, or start another cluster.",
            )
        ends = answer[1].get("Expiration", "") if answer else ""
        self._call("set_metadata", keys=[_NAME], value=(_OWNER, ends))
        plugin = _pickled_plugin(answer, variables)
        responses = self._call(
            "register_worker_plugin", plugin=plugin, name=_NAME, idempotent=False
        )
        for response in responses.values():
            if response["status"] == "error":
                raise clean_exception(**response)[1]

    def _call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the scheduler. Raises TimeoutError, and errors of the connection."""
        call = getattr(self._client.scheduler, method)
        return self._client.sync(call, **arguments, callback_timeout=_WAIT)


def _private_address(client: Any) -> str:
    """Return the scheduler's address, if only who can read the connections are its users.

    Raises InvalidOption.
    """
    scheduler = client.scheduler_info(n_workers=-1)
    address = str(scheduler["address"])
    if address.startswith("inproc:"):
        raise InvalidOption(
            "The workers are threads of the kernel.", "They follow each switch without this."
        )
    for used in (address, *scheduler["workers"]):
        if not _PRIVATE.match(used):
            raise InvalidOption(
                f"The connections of the Dask cluster, {used}, aren't encrypted.",
                "Start it with TLS, such as `security=True`, or give its machines a role.",
            )
    return address


def _is_to_come(ends: str) -> bool:
    return bool(ends) and datetime.fromisoformat(ends) > datetime.now(UTC)


# In the workers -----------------------------------------------------------------------------------


def _pickled_plugin(answer: Answer | None, variables: Mapping[str, str | None]) -> bytes:
    """Return a worker plugin with all that it needs, because workers may not have this package."""
    import cloudpickle
    from distributed import WorkerPlugin

    class LentIdentity(WorkerPlugin):  # type: ignore[misc]
        def setup(self, worker: Any) -> None:
            if not hasattr(worker, "lent_identity"):
                worker.lent_identity = _Lent()
            worker.lent_identity.use(answer, variables)

    package = sys.modules["ipy_awsprofile"]
    cloudpickle.register_pickle_by_value(package)
    try:
        pickled: bytes = cloudpickle.dumps(LentIdentity())
    finally:
        cloudpickle.unregister_pickle_by_value(package)
    return pickled


class _Lent:
    """What a worker answers, until its expiration. It has the worker's server."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()  # closed to other users
        self._token = secrets.token_hex(32)
        file = Path(self._folder.name) / "token"
        file.write_text(self._token)
        self._server = LoopbackServer(LendingRequest, self)
        uri, token_file = LENT
        self._shown = {uri: f"http://127.0.0.1:{self._server.port}/", token_file: str(file)}
        #: The worker's own variables.
        self._own: dict[str, str | None] = {}
        self._answer: Answer | None = None

    def use(self, answer: Answer | None, variables: Mapping[str, str | None]) -> None:
        """Answer this from now on; None ends it. Raises RuntimeError."""
        self._show(answer, variables)
        if not answer or not _is_to_come(answer[1].get("Expiration", "")):
            return
        method = _method_of_botocore()
        if method != "container-role":
            self._show(None, {})
            raise RuntimeError(f"one has credentials that AWS SDKs prefer ({method}).")

    def _show(self, answer: Answer | None, variables: Mapping[str, str | None]) -> None:
        self._answer = answer
        shown: dict[str, str | None] = {}
        if answer:
            shown = {**variables, **self._shown}
        own = {name: os.environ.get(name) for name in shown} | self._own
        self._own = own if answer else {}
        for name, value in (own | shown).items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _forget_identity()

    def session_at(self, _path: str, token: str) -> Answer | None:
        """Return the response to a request, or None if its token is wrong."""
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        if self._answer is None:
            return _ENDED
        ends = self._answer[1].get("Expiration")
        return _ENDED if ends and not _is_to_come(ends) else self._answer

    def answer(self, response: Answer) -> Answer:
        """Return the response, as `Lending.answer` does."""
        return response


_ENDED: Answer = (
    HTTPStatus.BAD_REQUEST,
    {
        "Code": "CredentialsUnavailable",
        "Message": "The notebook doesn't lend its identity to this worker anymore. "
        "`libraries.dask_workers(client).close()` gives the worker its own identity back.",
    },
)


def _method_of_botocore() -> str:
    """Return how botocore finds credentials in this worker."""
    from botocore.session import get_session

    return str(getattr(get_session().get_credentials(), "method", None))


def _forget_identity() -> None:
    """Clear what keeps the identity of its first use in this worker."""
    boto3: Any = sys.modules.get("boto3")
    if boto3:
        boto3.DEFAULT_SESSION = None
    s3fs: Any = sys.modules.get("s3fs")
    if s3fs:
        s3fs.S3FileSystem.clear_instance_cache()
    polars: Any = sys.modules.get("polars")
    if polars:
        provider = polars.CredentialProviderAWS()
        provider.lent = secrets.token_hex(8)  # polars keeps the credentials of equal providers
        polars.Config.set_default_credential_provider(provider)
