"""Shells and kernels in which tests run cells."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from ipy_awsprofile.errors import AwsProfileError
from tests.processes import missing


@dataclass(frozen=True, slots=True)
class Ran:
    """The results of a cell: printed text, displayed data by MIME type, its value and its error."""

    printed: str
    displayed: tuple[Mapping[str, str], ...]
    result: Any
    error: BaseException | None

    @property
    def text(self) -> str:
        """Return the text that a user sees in a terminal, without overwritten parts."""
        printed = "\n".join(
            line.rstrip("\r").rpartition("\r")[2] for line in self.printed.split("\n")
        )
        return "\n".join(
            [*(data.get("text/plain", "") for data in self.displayed), printed]
        ).strip()

    @property
    def html(self) -> str:
        """Return all HTML that a notebook renders."""
        return "\n".join(data.get("text/html", "") for data in self.displayed)


class Shell:
    """A real IPython shell that runs cells as a notebook does."""

    def __init__(self, ip: Any) -> None:
        self.ip = ip

    @classmethod
    @contextmanager
    def opened(
        cls, ipython_dir: Path, kind: type[InteractiveShell] = InteractiveShell
    ) -> Iterator[Shell]:
        """Open a shell without history, and remove all traces of it at the end."""
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        ip = kind.instance(
            config=config,
            ipython_dir=str(ipython_dir),
            user_module=types.ModuleType("notebook"),
        )
        try:
            yield cls(ip)
        finally:
            if "ipy_awsprofile" in ip.extension_manager.loaded:
                ip.extension_manager.unload_extension("ipy_awsprofile")
            ip.restore_sys_module_state()
            kind.clear_instance()
            # Otherwise, it would keep every shell and its objects until the end of the tests.
            atexit.unregister(ip.atexit_operations)

    @property
    def names(self) -> dict[str, Any]:
        """Return the notebook's variables."""
        namespace: dict[str, Any] = self.ip.user_ns
        return namespace

    def run(self, cell: str) -> Ran:
        """Run a cell as a front end does."""
        with capture_output() as captured:
            done = self.ip.run_cell(cell)
        return Ran(
            printed=captured.stdout + captured.stderr,
            displayed=tuple(output.data for output in captured.outputs),
            result=done.result,
            error=done.error_before_exec or done.error_in_exec,
        )

    def good(self, cell: str) -> Ran:
        """Run a cell that must succeed."""
        ran = self.run(cell)
        assert ran.error is None, ran.printed
        return ran

    def refused(self, cell: str) -> AwsProfileError:
        """Run a cell that must fail with one of our errors, and without a traceback."""
        ran = self.run(cell)
        assert isinstance(ran.error, AwsProfileError), ran.printed
        assert "Traceback" not in ran.printed
        # On a slow machine, the output also has a progress bar.
        lines = [line for line in ran.text.splitlines() if "%|" not in line]
        assert len(lines) <= 2, ran.text
        return ran.error

    def completions(self, cell: str, *, at: int | None = None) -> list[str]:
        """Return Tab's completions at a position in a cell, by default at its end."""
        with provisionalcompleter():
            completions = self.ip.Completer.completions(cell, len(cell) if at is None else at)
            return [completion.text for completion in completions]


@dataclass(frozen=True, slots=True)
class KernelCell:
    """The outputs of a cell that a kernel ran."""

    outputs: list[Any] = field(repr=False)

    @property
    def error(self) -> Any:
        """Return the `error` output, or None."""
        return next((output for output in self.outputs if output.output_type == "error"), None)

    @property
    def html(self) -> str:
        """Return all HTML that a front end renders."""
        return "\n".join(output.get("data", {}).get("text/html", "") for output in self.outputs)

    @property
    def cards(self) -> list[str]:
        """Return the HTML of the displayed cards."""
        texts = [output.get("data", {}).get("text/html", "") for output in self.outputs]
        return [text for text in texts if "ipy-awsprofile-card" in text]

    @property
    def text(self) -> str:
        """Return all text that was printed or displayed."""
        return "\n".join(
            output.get("text", "") or output.get("data", {}).get("text/plain", "")
            for output in self.outputs
        ).strip()


def kernel_sockets(folder: str) -> dict[str, str]:
    """Return the settings of a kernel whose sockets are files in a folder, if the system has them.

    Another process can take a TCP port that jupyter_client has chosen.
    """
    if sys.platform == "win32":
        return {}
    return {"transport": "ipc", "ip": f"{folder}/kernel"}


def run_notebook(*cells: str, environment: Mapping[str, str]) -> tuple[list[KernelCell], str]:
    """Run a notebook with nbclient despite errors, and return its cells and the file's text.

    nbclient's kernels have no user who can answer prompts.
    """
    import nbformat  # takes two seconds, and many runs don't need it
    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=120,
            kernel_name="python3",
            allow_errors=True,
            coalesce_streams=True,  # a busy kernel can split the output of one print
            config=Config({"KernelManager": kernel_sockets(folder)}),
        )
        client.execute(env=os.environ | environment)
    ran = [KernelCell(cell.outputs) for cell in notebook.cells]
    return ran, nbformat.writes(notebook)


def run_aws_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the AWS CLI in the test's environment."""
    command = [sys.executable, "-m", "awscli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@cache
def aws_cli_2() -> str:
    """Return version 2 of the AWS CLI, which can sign in; without it, skip the test.

    In CI, the test fails instead.
    """
    for folder in os.environ["PATH"].split(os.pathsep):
        if command := shutil.which("aws", path=folder):
            said = subprocess.run(
                [command, "--version"], capture_output=True, text=True, check=True
            )
            if said.stdout.startswith("aws-cli/2"):
                return command
    raise missing("version 2 of the AWS CLI", "awscli")


def run_python(code: str) -> str:
    """Run code in a new interpreter, and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def printing(file: Path) -> str:
    """Return a command that prints a file on any system."""
    return f'"{sys.executable}" -c "print(open({file.as_posix()!r}).read())"'


def without_colours(text: str) -> str:
    """Remove the terminal's colour codes from a text."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
