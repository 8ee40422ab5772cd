"""Find the AWS CLI to compare with, preferably version 2."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path


@cache
def aws_cli() -> tuple[str, str]:
    """Return the path and the version of the AWS CLI; the extra `test` installs version 1."""
    beside = str(Path(sys.executable).with_name("aws"))
    found = [(path, _version(path)) for path in (shutil.which("aws"), beside) if path]
    return max(found, key=lambda each: each[1].split(".")[0])


def _version(path: str) -> str:
    """Return a command's version, such as 2.31.0; empty if it doesn't print one."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.partition("/")[2].partition(" ")[0]
