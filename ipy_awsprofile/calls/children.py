"""Record calls of child processes and of AWS's C++ SDK with the AWS SDKs' client-side monitoring.

An SDK with these variables sends a datagram for each call to a port of this process, on loopback. A
datagram contains the service and the operation, but no parameters. It also contains the session's
token in plain text, which is dropped here. The port therefore stays open until the process ends,
so that no other program can get it. Any program on this machine can send datagrams, and datagrams
without the client ID from the variables are ignored.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-csm.html
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from threading import Lock, Thread
from typing import Any, NamedTuple

from ipy_awsprofile.bindings.environment import temporary_variables
from ipy_awsprofile.bindings.gate import replace_attribute
from ipy_awsprofile.calls.log import Outcome
from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import one_line

#: The maximum size of the SDKs' datagrams, in bytes.
_LARGEST = 8 * 1024

#: The maximum number of unfinished calls to remember.
_MOST_OPEN = 1_000


class ChildCall(NamedTuple):
    """A call as reported by a program. Missing values are empty or None."""

    time: datetime
    service: str
    operation: str
    region: str | None
    access_key: str
    client: str
    #: The fields of `Call` for the result.
    result: Mapping[str, Any]


class _Process:
    """The process's port, which is never closed, and the current listener."""

    lock = Lock()
    port: socket.socket | None = None
    hear: Callable[[bytes, Any], None] | None = None


def _listen_with(hear: Callable[[bytes, Any], None]) -> int:
    """Pass each datagram to a function from now on. Return the port number."""
    with _Process.lock:
        if _Process.port is None:
            _Process.port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            _Process.port.bind(("127.0.0.1", 0))
            Thread(target=_listen, args=(_Process.port,), name="calls", daemon=True).start()
        _Process.hear = hear
        number: int = _Process.port.getsockname()[1]
        return number


def _listen(port: socket.socket) -> None:
    while True:
        try:
            datagram, sender = port.recvfrom(_LARGEST)
        except OSError:  # the process is ending
            return
        if hear := _Process.hear:
            hear(datagram, sender)


def _stop_listening() -> None:
    _Process.hear = None


class ChildCalls(StaysInProcess):
    """Listens for calls while it is on, and passes each call to ``add``."""

    def __init__(self, add: Callable[[ChildCall], object]) -> None:
        self._add = add
        self._token = secrets.token_hex(16)
        self._on = ExitStack()
        self.is_on = False
        #: The last attempt of each call, by sender. Only attempts contain the access key.
        self._attempts: OrderedDict[tuple[Any, ...], Mapping[str, Any]] = OrderedDict()

    def start(self) -> None:
        """Make child processes that start from now on report their calls.

        Raises InvalidOption if they already report their calls to another program.
        """
        if self.is_on:
            return
        if os.environ.get("AWS_CSM_ENABLED"):
            raise InvalidOption(
                "AWS_CSM_ENABLED is set: child processes report their calls to another program.",
                "Unset the variable, or run `%aws_calls on` without --children.",
            )
        port = _listen_with(self._hear)
        self._on.callback(_stop_listening)
        variables: dict[str, str | None] = {
            "AWS_CSM_ENABLED": "true",
            "AWS_CSM_HOST": "127.0.0.1",
            "AWS_CSM_PORT": str(port),
            "AWS_CSM_CLIENT_ID": self._token,
        }
        self._on.enter_context(temporary_variables(variables, os.environ))
        from botocore.monitoring import SocketPublisher

        # botocore's calls in this process are recorded already.
        silent: Any = _report_nothing
        self._on.callback(replace_attribute(SocketPublisher, "publish", silent))
        self.is_on = True

    def stop(self) -> None:
        """Stop recording. Running child processes keep sending datagrams, which are ignored."""
        self._on.close()
        self.is_on = False

    def _hear(self, datagram: bytes, sender: Any) -> None:
        if call := self._call(datagram, sender):
            self._add(call)

    def _call(self, datagram: bytes, sender: Any) -> ChildCall | None:
        """Return the call if a datagram reports its end, otherwise None."""
        try:
            event = json.loads(datagram)
            event.pop("SessionToken", None)
            if not secrets.compare_digest(str(event["ClientId"]), self._token):
                return None
            key = (sender, event["Service"], event["Api"])
            if event["Type"] == "ApiCallAttempt":
                self._attempts[key] = event
                if len(self._attempts) > _MOST_OPEN:
                    self._attempts.popitem(last=False)
                return None
            return _ended(event, self._attempts.pop(key, {}))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None


def _ended(event: Mapping[str, Any], attempt: Mapping[str, Any]) -> ChildCall:
    from ipy_awsprofile.credentials.translation import DENIED

    code = _word(event.get("FinalAwsException") or event.get("FinalSdkException") or "")
    status, latency = event.get("FinalHttpStatusCode"), event.get("Latency")
    attempts = event.get("AttemptCount")
    request_id = attempt.get("XAmznRequestId") or attempt.get("XAmzRequestId")
    failed: Outcome = "denied" if code in DENIED else "failed"
    is_error = bool(code) or (isinstance(status, int) and status >= 400)  # noqa: PLR2004
    return ChildCall(
        time=datetime.fromtimestamp(event["Timestamp"] / 1000, UTC),
        service=_word(event["Service"]).replace(" ", "").lower(),
        operation=_word(event["Api"]),
        region=_word(event.get("Region") or "") or None,
        access_key=_word(attempt.get("AccessKey") or ""),
        client=_word(event.get("UserAgent") or attempt.get("UserAgent") or ""),
        result={
            "outcome": failed if is_error else "ok",
            "error": code or (f"HTTP {status}" if is_error else ""),
            "seconds": latency / 1000 if isinstance(latency, int | float) else None,
            "attempts": attempts if isinstance(attempts, int) else None,
            "request_id": _word(request_id or ""),
        },
    )


def _word(value: object) -> str:
    return one_line(value, 100)


def _report_nothing(_publisher: object, _event: object) -> None:
    """Do nothing, in place of a method of botocore."""
