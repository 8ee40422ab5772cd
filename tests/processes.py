"""Processes that tests start, and what tests need of the system and its tools."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import pexpect

#: Skips a test of what Windows doesn't have: signals between processes, forks, links, scripts.
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")

#: The variables of a process whose encoding isn't UTF-8. On Windows, it is often cp1252.
OTHER_ENCODING = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


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


#: Runs each program, and prints what it prints or its error. To import boto3 takes longer.
_PROGRAMS = """
import boto3, contextlib, functools, io, json, os, sys
from botocore.loaders import JSONFileLoader
parse_once = functools.cache(functools.partial(JSONFileLoader.load_file, JSONFileLoader()))
JSONFileLoader.load_file = lambda self, path: parse_once(path)
for line in sys.stdin:
    code, environment = json.loads(line)
    os.environ.clear()
    os.environ.update(environment)
    boto3.DEFAULT_SESSION = None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            exec(code, {})
        except Exception as error:
            print(error)
    print(json.dumps(printed.getvalue()), flush=True)
"""


class Child:
    """A child process, which runs programs in each environment as new processes would."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Child]:
        """Start the process, and end it after the block."""
        command = [sys.executable, "-c", _PROGRAMS]
        with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
            yield cls(process)

    def run(self, code: str, environment: Mapping[str, str] = os.environ) -> str:
        """Run a program that uses boto3, and return what it prints, with its error if it fails."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps([code, dict(environment)]), file=self._process.stdin, flush=True)
        printed: str = json.loads(self._process.stdout.readline())
        return printed

    def arn(self, environment: Mapping[str, str] = os.environ) -> str:
        """Return the ARN that STS reports for the credentials in an environment, or the error."""
        code = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
        return self.run(code, environment).strip()


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


@contextmanager
def in_a_terminal(*module: str, **variables: str) -> Iterator[pexpect.spawn[str]]:
    """Run a Python module with arguments in a terminal, in which the test types."""
    pexpect = pytest.importorskip("pexpect")
    started = pexpect.spawn(
        sys.executable,
        ["-m", *module],
        env=os.environ | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"} | variables,
        encoding="utf-8",
        dimensions=(40, 120),
        timeout=120,
        # A test run with `nohup` ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    yield started
    # On a busy machine, `close` doesn't wait long enough for its signal to take effect.
    started.kill(signal.SIGKILL)
    started.wait()
    started.close()
