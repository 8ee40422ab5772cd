"""Cards in a real JupyterLab."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from PIL import Image
from playwright.sync_api import expect

from ipy_awsprofile.cards.cards import identity_card
from tests.browser.stage import known_identity

if TYPE_CHECKING:
    from tests.browser.jupyter import Jupyter, Notebook


def test_the_main_job_in_jupyterlab(jupyter: Jupyter) -> None:
    """The switch and the table show cards, and an error shows its box, in light and dark themes."""
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
    for name in ("UserAlpha", "RoleBeta"):  # other tests add profiles
        expect(table.locator("td:first-child", has_text=name)).to_have_count(1)
    for theme in ("light", "dark"):
        notebook.theme(theme)
        shown = notebook.screenshot(f"cards-{theme}")
        assert shown.stat().st_size > 0
        if theme == "light":
            # The main job extends from the first cell to the end of the buckets.
            picture_for_readme("main-job", notebook, shown, first=0, last=2)


@pytest.mark.slow
def test_an_explanation_in_jupyterlab(jupyter: Jupyter) -> None:
    """An explanation shows the chain, and each problem next to the setting that causes it."""
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


def test_a_card_in_an_untrusted_notebook(jupyter: Jupyter) -> None:
    """JupyterLab's sanitizer keeps a card's red edge, its rows, and the badge `protected`."""
    card = identity_card(known_identity(), variable="session", protected=True)
    name = jupyter.server.write(["1"])
    file = jupyter.server.root / name
    saved = nbformat.read(file, as_version=4)
    data = {"text/html": card._repr_html_(), "text/plain": str(card)}
    saved.cells[0].outputs = [nbformat.v4.new_output("display_data", data=data)]
    nbformat.write(saved, file)  # without a signature, so it's untrusted
    notebook = jupyter.open(name)
    shown = notebook.outputs(0).locator(".ipy-awsprofile-card")
    expect(shown).not_to_have_attribute("style", re.compile("border-left-color"))  # sanitized
    expect(shown).to_have_css("border-left", "4px solid rgb(198, 40, 40)")
    expect(shown.get_by_text("protected")).to_have_css("border-top-color", "rgb(198, 40, 40)")
    expect(shown.get_by_role("row")).to_have_count(4)
    notebook.screenshot("card-untrusted")


def picture_for_readme(
    name: str, notebook: Notebook, shown: Path, *, first: int, last: int
) -> None:
    """Update README's picture with these cells if UPDATE_SCREENSHOTS is set."""
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
