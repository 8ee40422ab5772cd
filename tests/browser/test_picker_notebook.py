"""The picker in a cell of a real JupyterLab and a real Notebook 7."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT
from tests.browser.picker_page import BUCKETS, LOAD, PICK, PickerPage, picker_in
from tests.mfa_role import add_mfa_role

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.jupyter import Jupyter

#: A cell that calls AWS repeatedly until the file `stop` exists.
LOOP = """\
import pathlib, time, boto3
seen = set()
print("looping")
while not pathlib.Path("stop").exists():
    seen.add(boto3.client("sts").get_caller_identity()["Arn"])
    time.sleep(0.1)
seen"""


@pytest.mark.parametrize("front_end", ["lab", "notebook_7"])
def test_choose_and_go_on(jupyter: Jupyter, company: None, front_end: str) -> None:
    """A choice switches for the next cell; all pickers and the magic show the same identity."""
    notebook = getattr(jupyter, front_end)(LOAD, PICK, BUCKETS, PICK, "%aws_profile --off")
    picker = picker_in(notebook, 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    expect(notebook.run(2).locator("tbody tr")).to_have_count(3)
    other = PickerPage(notebook.run(3))
    other.shows("RoleBeta")
    other.button("Refresh").focus()
    for key in "ddb":  # they would delete the cell, and add another one
        notebook.page.keyboard.press(key)
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == 5
    notebook.run(4)
    for one in (picker, other):
        expect(one.identity).to_contain_text("No profile is active")


def test_a_code_console(jupyter: Jupyter) -> None:
    """In a code console, which takes Enter for itself, Enter in the picker switches."""
    page = jupyter.lab(LOAD).page
    page.evaluate(
        """async ([load, pick]) => {
          const {commands} = jupyterapp;
          const preference = {kernelPreference: {name: "python3"}, activate: true};
          const {sessionContext} = await commands.execute("console:create", preference);
          await sessionContext.ready;
          const {path} = sessionContext;
          for (const code of [load, pick]) await commands.execute("console:inject", {path, code});
        }""",
        [LOAD, PICK],
    )
    picker = PickerPage(page.locator(".jp-CodeConsole"))
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")


@pytest.mark.slow
def test_a_choice_while_a_cell_runs(jupyter: Jupyter) -> None:
    """A choice says that it waits for the running cell, which keeps its identity to its end."""
    notebook = jupyter.lab(LOAD, PICK, LOOP, "boto3.client('sts').get_caller_identity()['Arn']")
    stop, picker = notebook.file.with_name("stop"), picker_in(notebook, 1)
    picker.choose("UserAlpha")
    picker.shows("UserAlpha")
    notebook.start(2)
    expect(notebook.outputs(2)).to_contain_text("looping")
    for choice in ("RoleBeta", "UserAlpha", "RoleBeta"):  # the list stays usable
        picker.choose(choice)
        expect(picker.then).to_contain_text(f"running cell: switching to {choice}.")
    expect(picker.identity).to_contain_text("user/UserAlpha")
    stop.touch()
    picker.shows("RoleBeta")
    expect(picker.then).to_be_hidden()
    user = f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha"
    expect(notebook.outputs(2)).to_contain_text(f"{{'{user}'}}")
    expect(notebook.run(3)).to_contain_text("assumed-role/RoleBeta/")
    stop.unlink()


@pytest.mark.slow
def test_a_restart_and_a_saved_notebook(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """No saved file has a profile or a secret; after a restart, the picker shows no identity."""
    serial = add_mfa_role(embedded, "RoleSaved")
    notebook = jupyter.lab(LOAD, PICK)
    notebook.keep_widgets()
    picker = picker_in(notebook, 1)
    picker.choose("RoleSaved")
    code = embedded.mfa_code(serial)
    picker.code.fill(code)
    picker.code.press("Enter")
    picker.shows("RoleSaved")
    saved = notebook.save()
    names = ("RoleSaved", "RoleBeta", code, serial, *embedded.secrets())
    assert [text for text in names if text in saved] == []
    notebook.restart()
    expect(picker.then).to_contain_text("run this cell again")
    expect(picker.identity).to_be_hidden()
    picker_in(notebook, 1).choose("RoleBeta")
    picker.shows("RoleBeta")
