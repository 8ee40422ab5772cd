"""The cards as they stand in a real JupyterLab."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import expect

if TYPE_CHECKING:
    from .jupyter import Jupyter


def test_the_main_job_in_jupyterlab(jupyter: Jupyter) -> None:
    """Extension, switch, buckets, an error and the table show their cards, light and dark."""
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
    expect(error.locator(".ipy-awsprofile-card")).to_contain_text("no profile RoleBeat")
    expect(error.locator(".ipy-awsprofile-card")).to_contain_text("Did you mean RoleBeta?")
    expect(notebook.run(4).locator("td:first-child")).to_have_text(["UserAlpha", "RoleBeta"])
    for theme in ("light", "dark"):
        notebook.theme(theme)
        shown = notebook.screenshot(f"cards-{theme}")
        assert shown.stat().st_size > 0
        if theme == "light" and os.environ.get("UPDATE_SCREENSHOTS"):
            # From the first cell to the end of the buckets: the main job.
            first, last = (notebook.cell(number).bounding_box() for number in (0, 2))
            assert first is not None
            assert last is not None
            scale = notebook.page.evaluate("window.devicePixelRatio")
            edges = (first["x"], first["y"], last["x"] + last["width"], last["y"] + last["height"])
            picture = Path(__file__).parents[2] / "docs" / "main-job.png"
            cropped = Image.open(shown).crop(tuple(round(edge * scale) for edge in edges))
            cropped.quantize(128).save(picture, optimize=True)
