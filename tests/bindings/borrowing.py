"""Child processes that borrow a session, and a process that lends one as a kernel does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.compat import compat_shell_split

from ipy_awsprofile.bindings.credential_server import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws

#: An address at which no session is lent, for tests that only read its fields.
NOWHERE = Address("http://127.0.0.1:9/1", Path("/lent/token"), "borrow", Path("/lent/1"))

KERNEL_GONE = "The kernel that lent this identity has ended.\n"

#: The marks of each module that tests lent sessions.
KERNEL_TESTS = [
    pytest.mark.skipif(os.name == "nt", reason="sockets, forks and users are those of POSIX"),
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")


def run(command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a `credential_process` as an SDK does."""
    return subprocess.run(
        compat_shell_split(command),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def lent(address: Address) -> dict[str, Any]:
    """Return the credentials that are lent at an address."""
    done = run(address.command)
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def arn_of(document: dict[str, Any], aws: EmbeddedAws) -> str:
    """Return the ARN that STS reports for these credentials."""
    sts = boto3.client(
        "sts",
        region_name="us-west-2",
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=document["AccessKeyId"],
        aws_secret_access_key=document["SecretAccessKey"],
        aws_session_token=document["SessionToken"],
    )
    return str(sts.get_caller_identity()["Arn"])


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait up to 30 seconds for a condition, and return whether it is met."""
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def children() -> list[Path]:
    """Return the child processes of this process, as folders in /proc."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if f"\nPPid:\t{os.getpid()}\n" in status.read_text():
                found.append(status.parent)
    return found


KERNEL = """
import os, signal, sys
from ipy_awsprofile.bindings.credential_server import CredentialServer
from ipy_awsprofile.sessions.session import open_session

server = CredentialServer()
address = server.lend(open_session("RoleBeta"))
print(address.command, flush=True)
"""


def kernel(code: str) -> tuple[subprocess.Popen[str], str]:
    """Start a process that lends a session, then runs the code; return it and the command."""
    process = subprocess.Popen(
        [sys.executable, "-c", KERNEL + code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    return process, process.stdout.readline().strip()


def as_nobody(act: Callable[[], str]) -> str:
    """Call a function as another user in a new process, and return its text or its error."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.setresuid(65534, 65534, 65534)
            said = act()
        except BaseException as error:  # noqa: BLE001  # a forked test must not continue
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        said = answer.read()
    os.waitpid(process, 0)
    return said
