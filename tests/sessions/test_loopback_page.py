"""A loopback page responds to every browser, even with many other clients, and closes cleanly."""

from __future__ import annotations

import errno
import socket
import threading
import urllib.request
from contextlib import ExitStack, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit

import pytest

from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions import loopback_page
from ipy_awsprofile.sessions.loopback_page import LoopbackPage
from ipy_awsprofile.sessions.loopback_server import MOST_CONNECTIONS, Response
from ipy_awsprofile.sessions.oauth_callback import OAuthCallback
from tests.bindings.borrowing import as_nobody, eventually, needs_proc, needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def page() -> Iterator[LoopbackPage]:
    """Open a page that responds with the requested path, and is done after `/last`."""
    seen: list[str] = []

    def respond(path: str) -> Response:
        seen.append(path)
        status = HTTPStatus.NOT_FOUND if path == "/missing" else HTTPStatus.OK
        return Response(status, path.encode(), (("X-Path", path),))

    page = LoopbackPage(respond, lambda: "/last" in seen, seconds=60)
    yield page
    page.close()


def get(page: LoopbackPage, path: str) -> str:
    """Return the page's response to a path."""
    with urllib.request.urlopen(f"{page.url}{path}", timeout=30) as response:
        assert response.headers["X-Path"] == path
        text: str = response.read().decode()
        return text


def connected(url: str) -> socket.socket:
    """Connect to a server, and send nothing."""
    place = urlsplit(url)
    return socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=30)


def is_refused(url: str) -> bool:
    """Return whether an address refuses connections."""
    try:
        connected(url).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # the server is closing
        return False
    return False


def page_threads() -> list[threading.Thread]:
    """Return the threads of pages and their connections."""
    names = ("loopback page", "loopback connection")
    return [thread for thread in threading.enumerate() if any(n in thread.name for n in names)]


def test_responses(page: LoopbackPage) -> None:
    """The page responds to each path until it is done."""
    assert get(page, "/first") == "/first"
    with pytest.raises(HTTPError, match="404"):
        get(page, "/missing")
    with pytest.raises(HTTPError, match="501"):
        urllib.request.urlopen(page.url, b"posted")
    assert get(page, "/last") == "/last"
    assert eventually(lambda: is_refused(page.url))


@pytest.mark.slow
def test_silent_connections(page: LoopbackPage) -> None:
    """Many silent connections don't keep a browser waiting, and closing the page ends them."""
    with ExitStack() as clients:
        silent = [clients.enter_context(connected(page.url)) for _ in range(300)]
        for client in silent[::3]:
            with suppress(OSError):
                client.sendall(b"GET /half")
        assert get(page, "/first") == "/first"
        assert len(page_threads()) <= MOST_CONNECTIONS + 2
        page.close()
        assert page_threads() == []
        for client in silent:
            with suppress(ConnectionResetError):
                while client.recv(1000):
                    pass
    assert is_refused(page.url)


