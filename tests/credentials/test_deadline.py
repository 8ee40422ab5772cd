"""Each call that the package makes ends, whatever the server does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.httpsession import URLLib3Session

from ipy_awsprofile.buckets import list_buckets
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials import deadline
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import EndpointUnreachable, ServiceError
from ipy_awsprofile.libraries import dask_storage_options
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_session
from ipy_awsprofile.sessions.sso_sign_in import begin_device_sign_in
from tests.servers import Answers, dripping_server, odd_server, silent_server

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

CONFIG = """
[profile User]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = secret
region = us-east-1
endpoint_url = {url}
[profile Role]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = User
region = us-east-1
endpoint_url = {url}
[profile Container]
role_arn = arn:aws:iam::123456789012:role/R
credential_source = EcsContainer
region = us-east-1
[profile Sso]
sso_session = company
sso_account_id = 123456789012
sso_role_name = Reader
endpoint_url = {url}
[sso-session company]
sso_start_url = https://company.awsapps.com/start
sso_region = us-east-1
"""

OPERATIONS: dict[str, Callable[[], Any]] = {
    "a role": lambda: open_session("Role"),
    "a container": lambda: open_session("Container"),
    "an identity": lambda: who_am_i(open_session("User")),
    "buckets": lambda: list_buckets(open_session("User")),
    "short-lived keys": lambda: dask_storage_options(open_session("User")),
    "a sign-in": lambda: begin_device_sign_in(target_of(SessionRequest(profile="Sso"))),
}

OTHER_SERVERS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "silent": silent_server,
    "body": lambda: dripping_server(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"),
    "endless": lambda: dripping_server(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 4096),
}


def write(shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Write a config in which all profiles use the server."""
    shared_files[0].write_text(CONFIG.format(url=url))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/credentials")


@pytest.mark.parametrize(
    ("operation", "server"),
    [*((name, "headers") for name in OPERATIONS), *(("a role", kind) for kind in OTHER_SERVERS)],
)
def test_a_server_that_never_comes_to_an_end(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, operation: str, server: str
) -> None:
    """An operation ends at its deadline, even if no single read times out."""
    monkeypatch.setattr(deadline, "LIMIT", 0.1)
    with OTHER_SERVERS.get(server, dripping_server)() as url:
        write(shared_files, monkeypatch, url)
        with pytest.raises(EndpointUnreachable, match=f"{url} didn't respond in time for `"):
            OPERATIONS[operation]()


@pytest.mark.slow
def test_an_attempt(shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """If a server is slow, each attempt ends at the timeout."""
    with dripping_server() as url:
        write(shared_files, monkeypatch, url)
        with pytest.raises(EndpointUnreachable, match="didn't respond in time for `Role`"):
            open_session("Role", timeout=0.1)


def test_too_large(shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that is much larger than any AWS response raises an error."""
    with odd_server(Answers((200, "x" * 5_000_000))) as url:
        write(shared_files, monkeypatch, url)
        with pytest.raises(ServiceError, match="got a response that isn't from AWS"):
            open_session("Role")


def left() -> float | None:
    """Return the seconds that calls in the block can still wait, which no public name shows."""
    limit = deadline._in_force()
    return limit.left if limit else None


def test_outermost_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block inside another block doesn't restart the time limit."""
    with translated(("P",)):
        monkeypatch.setattr(deadline, "LIMIT", 9.0)
        with deadline.limited(), translated(("P",)):
            assert left() == 20.0
    assert left() is None
    with deadline.limited():
        assert left() == 9.0


@pytest.mark.parametrize("begin", [deadline.limited, partial(translated, ("P",))])
def test_what_an_interrupt_has_left_behind(
    begin: Callable[[], AbstractContextManager[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Ctrl-C prevents a block from ending, its time limit doesn't apply to later calls."""

    def interrupted_at_its_end() -> None:
        begin().__enter__()
        assert left() == 20.0

    interrupted_at_its_end()
    assert left() is None
    monkeypatch.setattr(deadline, "LIMIT", 9.0)
    with deadline.limited():
        assert left() == 9.0


def test_pages_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page that arrives restarts the time limit, because the server is responding."""
    with deadline.limited():
        monkeypatch.setattr(deadline, "LIMIT", 7.0)
        deadline.begin_again()
        assert left() == 7.0


def test_at_the_end_of_the_process(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the interpreter is ending and can't start a thread, the call runs without a thread."""
    start = threading.Thread.start

    def fail(thread: threading.Thread) -> None:
        if thread.name == "call to AWS":
            raise RuntimeError("can't create new thread at interpreter shutdown")
        start(thread)

    with odd_server(Answers((403, "<ErrorResponse><Error/></ErrorResponse>"))) as url:
        write(shared_files, monkeypatch, url)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            with pytest.raises(ServiceError):
                open_session("Role")


def test_clients_of_the_user(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own clients use botocore's HTTP session."""
    write(shared_files, monkeypatch, "http://127.0.0.1:9")
    client: Any = open_session("User").client("s3")
    assert type(client._endpoint.http_session) is URLLib3Session
