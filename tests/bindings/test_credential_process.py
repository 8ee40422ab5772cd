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

import boto3
import pytest

from ipy_awsprofile.bindings.credential_process import command_line, main, read
from ipy_awsprofile.bindings.credential_server import CredentialServer
from tests.bindings.borrowing import KERNEL_GONE, KERNEL_TESTS, run

if TYPE_CHECKING:
    pass


pytestmark = KERNEL_TESTS


def test_the_client_needs_nothing_of_its_surroundings(
    server: CredentialServer, tmp_path: Path
) -> None:
    """The working directory and the environment don't change what the client imports."""
    (tmp_path / "json.py").write_text("raise SystemExit('imported by mistake')")
    done = run(
        server.command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "LC_ALL": "C"},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_server_that_is_no_kernel(temporary: Path) -> None:
    """A client accepts nothing from a server that doesn't have the token."""
    (temporary / "token").write_bytes(b"x" * 32)
    with closing(socket.socket(socket.AF_UNIX)) as other:
        other.bind(str(temporary / "socket"))
        other.listen()

        def answer() -> None:
            connection, _ = other.accept()
            with closing(connection):
                connection.sendall(b"\0\0\0\5hello")

        thread = threading.Thread(target=answer)
        thread.start()
        done = run(command_line("borrow", str(temporary)))
        thread.join()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "The kernel that lent this identity has closed the connection.\n"


def test_a_kernel_that_is_busy(temporary: Path) -> None:
    """A client stops waiting for a kernel that doesn't answer."""
    (temporary / "token").write_bytes(b"x" * 32)
    with closing(socket.socket(socket.AF_UNIX)) as other:
        other.bind(str(temporary / "socket"))
        other.listen()
        impatient = (
            "import sys\n"
            "from ipy_awsprofile.bindings import credential_process as client\n"
            "client.TIMEOUT = 0.2\n"
            f"sys.exit(client.main(['borrow', {str(temporary)!r}]))"
        )
        done = run(shlex.join([sys.executable, "-c", impatient]))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The kernel is busy")


def test_keys_are_read_where_they_stand(tmp_path: Path) -> None:
    """Keys of a config file are printed, with or without a session token."""
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
    """The error names a config file without keys, but doesn't quote it."""
    config = tmp_path / "config"
    config.write_text(text, encoding="latin-1")
    assert main(["read", str(config), "default"]) == 1
    assert capsys.readouterr() == ("", f"[default] of {config} no longer contains access keys.\n")


def test_other_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """The error for wrong arguments is the usage."""
    assert main(["lend"]) == 1
    assert capsys.readouterr() == ("", "Usage: borrow FOLDER | read FILE SECTION\n")


def test_the_client_in_this_process(
    server: CredentialServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The function prints credentials while the server is open, and an error afterwards."""
    folder = str(server.folder)
    assert main(["borrow", folder]) == 0
    assert json.loads(capsys.readouterr().out)["Version"] == 1
    server._session = boto3.Session(profile_name="UserAlpha")
    assert main(["borrow", folder]) == 1
    assert "long-term keys" in capsys.readouterr().err
    server.close()
    assert main(["borrow", folder]) == 1
    assert capsys.readouterr() == ("", KERNEL_GONE)
