"""Processes that tests start, and what tests need of the system and its tools."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer

import pytest

#: Skips a test of what Windows doesn't have: signals between processes, forks, links, scripts.
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")

#: The variables of a process whose encoding isn't UTF-8. On Windows, it is often cp1252.
OTHER_ENCODING = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

_LEFT_OUT = re.compile(r"needs (?P<tool>.+) \(Debian: `apt install (?P<package>[\w ]+)`\)")


def use_time_zone(name: str) -> None:
    """Use a time zone in this process, which on Windows is always the system's."""
    os.environ["TZ"] = name
    if hasattr(time, "tzset"):
        time.tzset()


def missing(tool: str, package: str) -> BaseException:
    """Return the exception that skips the test for a missing tool, or fails it in CI."""
    give_up = pytest.fail if os.environ.get("CI") else pytest.skip
    return give_up.Exception(f"needs {tool} (Debian: `apt install {package}`)")


def is_private(path: Path) -> bool:
    """Return whether only the user can read a file or folder. On Windows, modes don't say that."""
    return sys.platform == "win32" or not path.stat().st_mode & 0o077


def left_out(reasons: Iterable[str]) -> list[str]:
    """Return a line for each missing tool, from the reasons of skipped tests."""
    matches = [match for reason in reasons if (match := _LEFT_OUT.search(reason))]
    counted = [(need["tool"], need["package"]) for need in matches]
    lines = [
        f"{counted.count(pair)} test{'s' if counted.count(pair) > 1 else ''} without {pair[0]}"
        for pair in dict.fromkeys(counted)
    ]
    packages = " ".join(dict.fromkeys(package for _, package in counted))
    return [*lines, f"To install the missing tools on Debian, run: apt install {packages}"] * bool(
        matches
    )


#: Answers each environment with the caller's ARN or boto3's error. To import boto3 takes longer.
_CALLER = """
import boto3, json, os, sys
for line in sys.stdin:
    os.environ.clear()
    os.environ.update(json.loads(line))
    try:
        answer = boto3.Session().client("sts").get_caller_identity()["Arn"]
    except Exception as error:
        answer = str(error)
    print(json.dumps(answer), flush=True)
"""


class Child:
    """A child process, which calls AWS in each environment as a new one would."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Child]:
        """Start the process, and end it after the block."""
        command = [sys.executable, "-c", _CALLER]
        with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
            yield cls(process)

    def arn(self, environment: Mapping[str, str] = os.environ) -> str:
        """Return the ARN that STS reports for the credentials in an environment, or the error."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(dict(environment)), file=self._process.stdin, flush=True)
        answer: str = json.loads(self._process.stdout.readline())
        return answer


class AccessDenied(PermissionError):
    """An error as Windows raises it for a file that is open."""

    winerror = 5


@contextmanager
def open_elsewhere(path: Path) -> Iterator[None]:
    """Keep a file open for the first moments of this block, as another program does.

    On Windows, such a file can't be replaced or deleted. Elsewhere, this pretends it for `os`.
    """
    held = path.open("rb")
    with ExitStack() as stack:
        stack.callback(held.close)
        if sys.platform != "win32":
            patch = stack.enter_context(pytest.MonkeyPatch.context())

            def refusing(act: Callable[..., None]) -> Callable[..., None]:
                def refuse(*paths: str) -> None:
                    if not held.closed and os.fspath(path) == os.fspath(paths[-1]):
                        raise AccessDenied(13, "Access is denied")
                    act(*paths)

                return refuse

            patch.setattr(os, "replace", refusing(os.replace))
            patch.setattr(os, "unlink", refusing(os.unlink))
        timer = Timer(0.3, held.close)
        stack.callback(timer.cancel)
        timer.start()
        yield


@contextmanager
def empty_home(home: Path) -> Iterator[None]:
    """Give the processes started in this block an empty home, and no config files."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    home.mkdir(exist_ok=True)
    os.environ |= {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "AWS_CONFIG_FILE": str(home / "nowhere"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "nowhere"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
