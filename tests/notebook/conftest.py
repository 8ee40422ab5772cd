"""A fixture for IPython in a real terminal."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pexpect

    from ipy_awsprofile.demo.aws import EmbeddedAws


@pytest.fixture
def ipython(aws: EmbeddedAws, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """Start IPython in a terminal, and load the extension."""
    pexpect = pytest.importorskip("pexpect")
    started = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", "--no-confirm-exit", "--ext=ipy_awsprofile"],
        env=os.environ
        | {"TERM": "xterm", "IPYTHONDIR": str(tmp_path), "PROMPT_TOOLKIT_NO_CPR": "1"},
        encoding="utf-8",
        dimensions=(24, 100),
        timeout=120,
    )
    yield started
    # On a busy machine, `close` doesn't wait long enough for its signal to take effect.
    started.kill(signal.SIGKILL)
    started.wait()
    started.close()
