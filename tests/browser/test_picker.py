"""The picker's view, in a page without JupyterLab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from ipy_awsprofile.switch.running_cell import RunningCell
from tests.browser import stage
from tests.mfa_role import add_mfa_role

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.view_page import ViewPage


def test_keys(view: ViewPage, company: None) -> None:
    """Arrow, Home, End and Page keys highlight a row; Escape closes the list."""
    view.field.focus()
    view.field.press("ArrowDown")
    view.settle()
    count = view.options.first.get_attribute("aria-setsize") or ""
    for key, position in (
        ("ArrowDown", "1"),
        ("ArrowDown", "2"),
        ("End", count),
        ("ArrowDown", count),
        ("PageUp", str(int(count) - 8)),
        ("Home", "1"),
        ("PageDown", "9"),
        ("ArrowUp", "8"),
    ):
        view.field.press(key)
        active = view.root.locator(f"#{view.field.get_attribute('aria-activedescendant')}")
        expect(active).to_have_attribute("aria-posinset", position)
        expect(active).to_be_in_viewport()
    view.field.press("Escape")
    expect(view.field).to_have_attribute("aria-expanded", "false")
    expect(view.field).to_be_focused()


def test_search(view: ViewPage, company: None) -> None:
    """Words in any order filter by name, account, role and Region; the best name comes first."""
    view.open()
    view.search("lake 5555 eu-west")
    expect(view.options).to_have_count(1)
    for text in ("data-lake-eu", "555566667777", "LakeFormation/Reader", "eu-west-1"):
        expect(view.options.first).to_contain_text(text)
    expect(view.root.locator(".ipyap-note")).to_have_text(re.compile(r"^1 of \d\d$"))
    view.field.fill("no such profile")
    expect(view.root).to_contain_text("No profile matches")
    view.field.press("Enter")
    assert view.is_open
    view.field.fill("prod")
    expect(view.options.first).to_contain_text("prod-admin")
    view.options.nth(1).hover()
    expect(view.options.nth(1)).to_have_class(re.compile("ipyap-active"))


def test_enter_switches_only_to_a_chosen_profile(view: ViewPage, company: None) -> None:
    """Enter keeps the active profile until the user types or moves; held down, it does nothing."""
    view.choose("staging")
    view.shows("staging")
    session = view.switcher.session
    for _ in range(5):
        view.page.keyboard.down("Enter")
        view.settle()
    view.page.keyboard.up("Enter")
    assert view.is_open
    expect(view.root.locator(".ipyap-active")).to_contain_text("staging")
    view.field.press("Enter")
    view.settle()
    assert not view.is_open
    assert view.switcher.session is session
    view.field.press_sequentially("beta")  # replaces the name in the closed field
    expect(view.field).to_have_value("beta")
    view.field.press("Enter")
    view.settle()
    view.shows("RoleBeta")
    view.open()
    expect(view.options.nth(1)).to_contain_text("staging")  # recently used


def test_read_only_and_region(view: ViewPage) -> None:
    """A checkbox below the list limits the session; the Region menu changes the active Region."""
    view.open()
    view.root.get_by_role("checkbox", name="Read-only").check()
    assert view.is_open
    view.options.filter(has_text="RoleBeta").click()
    view.settle()
    expect(view.identity).to_contain_text("read-only")
    expect(view.region.locator("option:checked")).to_have_text("us-west-2 (profile’s)")
    view.region.select_option("eu-central-1")
    view.settle()
    request = view.switcher.request
    assert request
    assert (request.region, request.read_only) == ("eu-central-1", True)
    view.region.select_option("")
    view.settle()
    expect(view.identity).to_contain_text("us-west-2")
    view.button("Off").click()
    view.settle()
    expect(view.region).to_be_hidden()


def test_a_protected_profile(view: ViewPage, company: None) -> None:
    """A protected profile is marked; the focus is on *Cancel*, and a held Enter doesn't confirm."""
    view.switcher.protection.protected = ("*prod*",)
    view.open()
    view.field.fill("prod-admin")
    expect(view.options.first).to_have_accessible_name(re.compile("protected"))
    for _ in range(5):
        view.page.keyboard.down("Enter")
        view.settle()
    view.page.keyboard.up("Enter")
    expect(view.button("Cancel")).to_be_focused()
    view.page.keyboard.press("Escape")
    view.settle()
    expect(view.button("Cancel")).to_be_hidden()
    assert view.switcher.request is None
    view.choose("prod-admin")
    view.button("Switch to prod-admin").click()
    view.settle()
    view.shows("prod-admin")


def test_mfa(view: ViewPage, embedded: EmbeddedAws, company: None) -> None:
    """A code field has the focus; after a wrong code, it asks again, and no code stays."""
    serial = add_mfa_role(embedded, "RoleMfa")
    view.choose("RoleMfa")
    expect(view.code).to_be_focused()
    expect(view.code).to_have_attribute("autocomplete", "one-time-code")
    for _ in range(2):
        view.code.fill("000 000")
        view.code.press("Enter")
        view.settle()
        expect(view.error).to_contain_text("AWS refused the MFA code for RoleMfa")
        expect(view.code).to_be_focused()
        expect(view.code).to_have_value("")
    view.code.fill(embedded.mfa_code(serial))
    view.button("Continue").click()
    view.settle()
    view.shows("RoleMfa")
    expect(view.error).to_be_empty()
    expect(view.field).to_be_focused()


