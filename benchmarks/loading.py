"""Time ``%load_ext`` in a running shell."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.stage import Stage
from benchmarks.timing import Measured, by_turns, fresh

_CELL = """
import time
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
shell.run_cell("0", silent=True)
start = time.perf_counter()
shell.run_cell("{}", silent=True)
print(time.perf_counter() - start)
"""


def measure(stage: Stage) -> Iterator[Measured]:
    """Time a cell that loads the extension, and a cell that imports boto3."""
    ours, theirs = by_turns(
        lambda: fresh(stage, _CELL.format("%load_ext ipy_awsprofile")),
        lambda: fresh(stage, _CELL.format("import boto3")),
        times=5,
    )
    yield Measured("`%load_ext ipy_awsprofile`", "`import boto3`", ours, theirs)
