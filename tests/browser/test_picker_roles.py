"""Roles of IAM Identity Center in the picker, which lists them, switches to them and saves them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.jupyter import SCREENSHOTS
from tests.browser.picker_page import LOAD, PICK, PickerPage, picker_in
from tests.browser.stage import restored
from tests.browser.toolbar_page import ToolbarPage
from tests.identity_center import PROD, organisation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.jupyter import Jupyter
    from tests.browser.view_page import ViewPage

LIST = "List the roles of corp"


@pytest.fixture(autouse=True)
def _organisation(embedded: EmbeddedAws) -> Iterator[None]:
    with restored(embedded.config_file):
        organisation(embedded)
        for folder in (".aws/sso/cache", ".cache/ipy_awsprofile"):
            for file in (embedded.home / folder).glob("*"):
                if file.is_file():
                    file.unlink()
        yield
    embedded.sso.sign_in("corp")  # restore the sign-in


@pytest.fixture
def picker(view: ViewPage, monkeypatch: pytest.MonkeyPatch) -> ViewPage:
    monkeypatch.setenv("SSH_CONNECTION", "tests")  # so that no sign-in opens a browser
    return view


def pictures(view: ViewPage, name: str) -> None:
    """Take a screenshot in each theme."""
    for theme in ("dark", "light"):
        view.theme(theme)
        file = SCREENSHOTS / f"{name}-{theme}.png"
        view.page.screenshot(path=file, animations="disabled")


def test_listed_chosen_and_kept(embedded: EmbeddedAws, picker: ViewPage) -> None:
    """A button signs in and lists the roles; the user can switch to a role, and save it."""
    picker.open()
    picker.settle()
    pictures(picker, "picker-roles-offered")
    picker.button(LIST).click()
    expect(picker.field).to_be_focused()
    picker.settle_until(picker.root.get_by_text("Sign in for corp"))
    expect(picker.button("Use a code")).to_have_count(0)
    pictures(picker, "picker-roles-sign-in")
    code = picker.root.locator(".ipyap-device b").inner_text()
    embedded.sso.approve(code)
    picker.settle_until(picker.options.nth(2))
    expect(picker.field).to_have_value("corp:")
    expect(picker.field).to_be_focused()
    expect(picker.button(LIST)).to_have_count(0)
    expect(picker.button("Refresh the roles of corp, listed at ")).to_be_visible()
    expect(picker.options.first).to_contain_text("no profile yet")
    pictures(picker, "picker-roles-listed")
    picker.field.press_sequentially(" acme admin")
    expect(picker.options).to_have_count(1)
    picker.field.press("Enter")
    picker.settle_until(picker.button("Save as a profile"))
    for width in (480, 640, 1000):
        picker.page.set_viewport_size({"width": width, "height": 760})
        pictures(picker, f"picker-roles-active-{width}")
        badge = picker.countdown.bounding_box()
        save = picker.button("Save as a profile").bounding_box()
        assert badge
        assert save
        is_beside = badge["x"] + badge["width"] <= save["x"]
        assert is_beside or badge["y"] + badge["height"] <= save["y"]
    picker.button("Save as a profile").click()
    name = picker.root.get_by_label("Name of the new profile")
    expect(name).to_be_focused()
    expect(name).to_have_value("Acme-Prod-Admin")
    pictures(picker, "picker-roles-name")
    name.fill("prod-reader")
    name.press("Enter")
    picker.settle_until(picker.error.get_by_text("already exists"))
    expect(name).to_have_value("prod-reader")
    pictures(picker, "picker-roles-name-refused")
    name.fill("Acme-Prod-Admin")
    name.press("Enter")
    picker.settle_until(picker.identity.get_by_text("Acme-Prod-Admin").first)
    expect(picker.error).to_be_empty()
    expect(picker.field).to_have_value("Acme-Prod-Admin")
    expect(picker.button("Save as a profile")).to_have_count(0)
    assert f"sso_account_id = {PROD}" in embedded.config_file.read_text()
    assert picker.page_errors == []


@pytest.mark.slow
def test_while_it_lists(picker: ViewPage) -> None:
    """During a listing, the picker shows the number of accounts, and opens no list."""
    picker.open()
    picker.settle()
    picker.button(LIST).click()
    picker.ask()
    picker.tell(type="progress", listed=120, accounts=300, view=picker.id)
    expect(picker.root.locator(".ipyap-count")).to_have_text("roles of 120 of 300 accounts …")
    picker.field.press("ArrowDown")
    assert not picker.is_open
    pictures(picker, "picker-roles-progress")
    picker.tell(type="error", html="<p>The list ends</p>", view=picker.id)
    expect(picker.error).to_have_text("The list ends")
    picker.open()
    expect(picker.error).to_be_empty()


def test_by_the_keyboard(picker: ViewPage) -> None:
    """Tab reaches the button, and the list stays open."""
    picker.open()
    picker.settle()
    for _ in range(6):
        if picker.button(LIST).evaluate("button => button === document.activeElement"):
            break
        picker.page.keyboard.press("Tab")
    expect(picker.button(LIST)).to_be_focused()
    assert picker.is_open
    picker.page.keyboard.press("Enter")
    picker.settle_until(picker.root.get_by_text("Sign in for corp"))
    picker.button("Cancel").click()
    expect(picker.field).to_be_focused()


@pytest.mark.slow
def test_the_page_is_open_already(picker: ViewPage) -> None:
    """If the browser has opened the page, the picker shows no code until the user requests one."""
    picker.open()
    picker.settle()
    picker.button(LIST).click()
    picker.ask()
    picker.tell(type="sign_in", url="https://x.example/authorize", code="", view=picker.id)
    expect(picker.root).to_contain_text("the page that your browser has opened")
    pictures(picker, "picker-roles-browser")
    picker.button("Use a code").click()
    picker.settle_until(picker.root.get_by_text("Allow it if the page shows"))
    expect(picker.root.locator(".ipyap-device b")).to_have_text(re.compile(r"\w{4}-\w{4}"))


@pytest.mark.slow
@pytest.mark.parametrize("place", ["toolbar", "cell"])
def test_in_jupyterlab(jupyter: Jupyter, embedded: EmbeddedAws, place: str) -> None:
    """The kernel stays free during a listing, both in a cell's picker and in the toolbar's."""
    notebook = jupyter.lab(LOAD, PICK, "session.client('sts').get_caller_identity()['Account']")
    notebook.run(0)
    picker: PickerPage
    if place == "toolbar":
        picker = tool = ToolbarPage(notebook)
        tool.pop_up()
    else:
        picker = picker_in(notebook, 1)
    picker.open()
    picker.button(LIST).click()
    code = picker.root.locator(".ipyap-device b")
    expect(code).to_be_visible()
    embedded.sso.approve(code.inner_text())
    expect(picker.field).to_have_value("corp:")
    picker.field.press_sequentially(" acme admin")
    expect(picker.options).to_have_count(1)
    picker.field.press("Enter")
    if isinstance(picker, ToolbarPage):  # the popup closes after each switch
        picker.is_closed()
        picker.pop_up()
    expect(picker.identity).to_contain_text(f"corp:{PROD}/Admin")
    picker.button("Save as a profile").click()
    name = picker.root.get_by_label("Name of the new profile")
    name.fill(f"from-{place}")
    name.press("Enter")
    if isinstance(picker, ToolbarPage):
        picker.is_closed()
        picker.pop_up()
    expect(picker.identity).to_contain_text(f"from-{place}")
    notebook.screenshot(f"picker-roles-{place}")
    assert f"[profile from-{place}]" in embedded.config_file.read_text()
    assert PROD in notebook.run(2).inner_text()
    assert embedded.secrets().isdisjoint(re.findall(r"[\w-]{16,}", notebook.save()))
