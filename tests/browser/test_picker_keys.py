"""The picker's keys, which never choose a profile that the user hasn't chosen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.view_page import ViewPage

ACTIVE = re.compile("ipyap-active")


@pytest.mark.parametrize("is_active", [False, True])
def test_a_held_enter_chooses_nothing(view: ViewPage, company: None, is_active: bool) -> None:
    """Holding down Enter in the field opens the list, and switches to no profile."""
    view.begin()
    if is_active:
        view.choose("RoleBeta")
        view.settle()
    view.field.focus()
    request = view.switcher.request
    assert (request is not None) == is_active
    for _ in range(5):
        view.page.keyboard.down("Enter")
        view.settle()
    view.page.keyboard.up("Enter")
    assert view.is_open
    view.field.press("Enter")
    view.settle()
    assert view.switcher.request is request
    assert view.page_errors == []


def test_a_held_enter_answers_no_question(view: ViewPage, company: None) -> None:
    """Holding down Enter on a protected profile neither confirms the switch nor cancels it."""
    view.switcher.protection.protected = ("*prod*",)
    view.begin()
    view.open()
    view.settle()
    view.field.fill("prod-admin")
    for _ in range(5):
        view.page.keyboard.down("Enter")
        view.settle()
    view.page.keyboard.up("Enter")
    expect(view.button("Cancel")).to_be_focused()
    expect(view.identity).to_contain_text("No profile is active")


def test_the_active_profile_is_highlighted(view: ViewPage, company: None) -> None:
    """The list opens at the active profile; pressing Enter there keeps the session."""
    view.begin()
    view.open()
    view.settle()
    expect(view.options.first).not_to_have_class(ACTIVE)
    expect(view.field).not_to_have_attribute("aria-activedescendant", re.compile("."))
    view.field.press("Escape")
    view.choose("staging")
    view.settle()
    view.tell(type="profiles", version=1, pins=[], recent=[], sign_ins=[], listed_at={})
    view.open()
    row = view.root.locator(".ipyap-rows .ipyap-active")
    expect(row).to_contain_text("staging")
    expect(row).to_be_in_viewport()
    expect(row).to_have_id(view.field.get_attribute("aria-activedescendant") or "")
    session = view.switcher.session
    view.field.press("Enter")
    view.settle()
    assert not view.is_open
    assert view.switcher.session is session
    view.field.press("Enter")
    view.field.press("Alt+KeyR")
    view.field.press("Enter")
    view.settle()
    request = view.switcher.request
    assert request
    assert (request.name, request.read_only) == ("staging", True)


def test_the_first_letter_stays(view: ViewPage, company: None) -> None:
    """Typing into the closed field replaces the profile name in it."""
    view.begin()
    for _ in range(2):
        view.field.focus()
        view.field.press_sequentially("staging")
        expect(view.field).to_have_value("staging")
        view.settle()
        expect(view.options).to_have_count(1)
        view.field.press("Escape")
        view.field.press_sequentially("beta")
        expect(view.field).to_have_value("beta")
        view.field.press("Enter")
        view.settle()
        view.shows("RoleBeta")
