"""The option --sample omits rows of marked tables, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.test_readme import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
import pytest

@pytest.mark.nightly(keep=3)
@pytest.mark.parametrize("second", range(4))
@pytest.mark.parametrize("first", range(5))
def test_table(first, second): pass

@pytest.mark.parametrize("row", range(6))
def test_other(row): pass
"""


@pytest.mark.slow
@pytest.mark.parametrize(("options", "counts"), [(["--sample"], [3, 6]), ([], [20, 6])])
def test_sample(tmp_path: Path, options: list[str], counts: list[int]) -> None:
    """The sample keeps the given number of rows of a table, and every unmarked test."""
    (tmp_path / "test_module.py").write_text(MODULE)
    quiet = ["-q", "--collect-only", "-p", "no:nbval", "-p", "no:cacheprovider"]
    ours = ["-p", "tests.conftest", f"--rootdir={tmp_path}", "-c", "/dev/null"]
    command = [sys.executable, "-m", "pytest", *quiet, *ours, *options, str(tmp_path)]
    own = {**os.environ, "PYTEST_ADDOPTS": ""}
    ran = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=True)
    names = [line.partition("[")[0].rpartition("::")[2] for line in ran.stdout.splitlines()]
    assert [names.count(name) for name in ("test_table", "test_other")] == counts
