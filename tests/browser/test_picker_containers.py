"""The picker inside ipywidgets' containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.picker_page import LOAD

if TYPE_CHECKING:
    from tests.browser.jupyter import Jupyter

CONTAINERS = """
import ipywidgets as w
from ipy_awsprofile import ProfilePicker as P
grid = w.GridspecLayout(2, 2)
grid[0, :] = P()
boxes = [
    w.HBox([P()]), w.HBox([P(), w.Button()]), w.Box([P()]), w.VBox([P()]),
    w.GridBox([P(), w.Button()], layout={"grid_template_columns": "auto auto"}),
    w.Tab([P()]), w.Accordion([P()], selected_index=0), w.Stack([P()], selected_index=0),
    w.AppLayout(center=P()), w.TwoByTwoLayout(top_left=P(), bottom_left=w.Button()), grid,
]
display(*boxes)
"""
NUMBER = 11


@pytest.mark.slow
def test_containers(jupyter: Jupyter) -> None:
    """In each container, the picker is wide enough to use, and not wider than the page."""
    notebook = jupyter.lab(LOAD, CONTAINERS)
    notebook.run(0)
    pickers = notebook.run(1).locator(".ipyap")
    expect(pickers).to_have_count(NUMBER)
    fields = notebook.outputs(1).get_by_role("combobox", name="AWS profile")
    expect(fields).to_have_count(NUMBER)
    notebook.screenshot("picker-containers", notebook.cell(1))
    overflow = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(String)"
    boxes = notebook.outputs(1).locator(".widget-container")
    notebook.page.set_viewport_size({"width": 760, "height": 760})
    assert boxes.evaluate_all(overflow) == []
    notebook.page.set_viewport_size({"width": 1000, "height": 760})
    widths = pickers.evaluate_all("all => all.map(one => one.clientWidth)")
    assert [width for width in widths if not 310 <= width <= 960] == [], widths
