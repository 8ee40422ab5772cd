"""Packaging: dependencies, metadata, installed files and commands."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import metadata, packages_distributions
from pathlib import Path
from typing import Any, cast

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ipy_awsprofile import __version__
from ipy_awsprofile.__main__ import main
from tests.test_readme import DOCUMENTS, PACKAGE, README, ROOT

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
#: The versions of Python that the classifiers name, the oldest first.
PYTHONS = re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
FRONT_ENDS = DOCUMENTS["docs/reference/front-ends.md"]


# Dependencies ---


def required(*extras: str) -> list[Requirement]:
    """Return the requirements of the package or of these extras, which can name other extras."""
    requirements: list[Requirement] = []
    texts = (
        [text for extra in extras for text in EXTRAS[extra]] if extras else PROJECT["dependencies"]
    )
    for requirement in map(Requirement, texts):
        if requirement.name == PROJECT["name"]:
            requirements += required(*requirement.extras)
        else:
            requirements.append(requirement)
    return requirements


def locked_packages() -> list[Requirement]:
    """Return the lines of constraints.txt, without the comments."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line.partition("#")[0]) for line in lines]


def lower_bound(name: str) -> str:
    """Return the lowest version of a package that the package, an extra or the tests require."""
    tested = map(Requirement, PYPROJECT["dependency-groups"]["test"])
    bounds = [
        bound.version
        for requirement in [*required(), *required(*EXTRAS), *tested]
        if requirement.name == name and requirement.marker is None
        for bound in requirement.specifier
        if bound.operator == ">="
    ]
    assert bounds, name
    return bounds[0]


def test_versions() -> None:
    """pyproject.toml, CI, README and the pages name the same versions."""
    workflows = ROOT / ".github" / "workflows"
    for file in (workflows / "test.yml", workflows / "release.yml"):
        (matrix,) = re.findall(r"python: (\[.*\])", file.read_text())
        assert json.loads(matrix) == PYTHONS
    oldest, newest = PYTHONS[0], PYTHONS[-1]
    assert PROJECT["requires-python"] == f">={oldest}"
    jupyterlab, notebook = lower_bound("jupyterlab"), lower_bound("notebook")
    ipython, ipykernel = lower_bound("ipython"), lower_bound("ipykernel")
    said = {
        "README.md": (
            f"Python {oldest} to {newest} on Linux",
            f"JupyterLab {jupyterlab} or newer",
            f"Notebook {notebook} or newer",
            f"IPython {ipython} or newer",
        ),
        "CONTRIBUTING.md": (f"Python {oldest} or newer",),
        "docs/start.md": (f"Python {oldest} or newer",),
        "docs/reference/picker.md": (f"JupyterLab {jupyterlab} and ipykernel 7",),
        "docs/reference/front-ends.md": (
            f"Python {oldest} and IPython {ipython}, or newer",
            f"JupyterLab {jupyterlab} or newer",
            f"Notebook {notebook} or newer",
            f"Python {oldest} to {newest}",
            f"ipykernel {ipykernel} or newer",
        ),
    }
    for document, texts in said.items():
        words = " ".join(DOCUMENTS[document].split())
        for text in texts:
            assert text in words, f"{document} doesn't say {text!r}"


def test_extras_on_the_newest_python() -> None:
    """The page of front ends names the extras of which the newest Python gets nothing."""
    (sentence,) = re.findall(rf"With Python {PYTHONS[-1]},\*\*([^.]*)\.", FRONT_ENDS)
    named = set(re.findall(r"`(\w+)`", sentence))
    environment = cast("dict[str, str]", default_environment())
    environment |= {"python_version": PYTHONS[-1]}
    missing = set()
    for extra, texts in EXTRAS.items():
        markers = [Requirement(text).marker for text in texts]
        if not any(marker is None or marker.evaluate(environment) for marker in markers):
            missing.add(extra)
    assert named == missing


def test_bill_of_materials() -> None:
    """The bill of materials has the locked requirements, and nothing that only the tests need."""
    script = ROOT / ".ci" / "sbom"
    document = json.loads(subprocess.check_output([sys.executable, script], text=True))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    package = document["metadata"]["component"]
    assert (package["name"], package["version"]) == (PROJECT["name"], __version__)
    locked = {f"pkg:pypi/{each.name}@{str(each.specifier)[2:]}" for each in locked_packages()}
    components = {each["bom-ref"] for each in document["components"]}
    assert components < locked
    uses = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}
    assert uses.keys() == components | {package["bom-ref"]}
    assert {each for used in uses.values() for each in used} == components
    names = {each["name"] for each in document["components"]}
    needed = [*required(), *required(*EXTRAS)]
    assert {canonicalize_name(each.name) for each in needed} <= names
    assert names & {"pytest", "ruff", "awscli", "playwright"} == set()


