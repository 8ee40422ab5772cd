"""Where notebooks run: a real IPython shell in this process, a real kernel in another."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from ipy_awsprofile.errors import AwsProfileError
from tests.tools import missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Ran:
    """What one cell did: the printed text, the displayed data by MIME type, and its error."""

    printed: str
    displayed: tuple[Mapping[str, str], ...]
    result: Any
    error: BaseException | None

    @property
    def text(self) -> str:
        """Everything that a person in a terminal reads, without what was overwritten since."""
        printed = "\n".join(line.rpartition("\r")[2] for line in self.printed.split("\n"))
        return "\n".join(
            [*(data.get("text/plain", "") for data in self.displayed), printed]
        ).strip()

    @property
    def html(self) -> str:
        """Everything that a notebook renders."""
        return "\n".join(data.get("text/html", "") for data in self.displayed)


class Shell:
    """A real IPython shell; its names are those of a notebook."""

    def __init__(self, ip: Any) -> None:
        self.ip = ip

    @classmethod
    @contextmanager
    def opened(cls, ipython_dir: Path) -> Iterator[Shell]:
        """Open a shell without history, and leave no trace of it."""
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        ip = InteractiveShell.instance(
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
            InteractiveShell.clear_instance()
            # It would keep every shell, and all that they hold, until the end of the tests.
            atexit.unregister(ip.atexit_operations)

    @property
    def names(self) -> dict[str, Any]:
        """The notebook's variables."""
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
        """Run a cell that has to succeed."""
        ran = self.run(cell)
        assert ran.error is None, ran.printed
        return ran

    def refused(self, cell: str) -> AwsProfileError:
        """Run a cell that has to fail with an error of ours, shown without a traceback."""
        ran = self.run(cell)
        assert isinstance(ran.error, AwsProfileError), ran.printed
        assert "Traceback" not in ran.printed
        # On a slow machine a progress bar is shown as well.
        lines = [line for line in ran.text.splitlines() if "%|" not in line]
        assert len(lines) <= 2, ran.text
        return ran.error

    def completions(self, cell: str, *, at: int | None = None) -> list[str]:
        """List what Tab offers at a position of a cell, its end by default."""
        with provisionalcompleter():
            found = self.ip.Completer.completions(cell, len(cell) if at is None else at)
            return [completion.text for completion in found]


@dataclass(frozen=True, slots=True)
class KernelCell:
    """The outputs of a cell that a kernel ran."""

    outputs: list[Any] = field(repr=False)

    @property
    def error(self) -> Any:
        """The `error` output, or None."""
        return next((one for one in self.outputs if one.output_type == "error"), None)

    @property
    def html(self) -> str:
        """Everything that a front end renders as HTML."""
        return "\n".join(one.get("data", {}).get("text/html", "") for one in self.outputs)

    @property
    def cards(self) -> list[str]:
        """The displayed cards, as HTML."""
        texts = [one.get("data", {}).get("text/html", "") for one in self.outputs]
        return [text for text in texts if "ipy-awsprofile-card" in text]

    @property
    def text(self) -> str:
        """Everything that was printed or displayed as text."""
        return "\n".join(
            one.get("text", "") or one.get("data", {}).get("text/plain", "") for one in self.outputs
        ).strip()


def run_notebook(*cells: str, environment: Mapping[str, str]) -> tuple[list[KernelCell], str]:
    """Execute a notebook with nbclient, errors and all; return its cells and the file's text.

    nbclient lets nobody answer: its kernels are told that there is no input.
    """
    import nbformat  # two seconds, which most runs of a part of the tests don't need
    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with tempfile.TemporaryDirectory() as folder:
        # A free TCP port that jupyter_client chooses can be taken before the kernel has started.
        sockets = {"transport": "ipc", "ip": f"{folder}/kernel"}
        client = NotebookClient(
            notebook,
            timeout=120,
            kernel_name="python3",
            allow_errors=True,
            coalesce_streams=True,  # a busy kernel sends what one print writes in pieces
            config=Config({"KernelManager": sockets}),
        )
        client.execute(env=os.environ | environment)
    ran = [KernelCell(cell.outputs) for cell in notebook.cells]
    return ran, nbformat.writes(notebook)


def run_aws_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the AWS CLI in the environment of the test."""
    command = Path(sys.executable).with_name("aws")
    return subprocess.run(
        [str(command), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def aws_cli_2() -> str:
    """Find version 2 of the AWS CLI, which can sign in; without it the test is skipped.

    In CI that is a failure.
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
    """Run code in a fresh interpreter, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def without_colours(text: str) -> str:
    """Take the terminal's colour codes out of a text."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
