"""Choosing a profile in the picker, in a real JupyterLab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.picker_page import BUCKETS, LOAD, PICK, picker_in
from tests.mfa_role import add_mfa_role

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.jupyter import Jupyter
    from tests.browser.view_page import ViewPage

PROTECT = "%config AwsProfileMagics.protected = ['*prod*']"


def test_search_pick_and_go_on(jupyter: Jupyter) -> None:
    """Words in any order filter the list, Enter switches, and the next cell uses the role."""
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


def test_keyboard_and_roles(view: ViewPage, company: None) -> None:
    """Arrow, Home, End and Page keys move the active row; Escape closes the list."""
    view.begin()
    picker = view
    expect(picker.field).to_have_attribute("aria-expanded", "false")
    picker.field.focus()
    picker.field.press("ArrowDown")
    expect(picker.field).to_have_attribute("aria-expanded", "true")
    expect(picker.options.first).to_have_attribute("aria-setsize", "12")
    for key, position in (
        ("ArrowDown", "1"),
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


@pytest.mark.slow
def test_keys_are_not_notebook_shortcuts(jupyter: Jupyter) -> None:
    """Keys pressed on the picker's buttons don't trigger shortcuts of the notebook."""
    notebook = jupyter.lab(LOAD, PICK)
    picker = picker_in(notebook, 1)
    picker.choose("RoleBeta")
    picker.shows("RoleBeta")
    picker.button("Refresh").focus()
    for _ in range(2):
        notebook.page.keyboard.press("d")  # pressed twice, it would delete the cell
    notebook.page.keyboard.press("b")
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == 2
    picker.shows("RoleBeta")


@pytest.mark.slow
def test_recent_and_pinned_first(jupyter: Jupyter, company: None) -> None:
    """Pinned profiles come first, then recent profiles, even in another kernel."""
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
    again.field.press("ArrowDown")
    again.field.press("Alt+KeyP")
    expect(again.options.nth(0)).to_contain_text("staging")


@pytest.mark.slow
def test_region(jupyter: Jupyter) -> None:
    """The picker uses the profile's Region, unless the user chooses another."""
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


def test_read_only(view: ViewPage) -> None:
    """A checkbox below the list, or Alt R, makes sessions read-only until it is cleared."""
    limit = view.root.get_by_role("checkbox", name="Read-only")
    view.open()
    view.settle()
    view.field.press("Alt+KeyR")
    expect(limit).to_be_checked()
    for is_read_only in (True, False):
        view.field.fill("RoleBeta")
        view.field.press("Enter")
        view.settle()
        view.shows("RoleBeta")
        access = expect(view.identity)
        (access.to_contain_text if is_read_only else access.not_to_contain_text)("read-only")
        request = view.switcher.request
        assert request
        assert request.read_only is is_read_only
        view.open()
        view.settle()
        if is_read_only:
            limit.click()
            expect(limit).not_to_be_checked()
            expect(view.field).to_be_focused()


@pytest.mark.slow
def test_mfa_wrong_and_right(jupyter: Jupyter, embedded: EmbeddedAws, company: None) -> None:
    """The picker asks again after a wrong code, but doesn't ask if a session is cached."""
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


def test_error_card_and_former_identity(view: ViewPage, company: None) -> None:
    """A refused switch shows the error's card, and the previous identity stays active."""
    view.begin()
    for profile in ("RoleBeta", "analytics-dev"):
        view.choose(profile)
        view.settle()
    expect(view.error.locator(".ipy-awsprofile-card")).to_contain_text("AWS doesn't let")
    view.shows("RoleBeta")


@pytest.mark.slow
def test_protected_profile_needs_a_confirmation(jupyter: Jupyter, company: None) -> None:
    """A protected profile is marked, and a switch to it requires confirmation."""
    notebook = jupyter.lab(LOAD, PROTECT, PICK)
    picker = picker_in(notebook, 2)
    picker.open()
    picker.search("prod-admin")
    expect(picker.options.first).to_have_class(re.compile("ipyap-protected"))
    expect(picker.options.first).to_have_accessible_name(re.compile("protected"))
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
