"""How a release is built, tested and published: the workflows and the scripts that they run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_packaging import PYPROJECT
from tests.test_readme import ROOT

CI = ROOT / ".ci"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RELEASE: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
JOBS: dict[str, dict[str, Any]] = RELEASE["jobs"]


def commands(job: str) -> str:
    """Return the commands that a job of the release runs."""
    return "\n".join(step["run"] for step in JOBS[job]["steps"] if "run" in step)


def actions(job: str) -> list[str]:
    """Return the names of the actions that a job of the release uses, in their order."""
    return [step["uses"].partition("@")[0] for step in JOBS[job]["steps"] if "uses" in step]


def test_what_builds_a_release() -> None:
    """A separate job builds the release, and installs only tools with known hashes."""
    assert "needs" not in JOBS["build"]
    assert set(actions("build")) == {
        "actions/checkout",
        "actions/setup-python",
        "actions/upload-artifact",
    }
    assert set(re.findall(r"\.ci/[\w-]+", commands("build"))) == {
        ".ci/build",
        ".ci/conda-recipe",
        ".ci/sbom",
    }
    assert not re.search(r"\b(install|npm|npx|uv|pip|make)\b", commands("build"))

    script = (CI / "build").read_text()
    (install,) = re.findall(r"\binstall\b(?:.*\\\n)*.*", script)
    assert "--require-hashes --only-binary :all: --requirement .ci/build-tools.txt" in install
    assert "-m build --no-isolation" in script


def test_contact() -> None:
    """No release is built as long as the code of conduct has a placeholder for the contact."""
    assert "! grep ADDRESS-FOR CODE_OF_CONDUCT.md" in commands("build")
    assert "`ADDRESS-FOR-CONDUCT`" in (ROOT / "CONTRIBUTING.md").read_text()
    assert "Report a vulnerability" not in (ROOT / "CODE_OF_CONDUCT.md").read_text()


def test_audit() -> None:
    """The nightly audit of the locked versions fails if a package can't be looked up."""
    nightly = yaml.safe_load((ROOT / ".github/workflows/nightly.yml").read_text())
    run = nightly["jobs"]["audit"]["steps"][-1]["run"]
    assert run.startswith("pip-audit ")
    assert "--strict" in run
    assert "--requirement constraints.txt" in run


def test_build_tools() -> None:
    """Each build tool has an exact version, within the bounds of pyproject.toml, and hashes."""
    text = (CI / "build-tools.txt").read_text().replace("\\\n", "")
    pinned = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        tool, *hashes = line.split("--hash=sha256:")
        requirement = Requirement(tool)
        pinned[canonicalize_name(requirement.name)] = requirement.specifier
        assert hashes
        assert all(re.fullmatch(r"[0-9a-f]{64}", each.strip()) for each in hashes), tool

    wanted = [*PYPROJECT["build-system"]["requires"], *PYPROJECT["dependency-groups"]["build"]]
    for requirement in map(Requirement, wanted):
        (exact,) = pinned[canonicalize_name(requirement.name)]
        assert exact.operator == "=="
        assert requirement.specifier.contains(exact.version), requirement


@pytest.mark.parametrize("job", sorted(JOBS.keys() - {"build", "publish"}))
def test_what_is_tested(job: str) -> None:
    """The other jobs test the files that were built, and build nothing themselves."""
    assert JOBS[job]["needs"] == "build"
    assert "actions/download-artifact" in actions(job)
    assert re.search(r"dist/\*\.whl|\.ci/wheel", commands(job))
    assert ".ci/build" not in commands(job)


def test_what_is_published() -> None:
    """Publishing needs every job, has no other permission, and runs nothing but the upload."""
    publish = JOBS["publish"]
    assert set(publish["needs"]) == JOBS.keys() - {"publish"}
    assert publish["environment"] == "pypi"
    assert publish["permissions"] == {"id-token": "write"}
    assert RELEASE["permissions"] == {"contents": "read"}
    assert [name for name, job in JOBS.items() if "permissions" in job] == ["publish"]
    assert actions("publish") == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
    # The files are those of the job that built them, whatever the artifact contains by now.
    assert commands("publish") == 'sha256sum dist/* | diff - <(echo "$SUMS")'
    assert publish["steps"][-1]["with"] == {"attestations": True}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_actions_are_pinned(file: Path) -> None:
    """Each workflow pins its actions by commit."""
    used = re.findall(r"uses: *(\S+)", file.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action


def test_npm_runs_no_scripts() -> None:
    """What npm installs runs no code during the installation."""
    files = [ROOT / "Makefile", *CI.iterdir(), *WORKFLOWS]
    installs = [
        line
        for file in files
        for line in file.read_text().splitlines()
        if re.search(r"\bnpm (install|ci|i)\b|\bnpx\b", line)
    ]
    assert installs
    for line in installs:
        assert "--ignore-scripts" in line
