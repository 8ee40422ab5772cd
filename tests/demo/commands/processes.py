"""The package's commands, run as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def started(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None, **more: Any
) -> subprocess.Popen[str]:
    """Start a command in a new process group, with `cwd/temporary` for its temporary files."""
    temporary = cwd / "temporary"
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "ipy_awsprofile", *arguments],
        cwd=cwd,
        env=os.environ | {"TMPDIR": str(temporary), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **more,
    )