def test_time_limit(page: LoopbackPage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page closes a connection that stays silent for the time limit."""
    monkeypatch.setattr(loopback_page._Request, "timeout", 0.1)
    for words in (b"", b"GET /half"):
        with connected(page.url) as client:
            client.sendall(words)
            assert client.recv(100) == b""
    assert get(page, "/first") == "/first"


def test_a_page_that_is_never_closed() -> None:
    """A page that isn't closed ends after its time limit."""
    page = LoopbackPage(lambda _: Response(HTTPStatus.OK), lambda: False, seconds=0.01)
    assert eventually(lambda: is_refused(page.url))


def test_response_during_the_end() -> None:
    """Closing the page waits until a response in progress is sent."""
    begun, go_on = threading.Event(), threading.Event()

    def respond(_path: str) -> Response:
        begun.set()
        go_on.wait(30)
        return Response(HTTPStatus.OK, b"whole")

    page = LoopbackPage(respond, lambda: False, seconds=60)
    with connected(page.url) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        begun.wait(30)
        closing = threading.Thread(target=page.close)
        closing.start()
        assert eventually(lambda: is_refused(page.url))
        go_on.set()
        with client.makefile("rb") as file:
            assert file.read().endswith(b"whole")
        closing.join()


@needs_root
@needs_proc
@pytest.mark.parametrize(
    ("family", "host"),
    [
        (socket.AF_INET, "127.0.0.1"),
        pytest.param(
            *(socket.AF_INET6, "::ffff:127.0.0.1"),
            marks=pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6"),
        ),
    ],
)
def test_another_user(page: LoopbackPage, family: socket.AddressFamily, host: str) -> None:
    """The page responds to the user's processes only, with IPv4 and IPv6 sockets."""

    def response() -> str:
        with socket.socket(family) as client:
            client.connect((host, urlsplit(page.url).port))
            client.sendall(b"GET /first HTTP/1.0\r\n\r\n")
            with client.makefile() as file:
                return file.read()

    assert as_nobody(response) in {"", "ConnectionResetError: [Errno 104] Connection reset by peer"}
    assert response().endswith("/first")


def test_garbage_prints_nothing(page: LoopbackPage, capfd: pytest.CaptureFixture[str]) -> None:
    """Malformed requests print nothing, and the next request gets its response."""
    for garbage in (b"\0", b"\xff" * 70_000, b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n" * 5000):
        with connected(page.url) as client, suppress(OSError):
            client.sendall(garbage)
    assert get(page, "/first") == "/first"
    assert capfd.readouterr() == ("", "")


def test_no_secret_in_a_repr() -> None:
    """The reprs of a response and of a callback hide the code and the state."""
    response = Response(HTTPStatus.FOUND, b"hush", (("Location", "hush"),))
    assert repr(response) == "<Response 302>"
    callback = OAuthCallback()
    callback.code = "hush"
    shown = repr(callback) + repr(vars(callback)["_page"])
    callback.close()
    assert "hush" not in shown
    assert callback.pkce.state not in shown


def test_sign_in_beside_a_silent_connection() -> None:
    """A silent connection that a browser opened earlier doesn't block the sign-in's callback."""
    callback = OAuthCallback()
    with connected(callback.redirect_uri):
        query = f"state={callback.pkce.state}&code=from-aws"
        with urllib.request.urlopen(f"{callback.redirect_uri}?{query}", timeout=30) as response:
            assert b"You can close this page" in response.read()
    assert callback.code == "from-aws"
    callback.close()
    assert page_threads() == []


@pytest.mark.parametrize("state", ["", "x", "é", "%ff", "x" * 43])
def test_another_state(state: str) -> None:
    """A callback with another state is refused, even if the right state follows it."""
    callback = OAuthCallback()
    query = f"state={quote(state, safe='%')}x&state={callback.pkce.state}&code=x"
    with pytest.raises(HTTPError, match="400"):
        urllib.request.urlopen(f"{callback.redirect_uri}?{query}")
    assert callback.code is None
    callback.close()


@pytest.mark.parametrize("second", ["code=y", "error=access_denied"])
def test_the_first_answer_counts(second: str) -> None:
    """A second callback with the same state doesn't replace the first."""
    callback = OAuthCallback()
    path = f"{urlsplit(callback.redirect_uri).path}?state={callback.pkce.state}"
    responses = [callback._respond(f"{path}&{answer}") for answer in ("code=x", second)]
    assert [response.status for response in responses] == [HTTPStatus.OK] * 2
    assert (callback.code, callback.is_refused) == ("x", False)
    callback.close()


def test_a_machine_without_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the machine has no 127.0.0.1, the error says so and suggests `--device-code`."""

    def bind(*_: object) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(loopback_page._Server, "server_bind", bind)
    with pytest.raises(CredentialsUnavailable, match=r"127\.0\.0\.1: Cannot assign") as refused:
        OAuthCallback()
    assert "--device-code" in refused.value.hint
