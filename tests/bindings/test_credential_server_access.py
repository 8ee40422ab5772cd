"""Only the user's processes can borrow a session."""

from __future__ import annotations

import socket
import urllib.request
from contextlib import ExitStack, suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from ipy_awsprofile.bindings.credential_process import borrowed
from ipy_awsprofile.bindings.credential_server import Address, CredentialServer
from ipy_awsprofile.sessions.session import open_session
from tests.bindings.borrowing import (
    KERNEL_TESTS,
    as_nobody,
    children,
    lent,
    needs_proc,
    needs_root,
)

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

pytestmark = KERNEL_TESTS


def test_only_the_user_can_read(address: Address) -> None:
    """Only the user can access the folder and the token."""
    folder = address.token_file.parent
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert modes == {"token": 0o600, "lock": 0o600, "1": 0o700}


@needs_proc
def test_no_secret_to_be_seen(aws: EmbeddedAws, server: CredentialServer, address: Address) -> None:
    """No file, argument or environment variable contains a secret, except the token's file."""
    lent(address)
    token = address.token_file.read_bytes()
    secrets = {secret.encode() for secret in aws.secrets()} | {token}
    seen = address.command.encode() + repr(server).encode() + repr(address).encode()
    for process in children():
        seen += (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    for file in address.token_file.parent.rglob("*"):
        if file.is_file() and file.name != "token":
            seen += file.read_bytes()
    assert address.url.encode() in seen
    assert not [secret for secret in secrets if secret in seen]
    assert not [secret for secret in aws.secrets() if secret.encode() in token]


@needs_root
def test_another_user_gets_nothing(address: Address) -> None:
    """Another user of the machine can't read the token, and gets an error without it."""
    url, token_file = address.url, str(address.token_file)
    assert as_nobody(lambda: borrowed(url, token_file).decode()) == (
        "NothingPrintedError: This identity is lent to another user."
    )
    assert as_nobody(lambda: answer_to(address, {}).decode()).startswith(
        "HTTPError: HTTP Error 401"
    )


def made(folder: Path) -> str:
    """Create a folder, and return a text."""
    folder.mkdir()
    return "made"


@needs_root
def test_nobody_else_gets_the_name_of_a_server_that_has_ended(
    aws: EmbeddedAws, server: CredentialServer
) -> None:
    """No other user can create the folder of a closed server, whose path children still know."""
    folder = server.lend(open_session("RoleBeta")).token_file.parent
    server.close()
    assert as_nobody(lambda: made(folder)).startswith("PermissionError")
    assert not folder.exists()


def answer_to(address: Address, headers: dict[str, str]) -> bytes:
    """Return the server's answer to a request with these headers."""
    with urllib.request.urlopen(urllib.request.Request(address.url, headers=headers)) as answer:
        body: bytes = answer.read()
    return body


@pytest.mark.parametrize("token", [None, "", "x" * 64, "é", "Bearer {token}", "{token} "])
def test_a_wrong_token_gets_nothing(address: Address, token: str | None) -> None:
    """The server refuses a client without the exact token, and still serves other clients."""
    real = address.token_file.read_text()
    headers = {} if token is None else {"Authorization": token.format(token=real + "x")}
    with pytest.raises(HTTPError) as refused:
        answer_to(address, headers)
    assert refused.value.code == HTTPStatus.UNAUTHORIZED
    assert b"AccessKeyId" not in refused.value.read()
    assert lent(address)["Version"] == 1


def test_another_address_has_nothing(address: Address) -> None:
    """If no session is lent at a path, the server answers 404, even with the token."""
    other = replace(address, url=f"{address.url}7")
    with pytest.raises(HTTPError) as refused:
        answer_to(other, {"Authorization": address.token_file.read_text()})
    assert refused.value.code == HTTPStatus.NOT_FOUND


def place_of(address: Address) -> tuple[str, int]:
    """Return the host and the port of an address."""
    place = urlsplit(address.url)
    return str(place.hostname), int(place.port or 0)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /1 HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"\xff" * 70_000,
        bytes(range(256)) * 16,
    ],
    ids=range(7),  # pytest writes them into the environment, which has no room for the bytes
)
def test_garbage_and_silence_keep_nobody_waiting(address: Address, garbage: bytes) -> None:
    """Whatever a client sends, and whether or not it disconnects, the server serves the next."""
    with ExitStack() as clients:
        for leaves in (True, False) * 3:
            client = clients.enter_context(socket.create_connection(place_of(address)))
            with suppress(OSError):
                client.sendall(garbage)
            if leaves:
                client.close()
        assert lent(address)["Version"] == 1


def test_nothing_is_printed(address: Address, capfd: pytest.CaptureFixture[str]) -> None:
    """The server prints neither its requests nor its refusals into the notebook."""
    lent(address)
    with pytest.raises(HTTPError):
        answer_to(address, {})
    with socket.create_connection(place_of(address)) as client:
        client.sendall(b"nonsense\r\n\r\n")
        client.recv(1000)
    assert capfd.readouterr() == ("", "")
