"""The tutorials on the embedded AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.profiles import find_profile
from ipy_awsprofile.demo.commands import clean_environment
from ipy_awsprofile.demo.stages import demo_aws, seed_company
from ipy_awsprofile.errors import AccessDenied
from tests.aws import EmbeddedAws
from tests.shells import Shell, run_notebook

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.parametrize("tutorial", ["03-mfa-sso-and-chains", "05-least-privilege"])
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


def test_a_role_that_requires_mfa(
    aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS refuses the tutorials' role that requires MFA to a profile without `mfa_serial`."""
    config = seed_company(aws)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    role: Any = dict(find_profile("Auditor", read_config()).settings)
    del role["mfa_serial"], role["mfa_process"]
    aws.write_profile("Codeless", file=config, **role)
    assert "Auditor ← Maria" in shell.good("%aws_profile Auditor").text
    assert isinstance(shell.refused("%aws_profile Codeless"), AccessDenied)
    assert aws.calls[-1].action == "sts:AssumeRole"
