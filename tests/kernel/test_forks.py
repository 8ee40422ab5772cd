"""Processes that are forked while another thread of the kernel is busy."""

from __future__ import annotations

import subprocess
import sys

from tests.aws import EmbeddedAws
from tests.processes import posix

#: A thread holds the lock of the active credentials, as it does while it renews them or asks, and
#: those of the extension. Then the main thread forks.
FORKS = """
import os, signal, threading
import boto3
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "ipy_awsprofile")
shell.run_line_magic("aws_profile", "RoleBeta --quiet")
session = shell.user_ns["session"]
credentials = session.get_credentials()
held, go = threading.Event(), threading.Event()

def renew():
    with credentials._refresh_lock:
        held.set()
        go.wait()

threading.Thread(target=renew, daemon=True).start()
held.wait()
expiry = credentials._expiry_time
credentials._expiry_time = expiry.fromtimestamp(0, expiry.tzinfo)
child = os.fork()
if child == 0:
    signal.alarm(20)
    print(boto3.client("sts").get_caller_identity()["Arn"], flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
go.set()
"""


@posix
def test_a_child_has_its_own_locks(aws: EmbeddedAws) -> None:
    """A forked child doesn't wait for a lock that another thread of the kernel held."""
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True)
    arn, status = done.stdout.splitlines()[-2:]
    assert ":assumed-role/RoleBeta/" in arn
    assert status == "0"
