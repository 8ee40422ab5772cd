"""The tutorials with the most state can be run twice in one kernel with *Run All*."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipy_awsprofile.demo.commands import clean_environment
from ipy_awsprofile.demo.stages import demo_aws
from tests.shells import run_notebook

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.parametrize("tutorial", ["04-mfa-sso-and-chains", "06-recorded-calls"])
def test_run_all_twice(tutorial: str) -> None:
    """In both runs, only cells with the tag `raises-exception` raise an error."""
    cells = json.loads((NOTEBOOKS / f"{tutorial}.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"] * 2
    with demo_aws() as aws:
        ran, _ = run_notebook(
            *("".join(cell["source"]) for cell in code), environment=clean_environment(aws)
        )
    expected = ["raises-exception" in cell["metadata"].get("tags", []) for cell in code]
    assert [cell.error is not None for cell in ran] == expected
