"""What is installed: the lock has every dependency, and actions of workflows are pinned."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ipy_awsprofile import __version__
from tests.test_readme import README, ROOT

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]


def required(extra: str | None) -> list[Requirement]:
    """Return what the package needs, with an extra and the extras that this one names."""
    found: list[Requirement] = []
    texts = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    for requirement in map(Requirement, texts):
        if requirement.name == PROJECT["name"]:
            found += [each for inner in requirement.extras for each in required(inner)]
        else:
            found.append(requirement)
    return found


def test_constraints() -> None:
    """`make` installs the locked version of each dependency, which is within its bounds."""
    lines = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines()]
    locked = {canonicalize_name(each.name): each.specifier for each in lines}
    for requirement in [*required(None), *required("test")]:
        (exact,) = locked[canonicalize_name(requirement.name)]
        assert exact.operator == "=="
        assert requirement.specifier.contains(exact.version), requirement


def test_actions_are_pinned() -> None:
    """Workflows use actions by the hash of a commit, with its version beside it."""
    workflows = list((ROOT / ".github" / "workflows").glob("*.yml"))
    used = [line for file in workflows for line in re.findall("uses: .*", file.read_text())]
    assert used
    assert [line for line in used if not re.search(r"@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line)] == []


def test_conda_recipe() -> None:
    """The recipe for conda-forge needs what the package needs, and has its version."""
    recipe = (ROOT / "conda-recipe" / "recipe.yaml").read_text()
    assert f'version: "{__version__}"' in recipe
    built = map(Requirement, PYPROJECT["build-system"]["requires"])
    for requirement in (*required(None), *built):
        assert f"- {requirement.name} {requirement.specifier}\n" in recipe


def test_description() -> None:
    """The package index shows README's text, with no link or picture that it can't follow."""
    about = metadata(PROJECT["name"])
    assert about["Description-Content-Type"] == "text/markdown"
    # What was installed can be older than README.
    hook = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = README.split(hook["fragments"][0]["end-before"])[0]
    for each in hook["substitutions"]:
        text = re.sub(each["pattern"], each["replacement"], text)
    for description in (about["Description"], text):
        assert "One line moves a Jupyter notebook to an AWS identity" in description
        assert "`%%aws_profiles *-prod` runs a cell for each of them, into one" in description
        assert "](" not in description
    assert "](" in README
