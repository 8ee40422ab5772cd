"""Each tutorial can be run twice in one kernel with *Run All*."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipy_awsprofile.demo.commands.environment import clean_environment
from ipy_awsprofile.demo.stages.demo_aws import demo_aws
from tests.shells import run_notebook

TUTORIALS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize(
    "tutorial",
    [TUTORIALS[0], *(pytest.param(one, marks=pytest.mark.slow) for one in TUTORIALS[1:])],
    ids=lambda tutorial: tutorial.stem,
)
def test_run_all_twice(tutorial: Path) -> None:
    """In both runs, only cells with the tag `raises-exception` raise an error."""
    cells = json.loads(tutorial.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"] * 2
    with demo_aws() as aws:
        ran, _ = run_notebook(
            *("".join(cell["source"]) for cell in code), environment=clean_environment(aws)
        )
    expected = ["raises-exception" in cell["metadata"].get("tags", []) for cell in code]
    assert [cell.error is not None for cell in ran] == expected
