"""A process that ends with the test that started it, even if the test is killed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Starts a process, and stops it when standard input is closed, because the tests closed it or were
#: killed. JupyterLab can hang at its end, in `threading._shutdown`, so the supervisor kills it
#: after a few seconds.
_SUPERVISOR = """
import subprocess, sys, threading

process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)

def end():
    sys.stdin.buffer.read()
    process.terminate()
    try:
        process.wait(timeout=float(sys.argv[1]))
    except subprocess.TimeoutExpired:
        process.kill()

threading.Thread(target=end, daemon=True).start()
sys.exit(process.wait())
"""


@contextmanager
def supervised(
    command: Sequence[str], *, grace: float = 5, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command during a ``with`` block, then give it ``grace`` seconds to stop.

    The command is also stopped if this process is killed. Ctrl-C doesn't reach it.
    """
    supervisor = [sys.executable, "-S", "-c", _SUPERVISOR, str(grace)]
    process = subprocess.Popen(
        [*supervisor, *command], stdin=subprocess.PIPE, start_new_session=True, **options
    )
    try:
        yield process
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(timeout=grace + 30)
