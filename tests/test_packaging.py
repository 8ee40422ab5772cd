"""Packaging: locked dependencies, declared imports, pinned actions and metadata."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import metadata, packages_distributions
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ipy_awsprofile import __version__
from tests.test_readme import README, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]


EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def required(*extras: str) -> list[Requirement]:
    """Return the requirements of the package or of these extras, which can name other extras."""
    found: list[Requirement] = []
    texts = (
        [one for extra in extras for one in EXTRAS[extra]] if extras else PROJECT["dependencies"]
    )
    for requirement in map(Requirement, texts):
        if requirement.name == PROJECT["name"]:
            found += required(*requirement.extras)
        else:
            found.append(requirement)
    return found


def test_constraints() -> None:
    """The constraints have an exact version of each dependency, within its bounds."""
    lines = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines()]
    locked = {canonicalize_name(each.name): each.specifier for each in lines}
    tested = map(Requirement, PYPROJECT["dependency-groups"]["test"])
    for requirement in [*required(), *required(*EXTRAS), *tested]:
        (exact,) = locked[canonicalize_name(requirement.name)]
        assert exact.operator == "=="
        assert requirement.specifier.contains(exact.version), requirement


def imported(folder: Path) -> Iterator[str]:
    """Yield the distributions that the modules in a folder import."""
    distributions = packages_distributions()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in {one.partition(".")[0] for one in names}:
                if name not in sys.stdlib_module_names and name != "ipy_awsprofile":
                    yield from map(canonicalize_name, distributions[name])


#: Imported but not declared. psutil comes with ipykernel, and a run uses cloudpickle only if it is
#: installed. The package works without both.
OPTIONAL = {"psutil", "cloudpickle"}


#: The folders that can use the packages of an extra.
_WITH_EXTRAS = {"across", "bindings", "calls", "libraries", "sessions"}


@pytest.mark.slow
def test_what_is_imported_is_declared() -> None:
    """Each imported package is a requirement of the package or of an extra."""
    plain = {canonicalize_name(one.name) for one in required()}
    demo = {canonicalize_name(one.name) for one in required("demo")}
    every = {canonicalize_name(one.name) for one in required(*EXTRAS)}
    package = ROOT / "ipy_awsprofile"
    assert set(imported(package / "demo")) <= plain | demo
    optional = every | OPTIONAL | {"awscrt", "pyarrow"}  # from botocore[crt] and dask[dataframe]
    for room in package.iterdir():
        if room.is_dir() and room.name != "demo":
            allowed = optional if room.name in _WITH_EXTRAS else set()
            assert set(imported(room)) <= plain | allowed, room


def test_actions_are_pinned() -> None:
    """Workflows pin actions to a commit's hash, with the version next to it."""
    workflows = list((ROOT / ".github" / "workflows").glob("*.yml"))
    used = [line for file in workflows for line in re.findall("uses: .*", file.read_text())]
    assert used
    assert [line for line in used if not re.search(r"@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line)] == []


def test_conda_recipe() -> None:
    """The conda-forge recipe has the package's requirements and version."""
    recipe = (ROOT / "conda-recipe" / "recipe.yaml").read_text()
    assert f'version: "{__version__}"' in recipe
    (oldest,) = re.findall(r'python_min: "(.*)"', recipe)
    assert PROJECT["requires-python"] == f">={oldest}"
    # conda-forge refuses a recipe in which any of these is missing.
    for part in ("homepage", "summary", "license", "license_file", "recipe-maintainers", "tests"):
        assert re.search(rf"^ *{part}:", recipe, re.MULTILINE), part
    built = map(Requirement, PYPROJECT["build-system"]["requires"])
    for requirement in (*required(), *built):
        assert f"- {requirement.name} {requirement.specifier}\n" in recipe


def test_the_demo_is_small() -> None:
    """The extra `demo` requires moto without its server's packages; the extra `lab` adds them."""
    moto = {
        extra: [one.extras for one in required(extra) if one.name == "moto"] for extra in EXTRAS
    }
    assert moto["demo"] == [set()]
    assert {"server"} in moto["lab"]


def test_citation() -> None:
    """The citation has the package's version and licence."""
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {__version__}\n" in citation
    assert f"\nlicense: {PROJECT['license']}\n" in citation


def test_description() -> None:
    """The package index shows README's text without relative links and without `make` commands."""
    about = metadata(PROJECT["name"])
    assert about["Description-Content-Type"] == "text/markdown"
    # The installed package can be older than README.
    hook = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = README.split(hook["fragments"][0]["end-before"])[0]
    for each in hook["substitutions"]:
        text = re.sub(each["pattern"], each["replacement"], text)
    for description in (about["Description"], text):
        assert "One line switches a Jupyter notebook to an AWS identity" in description
        assert "`%%aws_profiles *-prod` runs a cell for each matching profile" in description
        assert "](" not in description
    assert "make demo" not in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Install",
        "## Try it without an AWS account",
        "## Where it works",
        "## What you get",
    ]
    assert "](" in README
    assert "`make demo`" in README
