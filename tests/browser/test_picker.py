"""The picker in a real JupyterLab and a real Notebook 7."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser import stage
from tests.browser.picker_page import PickerPage
from tests.mfa_role import add_mfa_role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.jupyter import Jupyter, Notebook

LOAD = "%load_ext ipy_awsprofile"
PROTECT = "%config AwsProfileMagics.protected = ['*prod*']"
PICK = "%aws_profile --pick"
BUCKETS = "from ipy_awsprofile import list_buckets\nlist_buckets(session)"
SAVED_WIDGETS = "application/vnd.jupyter.widget-state+json"


@pytest.fixture
def company(embedded: EmbeddedAws) -> Iterator[None]:
    with stage.company(embedded):
        yield


def picker_in(notebook: Notebook, cell: int) -> PickerPage:
    """Run the cells up to this one, and return the picker that it shows."""
    for index in range(cell):
        notebook.run(index)
    picker = PickerPage(notebook.run(cell))
    expect(picker.field).to_have_attribute("placeholder", re.compile(r"Search [\d,]+ profile"))
    return picker


def test_search_pick_and_go_on(jupyter: Jupyter) -> None:
    """Words in any order limit the list, Enter switches, and the next cell works as the role."""
    notebook = jupyter.lab(LOAD, PICK, BUCKETS)
    picker = picker_in(notebook, 1)
    expect(picker.identity).to_contain_text("No profile is active")
    picker.open()
    picker.search("alpha 1234 role")
    expect(picker.options).to_have_count(1)
    expect(picker.options.first).to_contain_text("RoleBeta ← UserAlpha")
    for shown in ("assume role", "123456789012", "us-west-2"):
        expect(picker.options.first).to_contain_text(shown)
    picker.field.press("Enter")
    picker.shows("RoleBeta")
    expect(picker.identity).to_contain_text("arn:aws:sts::123456789012:assumed-role/RoleBeta/")
    expect(picker.countdown).to_have_text(re.compile(r"^(1:00|\d\d):\d\d left$"))
    expect(notebook.run(2).locator("tbody tr")).to_have_count(3)


def test_keyboard_and_roles(jupyter: Jupyter, company: None) -> None:
    """Arrow, Home, End and Page keys move the active row; Escape closes the list."""
    picker = picker_in(jupyter.lab(LOAD, PICK), 1)
    expect(picker.field).to_have_attribute("aria-expanded", "false")
    picker.field.focus()
    picker.field.press("ArrowDown")
    expect(picker.field).to_have_attribute("aria-expanded", "true")
    expect(picker.options.first).to_have_attribute("aria-setsize", "12")
    for key, position in (
        ("ArrowDown", "2"),
        ("End", "12"),
        ("ArrowDown", "12"),
        ("PageUp", "4"),
        ("Home", "1"),
        ("PageDown", "9"),
        ("ArrowUp", "8"),
    ):
        picker.field.press(key)
        active = picker.root.locator(f"#{picker.field.get_attribute('aria-activedescendant')}")
        expect(active).to_have_attribute("aria-posinset", position)
        expect(active).to_be_in_viewport()
    picker.field.press("Escape")
    expect(picker.field).to_have_attribute("aria-expanded", "false")
    expect(picker.field).to_be_focused()
    expect(picker.identity).to_contain_text("No profile is active")


def test_keys_are_not_notebook_shortcuts(jupyter: Jupyter) -> None:
    """Keys that are typed on the picker's buttons aren't shortcuts of the notebook."""
    notebook = jupyter.lab(LOAD, PICK)
    picker = picker_in(notebook, 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    picker.button("Refresh").focus()
    for _ in range(2):
        notebook.page.keyboard.press("d")  # twice, it would delete the cell
    notebook.page.keyboard.press("b")
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == 2
    picker.shows("RoleBeta")


def test_recent_and_pinned_first(jupyter: Jupyter, company: None) -> None:
    """Pinned profiles come first, then the recently used ones, in the next kernel too."""
    picker = picker_in(jupyter.lab(LOAD, PICK), 1)
    picker.choose("staging")
    picker.shows("staging")
    picker.open()
    picker.search("security")
    expect(picker.options).to_have_count(1)
    picker.options.first.hover()
    picker.options.first.locator(".ipyap-pin").click()
    expect(picker.options.first.locator(".ipyap-pinned")).to_be_visible()
    again = picker_in(jupyter.lab(LOAD, PICK), 1)
    again.open()
    expect(again.options.nth(0)).to_contain_text("security-audit")
    expect(again.options.nth(1)).to_contain_text("staging")
    again.field.press("Alt+KeyP")
    expect(again.options.nth(0)).to_contain_text("staging")


def test_region(jupyter: Jupyter) -> None:
    """The Region is the profile's, unless another one is chosen before or after the switch."""
    notebook = jupyter.lab(LOAD, PICK, "session.region_name")
    picker = picker_in(notebook, 1)
    picker.region.select_option("eu-central-1")
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    expect(picker.identity).to_contain_text("eu-central-1")
    picker.region.select_option("")
    expect(picker.identity).to_contain_text("us-west-2")
    expect(picker.region.locator("option:checked")).to_have_text("us-west-2 (profile’s)")
    expect(notebook.run(2)).to_contain_text("'us-west-2'")


