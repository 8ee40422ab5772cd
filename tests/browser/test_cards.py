"""The cards in a real JupyterLab."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.jupyter import Jupyter, Notebook


def test_the_main_job_in_jupyterlab(jupyter: Jupyter) -> None:
    """The switch and the table show their cards, an error its box, in light and dark themes."""
    notebook = jupyter.lab(
        "%load_ext ipy_awsprofile",
        "%aws_profile RoleBeta",
        "from ipy_awsprofile import list_buckets\nlist_buckets(session)",
        "%aws_profile RoleBeat",
        "%aws_profiles",
    )
    assert notebook.run(0).inner_text() == ""
    identity = notebook.run(1).locator(".ipy-awsprofile-card")
    expect(identity).to_contain_text("RoleBeta ← UserAlpha")
    expect(identity).to_contain_text("arn:aws:sts::123456789012:assumed-role/RoleBeta/")
    expect(notebook.run(2).locator("tbody tr")).to_have_count(3)
    error = notebook.run(3)
    expect(error.locator("pre")).to_have_text(
        "ProfileNotFound: There is no profile `RoleBeat` in the shared config files.\n"
        "Did you mean `RoleBeta`?"
    )
    expect(error.locator(".ipy-awsprofile-card")).to_have_count(0)
    table = notebook.run(4)
    for name in ("UserAlpha", "RoleBeta"):  # other tests add more profiles
        expect(table.locator("td:first-child", has_text=name)).to_have_count(1)
    for theme in ("light", "dark"):
        notebook.theme(theme)
        shown = notebook.screenshot(f"cards-{theme}")
        assert shown.stat().st_size > 0
        if theme == "light":
            # From the first cell to the end of the buckets: the main job.
            picture_for_readme("main-job", notebook, shown, first=0, last=2)


def test_an_explanation_in_jupyterlab(jupyter: Jupyter) -> None:
    """An explanation draws the chain, and names a problem at the setting that causes it."""
    notebook = jupyter.lab(
        "%env AWS_CONFIG_FILE=~/.aws/config-company\n%load_ext ipy_awsprofile",
        "%aws_profile --explain Auditor",
        "%aws_profile --explain Forgotten",
    )
    notebook.run(0)
    working = notebook.run(1).locator(".ipy-awsprofile-card")
    expect(working).to_contain_text("no problems found")
    expect(working).to_contain_text("arn:aws:iam::231179739868:mfa/Maria")
    broken = notebook.run(2).locator(".ipy-awsprofile-card")
    expect(broken).to_contain_text("Did you mean Platform?")
    for theme in ("dark", "light"):
        notebook.theme(theme)
        shown = notebook.screenshot(f"explain-{theme}")
    picture_for_readme("explain", notebook, shown, first=1, last=1)


def picture_for_readme(
    name: str, notebook: Notebook, shown: Path, *, first: int, last: int
) -> None:
    """Write these cells of a screenshot to README's picture, if UPDATE_SCREENSHOTS is set."""
    if not os.environ.get("UPDATE_SCREENSHOTS"):
        return
    top, bottom = (notebook.cell(number).bounding_box() for number in (first, last))
    assert top is not None
    assert bottom is not None
    scale = notebook.page.evaluate("window.devicePixelRatio")
    end = bottom["y"] + bottom["height"] - 4  # without the frame of the next cell
    edges = (top["x"], top["y"], bottom["x"] + bottom["width"], end)
    cropped = Image.open(shown).crop(tuple(round(edge * scale) for edge in edges))
    cropped.quantize(128).save(Path(__file__).parents[2] / "docs" / f"{name}.png", optimize=True)
