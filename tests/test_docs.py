"""The pages of the documentation work: each cell of a how-to page runs, in the page's order."""

from __future__ import annotations

import inspect
import json
import os
import re
import runpy
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile import errors
from ipy_awsprofile.demo.stages.demo_aws import demo_aws
from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT, allow, trusting
from tests.test_readme import DOCS, blocks, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

HOW_TO = sorted(file for file in (DOCS / "how-to").glob("*.md") if file.stem != "index")
TUTORIALS = DOCS.parent / "notebooks"
CELLS = [file for file in sorted(DOCS.rglob("*.md")) if blocks(file.read_text(), "ipython3")]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """Run the embedded AWS of `ipy-awsprofile lab`, to whose files the environment points."""
    with demo_aws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        # For a container's credentials and for libraries, which don't read an endpoint from a file.
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
        yield aws


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder where a page can write its files."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def container(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be in a container whose role may assume RoleBeta."""
    service = trusting("*")
    service["Statement"][0]["Principal"] = {"Service": "ecs-tasks.amazonaws.com"}
    task = aws.create_role(
        "Task", account=USER_ACCOUNT, trust=service, policy=allow("sts:AssumeRole")
    )
    with aws.in_container(task) as environment:
        for variable, value in {**environment, "AWS_REGION": "us-west-2"}.items():
            monkeypatch.setenv(variable, value)
        yield


@pytest.mark.parametrize("page", CELLS, ids=lambda page: page.stem)
def test_cells(
    aws: EmbeddedAws, bare_shell: Shell, page: Path, work: Path, request: pytest.FixtureRequest
) -> None:
    """Each cell of a page succeeds in the lab, in order, and none signs as a former identity."""
    if page.stem == "on-aws":
        request.getfixturevalue("container")
    bare_shell.good("%load_ext ipy_awsprofile\n%config AwsProfileMagics.stale = 'refuse'")
    for cell in blocks(page.read_text(), "ipython3"):
        bare_shell.good(cell)


def test_pages_with_cells() -> None:
    """Every how-to page has cells, and so do the pages that show how to begin."""
    beginnings = {DOCS / "start.md", DOCS / "many-accounts.md"}
    assert {*HOW_TO, *beginnings} <= set(CELLS)


def test_config_files(aws: EmbeddedAws) -> None:
    """The sections of config files that pages show are in the lab, with the same settings."""
    stage = ConfigParser(interpolation=None)
    stage.read(aws.config_file)
    shown = ConfigParser()
    for page in HOW_TO:
        for block in blocks(page.read_text(), "ini"):
            shown.read_string(block)
    assert shown.sections()
    for name in shown.sections():
        expected = {key: value for key, value in shown[name].items() if key != "sso_start_url"}
        assert expected.items() <= stage[name].items()


def test_every_sample_of_a_profile_has_a_region() -> None:
    """Each profile that a page or tutorial shows has a Region, which a role doesn't inherit."""
    tutorials = sorted(TUTORIALS.glob("*.ipynb"))
    texts = [page.read_text() for page in (*sorted(DOCS.rglob("*.md")), DOCS.parent / "README.md")]
    texts += ["".join(c["source"]) for t in tutorials for c in json.loads(t.read_text())["cells"]]
    samples = [sample for text in texts for sample in re.findall(r"(?ms)^```.*?^```", text)]
    sections = [s for one in samples for s in re.split(r"(?m)^(?=\[)", one)]
    profiles = [s for s in sections if s.startswith(("[profile ", "[default]"))]
    assert len(profiles) > 5
    assert [profile for profile in profiles if "\nregion = " not in profile] == []


def test_picture_of_the_picker() -> None:
    """On the pages, the tutorial on the picker shows a picture of it, and no empty output."""
    tutorial = (TUTORIALS / "02-pick-a-profile.ipynb").read_text()
    page = json.loads(runpy.run_path(str(DOCS / "conf.py"))["with_picture"](tutorial))
    outputs = [output for cell in page["cells"] for output in cell.get("outputs", [])]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert "image/png" in kinds
    assert not any("widget" in kind for kind in kinds)


def test_errors() -> None:
    """The page of errors has each class, with its cause and what to do."""
    described = rows((DOCS / "reference" / "errors.md").read_text())[1:]
    kinds = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.AwsProfileError) and kind is not errors.AwsProfileError
    }
    assert {name.strip("`") for name, _, _ in described} == kinds
    assert all(cause and remedy for _, cause, remedy in described)