def test_mfa_wrong_and_right(jupyter: Jupyter, embedded: EmbeddedAws, company: None) -> None:
    """A wrong code is asked for again, the right one switches, and a cached session needs none."""
    serial = add_mfa_role(embedded, "RoleMfa")
    notebook = jupyter.lab(LOAD, PICK, BUCKETS, PICK)
    picker = picker_in(notebook, 1)
    picker.choose("RoleMfa")
    expect(picker.code).to_be_focused()
    expect(picker.code).to_have_attribute("autocomplete", "one-time-code")
    expect(picker.root).to_contain_text(serial)
    notebook.screenshot("picker-code")
    picker.code.fill("000000")
    picker.code.press("Enter")
    expect(picker.error).to_contain_text("AWS refused the MFA code for RoleMfa")
    expect(picker.code).to_be_focused()
    expect(picker.code).to_have_value("")
    expect(picker.identity).to_contain_text("No profile is active")
    code = embedded.mfa_code(serial)
    picker.code.fill(code)
    picker.button("Continue").click()
    picker.shows("RoleMfa")
    expect(picker.error).to_be_empty()
    expect(notebook.run(2).locator("tbody tr")).to_have_count(3)
    picker.choose("RoleMfa")
    picker.shows("RoleMfa")
    expect(picker.code).to_have_count(0)
    assert code not in notebook.save()


