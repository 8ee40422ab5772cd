"""The command for `credential_process` prints the credentials that the kernel lends."""

from __future__ import annotations

import json
import shlex
import socket
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.bindings.credential_process import command_line, main, read
from ipy_awsprofile.bindings.credential_server import Address, CredentialServer
from ipy_awsprofile.bindings.private_folder import PrivateFolder
from tests.bindings.borrowing import KERNEL_GONE, KERNEL_TESTS, run

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = KERNEL_TESTS


def test_the_client_needs_nothing_of_its_surroundings(address: Address, tmp_path: Path) -> None:
    """Neither the working directory nor the environment changes what the client imports."""
    (tmp_path / "json.py").write_text("raise SystemExit('imported by mistake')")
    done = run(
        address.command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "LC_ALL": "C"},
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def folder(temporary: Path) -> Iterator[PrivateFolder]:
    """Create the private folder of a running kernel, with a token."""
    folder = PrivateFolder()
    (folder.path / "token").write_text("x" * 64)
    yield folder
    folder.remove()


@pytest.fixture
def other(folder: PrivateFolder) -> Iterator[tuple[socket.socket, str, str]]:
    """Listen as a server that isn't a kernel, and yield its socket, its URL and a token file."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/1"
        yield listener, url, str(folder.path / "token")


@pytest.mark.parametrize(
    "answer", [b"", b"hello", b"HTTP/1.0 200 OK\r\n\r\nhello", b"HTTP/1.0 200 OK\r\n\r\n[1]"]
)
def test_a_server_that_is_no_kernel(other: tuple[socket.socket, str, str], answer: bytes) -> None:
    """The client fails with one line if a server answers with anything but credentials."""
    listener, url, token_file = other

    def respond() -> None:
        connection, _ = listener.accept()
        with closing(connection):
            connection.recv(1000)
            connection.sendall(answer)

    thread = threading.Thread(target=respond)
    thread.start()
    done = run(command_line("borrow", url, token_file))
    thread.join()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "The kernel that lent this identity has closed the connection.\n"


def test_a_server_on_the_port_of_a_killed_kernel(
    folder: PrivateFolder, other: tuple[socket.socket, str, str]
) -> None:
    """The client connects to no other server after the kernel was killed."""
    listener, url, token_file = other
    folder.release_in_fork()  # as the system does when the kernel is killed
    assert run(command_line("borrow", url, token_file)).stderr == KERNEL_GONE
    listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_a_kernel_that_is_killed_meanwhile(
    folder: PrivateFolder, other: tuple[socket.socket, str, str]
) -> None:
    """If the kernel has ended before the response, the client doesn't print the credentials."""
    listener, url, token_file = other
    credentials = json.dumps({"AccessKeyId": "a", "SecretAccessKey": "b", "Token": "c"})

    def respond() -> None:
        connection, _ = listener.accept()
        with closing(connection):
            connection.recv(1000)
            folder.release_in_fork()
            connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{credentials}".encode())

    thread = threading.Thread(target=respond)
    thread.start()
    done = run(command_line("borrow", url, token_file))
    thread.join()
    assert (done.returncode, done.stdout, done.stderr) == (1, "", KERNEL_GONE)


def test_a_kernel_that_is_busy(other: tuple[socket.socket, str, str]) -> None:
    """A client stops waiting for a kernel that doesn't answer."""
    _, url, token_file = other
    impatient = (
        "import sys\n"
        "from ipy_awsprofile.bindings import credential_process as client\n"
        "client.TIMEOUT = 0.2\n"
        f"sys.exit(client.main(['borrow', {url!r}, {token_file!r}]))"
    )
    done = run(shlex.join([sys.executable, "-c", impatient]))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The kernel is busy")


def test_keys_are_read_where_they_stand(tmp_path: Path) -> None:
    """The client prints the keys of a config file, with or without a session token."""
    config = tmp_path / "config"
    config.write_text(
        "[DEFAULT]\naws_access_key_id = AKIA\n"
        "[profile it's]\naws_secret_access_key = a%b\n"
        "[default]\naws_secret_access_key = c\naws_session_token = d\n"
    )
    its = run(command_line("read", str(config), "profile it's"))
    assert json.loads(its.stdout) == {
        "Version": 1,
        "AccessKeyId": "AKIA",
        "SecretAccessKey": "a%b",
    }
    assert json.loads(read(str(config), "default"))["SessionToken"] == "d"


@pytest.mark.parametrize(
    "text", ["", "[default]\naws_access_key_id = a\n", "[default\nhush", "\xff"]
)
def test_keys_that_are_there_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """If a config file has no keys, the error names the file but doesn't quote its content."""
    config = tmp_path / "config"
    config.write_text(text, encoding="latin-1")
    assert main(["read", str(config), "default"]) == 1
    assert capsys.readouterr() == ("", f"[default] of {config} no longer contains access keys.\n")


def test_other_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """If the arguments are wrong, the client prints its usage."""
    assert main(["lend"]) == 1
    assert capsys.readouterr() == ("", "Usage: borrow URL TOKEN_FILE | read FILE SECTION\n")


def test_the_client_in_this_process(
    server: CredentialServer, address: Address, capsys: pytest.CaptureFixture[str]
) -> None:
    """`main` prints credentials while the server is open, and an error after it has closed."""
    arguments = ["borrow", address.url, str(address.token_file)]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["Version"] == 1
    assert main(["borrow", f"{address.url}7", str(address.token_file)]) == 1
    assert capsys.readouterr() == ("", "No session is lent at this address.\n")
    server.close()
    assert main(arguments) == 1
    assert capsys.readouterr() == ("", KERNEL_GONE)
