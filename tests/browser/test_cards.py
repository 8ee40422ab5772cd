"""Cards in a real JupyterLab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import nbformat
from PIL import Image
from playwright.sync_api import expect

from ipy_awsprofile.cards.cards import identity_card
from tests.browser.jupyter import save_picture
from tests.cards.test_cards import identity

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.jupyter import Jupyter, Notebook


def test_the_main_job_in_jupyterlab(jupyter: Jupyter) -> None:
    """The switch, the profiles and an explanation show cards, and an error shows its box."""
    notebook = jupyter.lab(
        "%load_ext ipy_awsprofile",
        "%aws_profile RoleBeta",
        "from ipy_awsprofile import list_buckets\nlist_buckets(session)",
        "%aws_profile RoleBeat",
        "%aws_profiles",
        "%env AWS_CONFIG_FILE=~/.aws/config-company",
        "%aws_profile --explain Auditor",
    )
    assert notebook.run(0).inner_text() == ""
    card = notebook.run(1).locator(".ipy-awsprofile-card")
    expect(card).to_contain_text("RoleBeta ← UserAlpha")
    expect(card).to_contain_text("arn:aws:sts::123456789012:assumed-role/RoleBeta/")
    expect(notebook.run(2).locator("tbody tr")).to_have_count(3)
    expect(notebook.run(3).locator("pre")).to_have_text(
        "ProfileNotFound: There is no profile `RoleBeat` in the shared config files.\n"
        "Did you mean `RoleBeta`?"
    )
    table = notebook.run(4)
    for name in ("UserAlpha", "RoleBeta"):  # other tests add profiles
        expect(table.locator("td:first-child", has_text=name)).to_have_count(1)
    notebook.run(5)
    explanation = notebook.run(6).locator(".ipy-awsprofile-card")
    expect(explanation).to_contain_text("arn:aws:iam::231179739868:mfa/Maria")
    notebook.cell(4).locator(".jp-InputPrompt").click()  # the pictures show no active cell
    notebook.page.set_viewport_size({"width": 1000, "height": 1800})
    for theme in ("dark", "light"):
        notebook.theme(theme)
        shown = notebook.screenshot(f"cards-{theme}")
    picture_of_cells("main-job", notebook, shown, first=0, last=2)
    picture_of_cells("explain", notebook, shown, first=6, last=6)


def test_a_card_in_an_untrusted_notebook(jupyter: Jupyter) -> None:
    """JupyterLab's sanitizer keeps a card's red edge, its rows, and the badge `protected`."""
    card = identity_card(identity(), variable="session", protected=True)
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
    expect(shown.get_by_role("row")).to_have_count(5)
    notebook.screenshot("card-untrusted")


def picture_of_cells(name: str, notebook: Notebook, shown: Path, *, first: int, last: int) -> None:
    """Update a picture of the docs from a screenshot that shows these cells."""
    top, bottom = (notebook.cell(number).bounding_box() for number in (first, last))
    assert top
    assert bottom
    scale = notebook.page.evaluate("window.devicePixelRatio")
    end = bottom["y"] + bottom["height"] - 4  # without the frame of the next cell
    edges = (top["x"], top["y"], bottom["x"] + bottom["width"], end)
    cropped = Image.open(shown).crop(tuple(round(edge * scale) for edge in edges))
    save_picture(name, cropped)