def test_error_card_and_former_identity(jupyter: Jupyter, company: None) -> None:
    """A refused switch shows the magic's error card, and the identity that stays active."""
    picker = picker_in(jupyter.lab(LOAD, PICK), 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    picker.choose("analytics-dev")
    expect(picker.error.locator(".ipy-awsprofile-card")).to_contain_text("AWS doesn't let")
    picker.shows("RoleBeta")


def test_protected_profile_needs_a_confirmation(jupyter: Jupyter, company: None) -> None:
    """A protected profile is marked, and needs a confirmation to switch to it."""
    notebook = jupyter.lab(LOAD, PROTECT, PICK)
    picker = picker_in(notebook, 2)
    picker.open()
    picker.search("prod-admin")
    expect(picker.options.first).to_have_class(re.compile("ipyap-protected"))
    expect(picker.options.first).to_have_attribute("aria-label", re.compile("protected"))
    picker.options.first.click()
    expect(picker.button("Cancel")).to_be_focused()
    notebook.screenshot("picker-protected")
    picker.button("Cancel").click()
    expect(picker.identity).to_contain_text("No profile is active")
    picker.choose("prod-admin")
    picker.button("Switch to prod-admin").click()
    picker.shows("prod-admin")
    expect(picker.identity).to_contain_text("protected")
    notebook.screenshot("picker-protected-active")


def test_all_pickers_and_the_magic_show_the_same_identity(jupyter: Jupyter) -> None:
    """Every picker shows every switch, and its end."""
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


def test_countdown(jupyter: Jupyter) -> None:
    """The time left turns amber, then red, then says expired, without a message from the kernel."""
    notebook = jupyter.lab(LOAD, PICK)
    picker = picker_in(notebook, 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    picker.button("Refresh").click()  # the cached credentials may be minutes old
    picker.shows("RoleBeta")
    notebook.page.evaluate("globalThis.realNow = Date.now")
    for minutes, tone, text in (
        (0, "calm", r"^5\d:\d\d left$"),
        (46, "amber", r"^1\d:\d\d left$"),
        (56, "red", r"^\d:\d\d left$"),
        (61, "red", r"^expired$"),
    ):
        notebook.page.evaluate(f"Date.now = () => realNow() + {minutes * 60_000}")
        expect(picker.countdown).to_have_attribute("data-tone", tone)
        expect(picker.countdown).to_have_text(re.compile(text))


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


def test_a_slow_switch(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """A slow switch is explained, and shows the former identity until the new one is there."""
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


def test_a_restarted_kernel_leaves_the_placeholder(jupyter: Jupyter) -> None:
    """Without its kernel, the picker shows no identity; it works when its cell is run again."""
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
    """Open a saved notebook with a new kernel, until JupyterLab has found its widgets.

    If the kernel starts quickly, JupyterLab sometimes looks for a widget before it has read the
    saved ones, and shows "model not found" until the page is loaded again.
    """
    for _ in range(5):
        notebook = jupyter.open(name)
        expect(notebook.outputs(1)).to_contain_text(re.compile("no kernel|model not found"))
        if notebook.outputs(1).locator(".ipyap").count():
            break
        jupyter.close()
    return notebook


def test_a_saved_notebook_has_no_list_and_no_secret(
    jupyter: Jupyter, embedded: EmbeddedAws, company: None
) -> None:
    """A notebook saved with its widgets has no list, code or secret, and reopens a placeholder."""
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


def test_twenty_thousand_profiles(jupyter: Jupyter, embedded: EmbeddedAws) -> None:
    """Of 20,000 profiles only the visible ones are in the page, wherever the list is scrolled."""
    with stage.very_many(embedded, 20_000):
        notebook = jupyter.lab(LOAD, PICK)
        picker = picker_in(notebook, 1)
        picker.open()
        expect(picker.options.first).to_have_attribute("aria-setsize", re.compile(r"^200\d\d$"))
        assert 0 < picker.options.count() <= 20
        picker.field.press("End")
        expect(picker.options.last).to_have_attribute("aria-posinset", re.compile(r"^200\d\d$"))
        assert picker.options.count() <= 20
        picker.search("live 1999 eu")
        expect(picker.root).to_contain_text(re.compile(r"\d+ of 20,0\d\d"))
        assert picker.options.count() <= 20
        assert picker.root.locator("*").count() < 500


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_looks_in_jupyterlab(jupyter: Jupyter, company: None, theme: str) -> None:
    """The list and the identity have the theme's colours."""
    notebook = jupyter.lab(LOAD, PROTECT, PICK)
    notebook.theme(theme)
    picker = picker_in(notebook, 2)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    picker.open()
    picker.field.press("ArrowDown")
    expect(picker.root.locator(".ipyap-active")).to_be_visible()
    field = picker.root.locator(".ipyap-field")
    themed = notebook.page.evaluate(
        "getComputedStyle(document.body).getPropertyValue('--jp-ui-font-color1').trim()"
    )
    probe = "(el, colour) => { el.style.color = colour; return getComputedStyle(el).color }"
    assert field.evaluate("el => getComputedStyle(el).color") == picker.placeholder.evaluate(
        probe, themed
    )
    assert notebook.screenshot(f"picker-{theme}").stat().st_size > 0
    if theme == "light" and os.environ.get("UPDATE_SCREENSHOTS"):
        shown = notebook.screenshot("picker", notebook.cell(2))
        picture = Path(__file__).parents[2] / "docs" / "picker.png"
        Image.open(shown).quantize(128).save(picture, optimize=True)


def test_notebook_7(jupyter: Jupyter, company: None) -> None:
    """The picker works in Notebook 7 too."""
    notebook = jupyter.notebook_7(LOAD, PICK, BUCKETS)
    picker = picker_in(notebook, 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    expect(notebook.run(2).locator("tbody tr")).to_have_count(3)
    picker.open()
    assert notebook.screenshot("picker-notebook-7").stat().st_size > 0
