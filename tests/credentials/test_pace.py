"""The rate of many calls adapts to the limits of each service."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, ClassVar

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from ipy_awsprofile.credentials.pace import Pace

ONCE = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})


class Portal(BaseHTTPRequestHandler):
    """An access portal that responds with ``statuses``, then with empty lists."""

    statuses: ClassVar[list[int]] = []
    retry_after: ClassVar[str] = ""
    times: ClassVar[list[float]] = []

    def do_GET(self) -> None:
        """Answer ListAccounts."""
        self.times.append(time.monotonic())
        status = self.statuses.pop(0) if self.statuses else 200
        body = b'{"accountList": []}' if status == 200 else b"slow down"
        self.send_response(status)
        if status != 200 and self.retry_after:
            self.send_header("Retry-After", self.retry_after)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Suppress the log."""


@pytest.fixture
def portal() -> Iterator[str]:
    """Start the portal, and yield its URL."""
    Portal.statuses, Portal.retry_after, Portal.times = [], "", []
    with ThreadingHTTPServer(("127.0.0.1", 0), Portal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def pace() -> Pace:
    return Pace()


@pytest.fixture
def client(portal: str, pace: Pace) -> Any:
    """Create a client that uses the pace."""
    return pace.keep(boto3.client("sso", "us-east-1", endpoint_url=portal, config=ONCE))


@pytest.mark.slow
def test_any_number_of_attempts(client: Any, pace: Pace) -> None:
    """A throttled call is retried until it succeeds, even without an error code."""
    client.list_accounts(accessToken="token")
    assert not pace.is_slowed
    Portal.statuses = [429] * 12
    assert client.list_accounts(accessToken="token")["accountList"] == []
    assert len(Portal.times) == 14
    assert pace.is_slowed


@pytest.mark.slow
@pytest.mark.parametrize(("header", "seconds"), [("1", 1.0), ("Fri, 27 Nov 2026", 0.0)])
def test_retry_after(client: Any, header: str, seconds: float) -> None:
    """The next call waits for the number of seconds in the Retry-After header."""
    Portal.statuses, Portal.retry_after = [429], header
    client.list_accounts(accessToken="token")
    first, second = Portal.times
    assert second - first >= seconds


def test_other_errors(client: Any) -> None:
    """The pace doesn't retry other errors."""
    Portal.statuses = [400]
    with pytest.raises(ClientError):
        client.list_accounts(accessToken="token")
    assert len(Portal.times) == 1


@pytest.mark.slow
def test_patience(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a service throttles a call for too long, the call fails, and a later call can succeed."""
    monkeypatch.setattr("ipy_awsprofile.credentials.pace._PATIENCE", 0.2)
    Portal.statuses = [429] * 1000
    with pytest.raises(ClientError, match="429"):
        client.list_accounts(accessToken="token")
    Portal.statuses = []
    client.list_accounts(accessToken="token")
    Portal.statuses = [429]
    assert client.list_accounts(accessToken="token")["accountList"] == []


def test_each_service_has_its_rate(
    client: Any, pace: Pace, portal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a service throttles calls, calls to other services keep their rate."""
    released = threading.Event()
    clock = SimpleNamespace(
        monotonic=time.monotonic, sleep=lambda seconds: seconds > 1 and released.wait(60)
    )
    monkeypatch.setattr("ipy_awsprofile.credentials.pace.time", clock)
    other: Any = boto3.client("sso-oidc", "us-east-1", endpoint_url=portal, config=ONCE)
    pace.keep(other)
    Portal.statuses, Portal.retry_after = [429], "20"
    with ThreadPoolExecutor(1) as pool:
        throttled = pool.submit(client.list_accounts, accessToken="token")
        while not pace.is_slowed:
            time.sleep(0.01)
        with pytest.raises(ClientError):  # this portal doesn't know the call
            other.register_client(clientName="name", clientType="public")
        assert not throttled.done()
        released.set()
        assert throttled.result()["accountList"] == []
