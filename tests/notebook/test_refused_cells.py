"""The line below an error that AWS's refusal caused, in front ends and in tools without a user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from ipy_awsprofile.demo.stages import add_role
from tests.processes import in_a_terminal, posix
from tests.shells import run_notebook, without_colours

if TYPE_CHECKING:
    from tests.aws import EmbeddedAws
    from tests.shells import Shell

#: The message of the error of a denied call, and the line below it.
ERROR = "An error occurred (AccessDenied) when calling the CreateBucket operation"
LINE = "The request was signed as `Reader` in the account 123456789012."

CREATE = 'session.client("s3").create_bucket(Bucket="mine")'


@pytest.fixture
def reader(aws: EmbeddedAws) -> str:
    """Return a line that switches to a profile whose role can only list buckets."""
    add_role(aws, "Reader", "s3:ListAllMyBuckets")
    return "%aws_profile Reader"


def test_traceback_again(shell: Shell, reader: str) -> None:
    """`%tb` shows the whole error again, without the line, and its variables are kept."""
    shell.good(reader)
    refused = shell.run(CREATE)
    assert "Traceback" in refused.printed
    assert ERROR in refused.printed
    assert LINE not in refused.printed
    assert [output["text/plain"].strip()[: len(LINE)] for output in refused.displayed] == [LINE]
    again = shell.good("%tb")
    assert "_make_api_call" in again.printed
    assert ERROR in again.printed
    assert "signed as" not in again.text


def test_a_kernel(aws: EmbeddedAws, reader: str) -> None:
    """The line is an output of its own below the error, with a card for JupyterLab and VS Code."""
    (_, refused), saved = run_notebook(
        f"%load_ext ipy_awsprofile\n{reader}", CREATE, environment={}
    )
    error, line = refused.outputs
    assert error.output_type == "error"
    assert "Traceback" in without_colours("\n".join(error.traceback))
    assert line.output_type == "display_data"
    assert set(line.data) == {"text/html", "text/plain"}
    assert line.data["text/plain"].startswith(LINE)
    assert "ipy-awsprofile-card" in line.data["text/html"]
    assert [secret for secret in aws.iam.secrets if secret in saved] == []


@posix
def test_a_terminal(aws: EmbeddedAws, reader: str, tmp_path: Path) -> None:
    """In a terminal, the line is below the traceback, before the next prompt."""
    options = ("--no-banner", "--no-confirm-exit", "--colors=nocolor", "--ext=ipy_awsprofile")
    with in_a_terminal("IPython", *options, IPYTHONDIR=str(tmp_path)) as ipython:
        for cell in (reader, CREATE):
            ipython.expect("In ")
            ipython.send(f"{cell}\r")
        ipython.expect_exact(ERROR)
        ipython.expect_exact(LINE)
        ipython.expect("In ")


def test_tools_without_a_user(
    aws: EmbeddedAws, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """papermill, nbconvert and nbval fail, and what they save or print has the whole error."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    cells = [
        nbformat.v4.new_code_cell(cell)
        for cell in (f"%load_ext ipy_awsprofile\n{reader}", CREATE, "print('never')")
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    source = tmp_path / "report.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), source)
    tools = {
        "papermill": ["papermill", str(source), "papermill.ipynb"],
        "nbconvert": [
            *("jupyter", "nbconvert", "--to=notebook", "--execute", "--output=nbconvert"),
            str(source),
        ],
        "--allow-errors": [
            *("jupyter", "nbconvert", "--to=notebook", "--execute", "--allow-errors"),
            *("--output=allowed", str(source)),
        ],
        "nbval": ["pytest", "--nbval-lax", "-p", "no:xdist", "-p", "no:cacheprovider", str(source)],
    }
    running = {
        tool: subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for tool, command in tools.items()
    }
    printed = {tool: process.communicate(timeout=240)[0] for tool, process in running.items()}
    failed = {tool for tool, process in running.items() if process.returncode != 0}
    assert failed == {"papermill", "nbconvert", "nbval"}, printed
    for tool in ("papermill", "nbconvert"):
        assert ERROR in without_colours(printed[tool]), tool
    for name in ("papermill", "allowed"):
        ran = nbformat.read(tmp_path / f"{name}.ipynb", 4).cells
        outputs = next(cell.outputs for cell in ran if cell.source == CREATE)
        require_error_and_line(outputs)


def require_error_and_line(outputs: list[Any]) -> None:
    """Require the whole error in one output, and the line in the next."""
    error, line = outputs
    assert error.output_type == "error"
    traceback = without_colours("\n".join(error.traceback))
    assert CREATE in traceback
    assert ERROR in traceback
    assert LINE not in traceback
    assert line.data["text/plain"].startswith(LINE)
