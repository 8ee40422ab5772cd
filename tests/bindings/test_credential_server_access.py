"""Only the user's processes get a lent session, and no client delays another."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, closing, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.bindings.credential_process import address_of, borrowed
from ipy_awsprofile.bindings.credential_server import CredentialServer
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.session import open_session
from tests.bindings.borrowing import KERNEL_TESTS, children, lent, needs_proc

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws

pytestmark = KERNEL_TESTS

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_only_the_user_can_read(server: CredentialServer) -> None:
    """Only the user can access the folder, the socket and the token."""
    modes = {path.name: path.stat().st_mode & 0o777 for path in server.folder.iterdir()}
    assert server.folder.stat().st_mode & 0o777 == 0o700
    assert modes == {"socket": 0o600, "token": 0o600}


@needs_proc
def test_no_secret_to_be_seen(aws: EmbeddedAws, server: CredentialServer) -> None:
    """No file, argument or environment variable contains a secret, except the token's file."""
    lent(server)
    token = (server.folder / "token").read_bytes()
    secrets = {secret.encode() for secret in aws.secrets()} | {token, token.hex().encode()}
    seen = server.command.encode() + repr(server).encode()
    for process in children():
        seen += (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    for file in server.folder.rglob("*"):
        if file.is_file() and file.name != "token":
            seen += file.read_bytes()
    assert b"shutil.rmtree" in seen  # the remover's arguments are part of it
    assert not [secret for secret in secrets if secret in seen]
    assert not [secret for secret in aws.secrets() if secret.encode() in token]


def as_nobody(act: Callable[[], str]) -> str:
    """Call a function as another user, in a new process; return its text or its error."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.setresuid(65534, 65534, 65534)
            said = act()
        except BaseException as error:  # noqa: BLE001  # a forked test must not go on
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        said = answer.read()
    os.waitpid(process, 0)
    return said


@needs_root
def test_another_user_gets_nothing(server: CredentialServer) -> None:
    """Another user of the machine can't access the folder's files."""
    folder = str(server.folder)
    assert as_nobody(lambda: borrowed(folder).decode()) == (
        "NothingPrintedError: This identity is lent to another user."
    )


@needs_root
@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="the system doesn't report the user")
def test_another_user_gets_nothing_even_with_the_token(server: CredentialServer) -> None:
    """Even if the folder is open to others, the server refuses processes of other users."""
    folder = str(server.folder)
    for entered in (server.folder, server.folder.parent):
        entered.chmod(0o755)
    for file in server.folder.iterdir():
        file.chmod(0o666)
    assert as_nobody(lambda: str(len(os.listdir(folder)))) == "2"
    assert as_nobody(lambda: borrowed(folder).decode()) == (
        "NothingPrintedError: The kernel that lent this identity has closed the connection."
    )
    assert lent(server)["Version"] == 1


def made(folder: Path) -> str:
    """Create a folder, and return a text."""
    folder.mkdir()
    return "made"


@needs_root
def test_nobody_else_gets_the_name_of_a_server_that_has_ended(aws: EmbeddedAws) -> None:
    """No other user can create the folder of a closed server, whose path children still have."""
    with CredentialServer(open_session("RoleBeta")) as server:
        folder = server.folder
    assert as_nobody(lambda: made(folder)).startswith("PermissionError")
    assert not folder.exists()


@needs_root
def test_folder_of_another_user(aws: EmbeddedAws, temporary: Path) -> None:
    """If another user has created the parent folder, nothing is lent, and the error says why."""
    temporary.chmod(0o1777)
    squatted = temporary / f"ipy-awsprofile-{os.geteuid()}"
    assert as_nobody(lambda: made(squatted)) == "made"
    with pytest.raises(CredentialsUnavailable, match=r"isn't a private folder of this user"):
        CredentialServer(open_session("RoleBeta")).start()
    squatted.rmdir()
    with CredentialServer(open_session("RoleBeta")) as server:
        assert server.folder.parent == squatted


def test_a_wrong_token_gets_nothing(server: CredentialServer) -> None:
    """A client without the token is refused, and others are served."""
    address = address_of(str(server.folder))
    with pytest.raises(AuthenticationError):
        Client(address, authkey=b"x" * 32)
    assert lent(server)["Version"] == 1


def test_no_token_gets_nothing(server: CredentialServer) -> None:
    """A client without a handshake gets a challenge, and is refused."""
    with Client(address_of(str(server.folder))) as client:
        said = [client.recv_bytes()]
        client.send_bytes(b"let me in")
        with suppress(EOFError):
            while True:
                said.append(client.recv_bytes())
    assert b"CHALLENGE" in said[0]
    assert said[1:] == [b"#FAILURE#"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\0\0\4abc",
        b"\0\0\0\4abcd",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\1\0" + b"x" * 256,
        bytes(range(256)) * 16,
    ],
)
def test_garbage_and_silence_keep_nobody_waiting(server: CredentialServer, garbage: bytes) -> None:
    """Whatever a client sends, and whether it leaves or stays, the next one is served."""
    with ExitStack() as clients:
        for leaves in (True, False) * 3:
            client = clients.enter_context(closing(socket.socket(socket.AF_UNIX)))
            client.connect(address_of(str(server.folder)))
            with suppress(OSError):
                client.sendall(garbage)
            if leaves:
                client.close()
        assert lent(server)["Version"] == 1


def test_silence_ends(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection of a silent client is closed after the timeout."""
    monkeypatch.setattr("ipy_awsprofile.bindings.credential_server._TIMEOUT", 1)
    session = open_session("RoleBeta")
    for word in (b"", b"\0\0"):
        with CredentialServer(session) as server, closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(30)
            client.connect(address_of(str(server.folder)))
            client.sendall(word)
            while client.recv(1000):
                pass