def test_an_error(view: ViewPage, company: None) -> None:
    """A refused switch shows the error's card, and the identity stays; the list removes it."""
    for profile in ("RoleBeta", "analytics-dev"):
        view.choose(profile)
    expect(view.error.locator(".ipy-awsprofile-card")).to_contain_text("AWS doesn't let")
    view.shows("RoleBeta")
    view.open()
    expect(view.error).to_be_empty()


def test_console(view: ViewPage) -> None:
    """*Console* opens a tab as the identity, and leaves no address in the page."""
    view.choose("RoleBeta")
    with view.page.context.expect_page() as opened:
        view.button("Console").click()
    view.settle()
    expect(opened.value.locator("body")).to_contain_text("assumed-role/RoleBeta/")
    assert "SigninToken" not in view.page.content()
    opened.value.close()


@pytest.mark.parametrize("profile", ["RoleBeta", "Coded"])
def test_countdown(view: ViewPage, embedded: EmbeddedAws, company: None, profile: str) -> None:
    """The time left needs no kernel, and becomes urgent only if credentials need the user."""
    serial = add_mfa_role(embedded, "Coded") if profile == "Coded" else ""
    view.choose(profile)
    if serial:
        view.code.fill(embedded.mfa_code(serial))
        view.code.press("Enter")
    else:
        view.button("Refresh").click()  # the cached session can be an older one
    view.settle()
    card = view.root.locator(".ipyap-card")
    view.page.evaluate("globalThis.realNow = Date.now")
    for minutes, text, tone in (
        (5, "55 min left", "calm"),
        (48, "12 min left", "amber"),
        (57, r"[23]:\d\d left", "red"),
        (61, "expired" if serial else "renews at the next call", "red"),
    ):
        view.page.evaluate(f"Date.now = () => realNow() + {minutes * 60_000}")
        expect(view.countdown).to_have_text(re.compile(f"^{text}$"))
        expect(card).to_have_attribute("data-tone", tone if serial else "calm")


def test_during_a_cell(view: ViewPage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A choice waits for the running cell, and can be cancelled; without an answer, it says so."""
    running = property(lambda _cell: True)
    with monkeypatch.context() as patch:
        patch.setattr(RunningCell, "is_running", running)
        view.choose("RoleBeta")
        expect(view.then).to_contain_text("Waiting for the running cell: switching to RoleBeta.")
        view.button("Cancel").click()
        view.settle()
        expect(view.then).to_be_hidden()
    assert view.switcher.request is None
    view.choose("RoleBeta")
    expect(view.identity).to_contain_text("RoleBeta")
    view.button("Refresh").click()  # a kernel that receives nothing while a cell runs
    expect(view.then).to_contain_text("Waiting for the running cell.")
    view.settle()
    expect(view.then).to_be_hidden()


def test_a_click_below_the_list(view: ViewPage) -> None:
    """A click that takes the focus reaches its target, although the list closes."""
    view.open()
    view.page.evaluate("below.onclick = () => (below.textContent = 'clicked')")
    view.below.click()
    expect(view.below).to_have_text("clicked")
    expect(view.field).to_have_attribute("aria-expanded", "false")


def test_another_kernel(view: ViewPage) -> None:
    """After the connection has changed, the view shows nothing until a kernel answers."""
    view.choose("RoleBeta")
    view.page.evaluate("listeners.comm_live_update()")
    expect(view.identity).to_be_hidden()
    expect(view.then).to_contain_text("If no cell is running, run this cell again")
    view.settle()
    view.shows("RoleBeta")


@pytest.mark.parametrize("width", [1400, 760, 400])
def test_long_names(view: ViewPage, embedded: EmbeddedAws, width: int) -> None:
    """At every width, names that differ in the middle are visible as a whole."""
    with stage.long_names(embedded):
        view.page.set_viewport_size({"width": width, "height": 700})
        view.open()
        view.search("acme analytics administrator")
        expect(view.options).to_have_count(4)
        names = view.root.locator(".ipyap-name")
        cut = "all => all.filter(one => one.scrollHeight > one.parentNode.clientHeight"
        assert names.evaluate_all(f"{cut} || one.scrollWidth > one.clientWidth + 1).length") == 0
        overlap = view.options.evaluate_all(
            "all => all.filter((one, i) => i && one.offsetTop < all[i - 1].offsetTop + "
            "all[i - 1].offsetHeight).length"
        )
        assert overlap == 0
        sides = "document.documentElement.scrollWidth - innerWidth"
        assert view.page.evaluate(sides) <= 0


def test_many_profiles(view: ViewPage, embedded: EmbeddedAws) -> None:
    """Of 20,000 profiles, the page has only the visible rows, and every row can be reached."""
    with stage.very_many(embedded, 20_000):
        view.open()
        view.field.fill("live 9 south")
        expect(view.options.first).to_contain_text("9")
        assert view.options.count() <= 20
        view.field.press("End")
        place = view.options.evaluate_all("all => Math.max(...all.map(one => one.ariaPosInSet))")
        assert place == int(view.options.first.get_attribute("aria-setsize") or 0)
        assert view.root.locator("*").count() < 500
