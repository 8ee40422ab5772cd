"""The picker's identity, which follows the kernel in a real JupyterLab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT
from tests.browser.picker_page import LOAD, PICK, PickerPage, picker_in
from tests.mfa_role import add_mfa_role

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.jupyter import Jupyter, Notebook

#: A cell that calls AWS repeatedly until the file `stop` exists.
LOOP = """\
import asyncio, pathlib, time, boto3
seen = set()
print("looping")
for _ in range(500):
    seen.add(boto3.client("sts").get_caller_identity()["Arn"])
    if pathlib.Path("stop").exists():
        break
    {wait}
seen"""

EDGE = "card => getComputedStyle(card).borderLeftColor"

SAVED_WIDGETS = "application/vnd.jupyter.widget-state+json"


def test_all_pickers_and_the_magic_show_the_same_identity(jupyter: Jupyter) -> None:
    """Every picker shows each switch, and when it is undone."""
    notebook = jupyter.lab(
        LOAD, PICK, "from ipy_awsprofile import ProfilePicker\nProfilePicker()",
        "%aws_profile RoleBeta", "%aws_profile --region eu-west-1 RoleBeta", "%aws_profile --off",
        "%aws_profile",
    )  # fmt: skip
    first, second = picker_in(notebook, 1), PickerPage(notebook.run(2))
    notebook.run(3)
    for picker in (first, second):
        picker.shows("RoleBeta")
    notebook.run(4)
    for picker in (first, second):
        expect(picker.identity).to_contain_text("eu-west-1")
    notebook.run(5)
    for picker in (first, second):
        expect(picker.identity).to_contain_text("No profile is active")
    first.choose("RoleBeta")
    second.shows("RoleBeta")
    expect(notebook.run(6)).to_contain_text("RoleBeta ← UserAlpha")


@pytest.mark.slow
def test_countdown(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """The countdown needs no message from the kernel, and stays calm for a session that renews.

    If a session needs an MFA code, the countdown turns amber, then red together with the card's
    edge, and then says "expired".
    """
    serial = add_mfa_role(embedded, "Coded")
    notebook = jupyter.lab(LOAD, PICK)
    picker = picker_in(notebook, 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    notebook.page.evaluate("globalThis.realNow = Date.now")
    for minutes, text in (0, r"^\d+:\d\d left$"), (61, "^renews at the next call$"):
        notebook.page.evaluate(f"Date.now = () => realNow() + {minutes * 60_000}")
        expect(picker.countdown).to_have_text(re.compile(text))
        expect(picker.countdown).to_have_attribute("data-tone", "calm")
    notebook.page.evaluate("Date.now = realNow")
    picker.choose("Coded")
    picker.code.fill(embedded.mfa_code(serial))
    picker.code.press("Enter")
    picker.shows("Coded")
    expect(picker.identity).to_contain_text("renews with an MFA code")
    edge = picker.identity.locator(".ipy-awsprofile-card")
    calm = edge.evaluate(EDGE)
    for minutes, tone, text in (
        (0, "calm", r"^5\d:\d\d left$"),
        (46, "amber", r"^1\d:\d\d left$"),
        (56, "red", r"^\d:\d\d left$"),
        (61, "red", r"^expired$"),
    ):
        notebook.page.evaluate(f"Date.now = () => realNow() + {minutes * 60_000}")
        expect(picker.countdown).to_have_attribute("data-tone", tone)
        expect(picker.countdown).to_have_text(re.compile(text))
        assert (edge.evaluate(EDGE) != calm) == (tone == "red")


@pytest.mark.slow
def test_refresh(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """The button gets new credentials from STS."""

    def assumed() -> int:
        return [call.action for call in embedded.calls].count("sts:AssumeRole")

    picker = picker_in(jupyter.lab(LOAD, PICK), 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    before = assumed()
    picker.button("Refresh").click()
    picker.shows("RoleBeta")
    assert assumed() == before + 1


@pytest.mark.slow
def test_a_slow_switch(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """During a slow switch, the picker says what it waits for, and shows the previous identity."""
    serial = add_mfa_role(embedded, "RoleSlow")
    notebook = jupyter.lab(LOAD, PICK, "session.profile_name")
    picker = picker_in(notebook, 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    picker.choose("RoleSlow")
    picker.code.fill(embedded.mfa_code(serial))
    embedded.latency = 5
    try:
        picker.button("Continue").click()
        expect(picker.root).to_contain_text("waiting for the kernel and AWS")
        expect(picker.identity).to_contain_text("RoleBeta ←")
        picker.shows("RoleSlow")
    finally:
        embedded.latency = 0
    expect(notebook.run(2)).to_contain_text("'RoleSlow'")


@pytest.mark.slow
def test_a_choice_while_a_cell_runs(jupyter: Jupyter) -> None:
    """A choice says that it waits for the running cell, which keeps its identity to its end."""
    loops = (LOOP.format(wait=wait) for wait in ("time.sleep(0.1)", "await asyncio.sleep(0.1)"))
    who = "boto3.client('sts').get_caller_identity()['Arn']"
    notebook = jupyter.lab(LOAD, PICK, *loops, who)
    stop, picker = notebook.file.with_name("stop"), picker_in(notebook, 1)
    for loop in (2, 3):
        picker.choose("UserAlpha")
        expect(picker.identity).to_contain_text("user/UserAlpha")
        notebook.start(loop)
        expect(notebook.outputs(loop)).to_contain_text("looping")
        for choice in ("RoleBeta", "UserAlpha", "RoleBeta"):  # the list stays usable
            picker.choose(choice)
            expect(picker.then).to_have_text(f"Switches to {choice} when the running cell ends.")
            expect(picker.then).to_be_visible()
            expect(picker.field).to_have_value("UserAlpha")
        expect(picker.identity).to_contain_text("user/UserAlpha")
        for theme in ("dark", "light"):
            notebook.theme(theme)
            notebook.screenshot(f"picker-waiting-{theme}", notebook.cell(1))
        stop.touch()
        picker.shows("RoleBeta")
        expect(picker.then).to_be_hidden()
        user = f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha"
        expect(notebook.outputs(loop)).to_contain_text(f"{{'{user}'}}")
        expect(notebook.run(4)).to_contain_text("assumed-role/RoleBeta/")
        stop.unlink()


@pytest.mark.slow
def test_a_restarted_kernel_leaves_the_placeholder(jupyter: Jupyter) -> None:
    """After a restart, the picker shows no identity, and works again once you run its cell."""
    notebook = jupyter.lab(LOAD, PICK)
    picker = picker_in(notebook, 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    notebook.restart()
    expect(picker.placeholder).to_be_visible()
    expect(picker.identity).to_be_hidden()
    picker_in(notebook, 1).choose("RoleBeta")
    picker.shows("RoleBeta")


def reopen(jupyter: Jupyter, name: str) -> Notebook:
    """Open a saved notebook with a new kernel, and repeat until JupyterLab has found its widgets.

    If the kernel starts quickly, JupyterLab sometimes looks for a widget before it has read the
    saved widgets, and shows "model not found" until the page is reloaded.
    """
    for _ in range(5):
        notebook = jupyter.open(name)
        expect(notebook.outputs(1)).to_contain_text(re.compile("no kernel|model not found"))
        if notebook.outputs(1).locator(".ipyap").count():
            break
        jupyter.close()
    return notebook


@pytest.mark.slow
def test_a_saved_notebook_has_no_list_and_no_secret(
    jupyter: Jupyter, embedded: EmbeddedAws, company: None
) -> None:
    """A saved notebook has no list, code or secret, and shows a placeholder when reopened."""
    serial = add_mfa_role(embedded, "RoleSaved")
    notebook = jupyter.lab(LOAD, PICK)
    notebook.keep_widgets()
    picker = picker_in(notebook, 1)
    picker.choose("RoleSaved")
    code = embedded.mfa_code(serial)
    picker.code.fill(code)
    picker.code.press("Enter")
    picker.shows("RoleSaved")
    picker.open()
    saved = notebook.save()
    assert SAVED_WIDGETS in saved
    names = ("RoleSaved", "RoleBeta", "staging", "billing-readonly", "BillingReadOnly")
    assert [text for text in (*names, code, serial, *embedded.secrets()) if text in saved] == []

    jupyter.close()
    reopened = PickerPage(reopen(jupyter, notebook.file.name).outputs(1))
    expect(reopened.placeholder).to_be_visible()
    expect(reopened.placeholder).to_contain_text("Run its cell")
    expect(reopened.field).to_be_hidden()
