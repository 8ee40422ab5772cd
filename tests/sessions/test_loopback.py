"""Connections of other users' programs to the kernel's ports don't disturb the user."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack

import pytest

from ipy_awsprofile.config.shared import NOTEBOOK, fetch_shared, shared_file
from tests.shells import Shell


def is_closed(connection: socket.socket) -> bool:
    """Return whether the kernel has closed a connection."""
    try:
        return connection.recv(1, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.usefixtures("aws")
def test_connections_that_prove_nothing(shell: Shell) -> None:
    """At most 32 stay open, for 2 seconds, however slowly they talk; programs are answered."""
    shell.good("%aws_profile RoleBeta\n%aws_profile --share --yes")
    port = json.loads(shared_file().read_bytes())["port"]
    with ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(100)
        ]
        assert json.loads(fetch_shared(NOTEBOOK))["AccessKeyId"]
        assert sum(not is_closed(connection) for connection in opened) <= 32
        while not is_closed(opened[-1]):
            opened[-1].sendall(b"x")
            time.sleep(0.1)
        assert all(map(is_closed, opened))