def test_constraints() -> None:
    """The constraints have an exact version of each dependency, within its bounds."""
    environment = cast("dict[str, str]", default_environment())
    tested = map(Requirement, PYPROJECT["dependency-groups"]["test"])
    for python in PYTHONS:
        environment |= {"python_version": python, "python_full_version": f"{python}.0"}
        locked = {}
        for each in locked_packages():
            if each.marker is None or each.marker.evaluate(environment):
                locked[canonicalize_name(each.name)] = each.specifier
        for requirement in [*required(), *required(*EXTRAS), *tested]:
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
            name = canonicalize_name(requirement.name)
            assert name in locked, f"constraints.txt doesn't have {name}: run `make lock`"
            (exact,) = locked[name]
            assert exact.operator == "=="
            assert requirement.specifier.contains(exact.version), (python, requirement)


def imported(files: Iterable[Path]) -> set[str]:
    """Return the top-level packages that modules import, without the standard library's."""
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    packages = {name.partition(".")[0] for name in names}
    return packages - sys.stdlib_module_names - {PROJECT["name"].replace("-", "_")}


#: Imported only if they are there: they come with the extras `crt` and `dask`.
OPTIONAL = {"cloudpickle", "awscrt"}


def test_what_is_imported_is_declared() -> None:
    """Each imported package is a requirement of the package or of an extra."""
    demo = set((PACKAGE / "demo").rglob("*.py"))
    distributions = packages_distributions()
    for files, extras in ((demo, ["demo"]), (set(PACKAGE.rglob("*.py")) - demo, EXTRAS)):
        declared = {
            canonicalize_name(package.name) for package in [*required(), *required(*extras)]
        }
        for name in imported(files) - OPTIONAL:
            assert declared & set(map(canonicalize_name, distributions.get(name, [name]))), name


def test_the_demo_and_the_lab_are_small() -> None:
    """The extras `demo` and `lab` require moto without the packages of its extra `server`."""
    for extra in ("demo", "lab"):
        assert [package.extras for package in required(extra) if package.name == "moto"] == [set()]


# Metadata ---


def test_conda_recipe(tmp_path: Path) -> None:
    """The conda-forge recipe has the sdist's version and hash, and the package's requirements."""
    sdist = tmp_path / "ipy_awsprofile-1.2.3.tar.gz"
    sdist.write_bytes(b"a release")
    recipe = subprocess.check_output(
        [sys.executable, ROOT / ".ci" / "conda-recipe", sdist], text=True
    )
    assert '\n  version: "1.2.3"\n' in recipe
    assert f'\n  sha256: "{hashlib.sha256(b"a release").hexdigest()}"\n' in recipe
    (oldest,) = re.findall(r'python_min: "(.*)"', recipe)
    assert PROJECT["requires-python"] == f">={oldest}"
    built = map(Requirement, PYPROJECT["build-system"]["requires"])
    for requirement in (*required(), *built):
        assert f"- {requirement.name} {requirement.specifier}\n" in recipe


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
        "## What else it does",
        "## Where it works",
    ]


def test_the_installed_labextension() -> None:
    """The installed labextension is the checkout's, and has the package's version."""
    source = ROOT / "labextension"
    installed = Path(sys.prefix) / "share/jupyter/labextensions" / PROJECT["name"]
    texts = [
        {file.relative_to(folder): file.read_text() for file in folder.rglob("*.*")}
        for folder in (source, installed)
    ]
    assert texts[0] == texts[1] != {}
    assert json.loads((source / "package.json").read_text())["version"] == __version__


# Commands ---


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ("--help", 0, "usage: ipy-awsprofile"),
        ("--version", 0, f"ipy-awsprofile {__version__}"),
        ("demo --no-browser", 2, "unrecognized arguments: --no-browser"),
    ],
)
def test_commands(
    capsys: pytest.CaptureFixture[str], arguments: str, status: int, said: str
) -> None:
    """The command has help and a version, and only `lab` passes arguments to JupyterLab."""
    with pytest.raises(SystemExit) as caught:
        main(arguments.split())
    assert caught.value.code == status
    assert said in "".join(capsys.readouterr())


@pytest.mark.parametrize("command", ["demo", "lab"])
def test_without_the_extra(tmp_path: Path, command: str) -> None:
    """Without moto, a command prints what to install, and exits with status 1."""
    code = (
        "import sys; sys.modules['moto'] = None\n"
        "from ipy_awsprofile.__main__ import main\n"
        f"sys.exit(main(['{command}']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert "moto" in first
    assert second == f'Run: pip install "ipy-awsprofile[{command}]"'
