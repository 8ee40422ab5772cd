"""The AWS CLI that is measured against: version 2 where there is one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path


@cache
def aws_cli() -> tuple[str, str]:
    """Find the AWS CLI: its command, and its version. That of the test's packages is version 1."""
    beside = str(Path(sys.executable).with_name("aws"))
    found = [(path, _version(path)) for path in (shutil.which("aws"), beside) if path]
    return max(found, key=lambda each: each[1].split(".")[0])


def _version(path: str) -> str:
    """Ask for a version, such as 2.31.0; a command that doesn't answer has an empty one."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.partition("/")[2].partition(" ")[0]
