"""The button in the toolbar and its popup, in a page without JupyterLab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.mfa_role import add_mfa_role

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.view_page import ViewPage


@pytest.fixture
def tool(view: ViewPage, company: None) -> ViewPage:
    """Show the button in the toolbar, with the focus in a cell."""
    view.page.evaluate("end()")
    view.begin("toolbar")
    view.cell.focus()
    return view


def by_shortcut(tool: ViewPage) -> None:
    """Open the popup as the labextension's command does."""
    tool.page.evaluate("button.open()")


def test_a_switch_with_the_keyboard(tool: ViewPage) -> None:
    """The shortcut, a few letters and Enter switch, and the focus returns to the cell."""
    expect(tool.tool).to_have_accessible_name("No AWS profile")
    by_shortcut(tool)
    tool.page.keyboard.type("beta")
    tool.settle()
    tool.page.keyboard.press("Enter")
    tool.settle()
    expect(tool.popup).to_be_hidden()
    assert tool.has_focus("#cell")
    expect(tool.tool).to_contain_text("RoleBeta")
    expect(tool.tool).to_have_accessible_name(
        re.compile(r"^AWS profile RoleBeta account 123456789012 (1 h|59 min) left$")
    )


def test_letters_before_the_kernel_answers(tool: ViewPage) -> None:
    """Letters typed at once become the search, even if the kernel answers only after its cell."""
    listen = (
        "globalThis.typed = []; document.addEventListener('keydown', ({key}) => typed.push(key))"
    )
    tool.page.evaluate(f"() => {{ {listen} }}")
    by_shortcut(tool)
    tool.page.keyboard.type("beta")
    tool.page.keyboard.press("Enter")
    expect(tool.then).to_contain_text("Waiting for the running cell.")
    expect(tool.field).to_have_value("beta")
    assert tool.page.evaluate("typed") == []
    tool.settle()
    expect(tool.then).to_be_hidden()
    tool.page.keyboard.press("Enter")
    tool.settle()
    expect(tool.popup).to_be_hidden()
    expect(tool.tool).to_contain_text("RoleBeta")


def test_it_closes(tool: ViewPage) -> None:
    """A click on the button, a click elsewhere, Escape, and Tab past the last button close it."""
    tool.tool.click()
    tool.settle()
    expect(tool.options.first).to_be_visible()
    tool.tool.click()
    expect(tool.popup).to_be_hidden()
    by_shortcut(tool)
    tool.cell.click()
    expect(tool.popup).to_be_hidden()
    by_shortcut(tool)
    tool.choose("RoleBeta")
    for key in ("Escape", "Tab"):
        tool.cell.focus()
        by_shortcut(tool)
        tool.settle()
        for _ in range(12):
            if not tool.has_focus("#cell, #next"):
                tool.page.keyboard.press(key)
        expect(tool.popup).to_be_hidden()


@pytest.mark.parametrize("place", ["#cell", ".ipyap-tool"])
def test_a_late_error(tool: ViewPage, place: str) -> None:
    """The popup opens by itself only where the user is; elsewhere, the button shows the failure."""
    by_shortcut(tool)
    tool.settle()
    tool.field.fill("analytics-dev")
    tool.field.press("Enter")
    tool.ask()
    tool.page.keyboard.press("Escape")
    expect(tool.popup).to_be_hidden()
    tool.page.locator(place).focus()
    tool.settle()
    if place == "#cell":
        expect(tool.popup).to_be_hidden()
        assert tool.has_focus(place)
        expect(tool.tool).to_have_accessible_name("No AWS profile Something failed")
        by_shortcut(tool)
        expect(tool.field).to_be_focused()
        assert not tool.is_open
    else:
        expect(tool.popup).to_be_visible()
        tool.page.keyboard.type("beta")  # the user hasn't opened it, so this isn't a search
        tool.page.keyboard.press("Enter")
        tool.settle()
        assert tool.switcher.request is None
    expect(tool.error).to_contain_text("AWS doesn't let")
    tool.page.keyboard.press("Escape")
    tool.page.wait_for_function("sent.length")
    tool.settle()
    expect(tool.tool).to_have_accessible_name("No AWS profile")


def test_a_late_question(tool: ViewPage, embedded: EmbeddedAws) -> None:
    """A question that comes while the user is in a cell waits behind a mark on the button."""
    serial = add_mfa_role(embedded, "RoleLate")
    by_shortcut(tool)
    tool.settle()
    tool.field.fill("RoleLate")
    tool.field.press("Enter")
    tool.ask()
    tool.cell.click()
    tool.settle()
    expect(tool.popup).to_be_hidden()
    expect(tool.tool).to_have_accessible_name(re.compile("Your answer is needed"))
    tool.tool.click()
    expect(tool.code).to_be_focused()
    tool.code.fill(embedded.mfa_code(serial))
    tool.code.press("Enter")
    tool.settle()
    expect(tool.popup).to_be_hidden()
    expect(tool.tool).to_contain_text("RoleLate")


def test_what_the_button_shows(tool: ViewPage, embedded: EmbeddedAws) -> None:
    """It shows protection, read-only access, and how much time is left, even if it's narrow."""
    tool.switcher.protection.protected = ("prod-*",)
    by_shortcut(tool)
    tool.settle()
    tool.root.first.get_by_role("checkbox", name="Read-only").check()
    tool.field.fill("prod-admin")
    tool.field.press("Enter")
    tool.settle()
    tool.button("Switch to prod-admin").click()
    tool.settle()
    expect(tool.tool).to_have_attribute("data-kind", "protected")
    name = re.compile("prod-admin account 123456789012 protected read-only .* left")
    expect(tool.tool).to_have_accessible_name(name)
    tool.page.evaluate("const now = Date.now; Date.now = () => now() + 65 * 60_000")
    expect(tool.tool).to_have_accessible_name(re.compile("renews$"))
    tool.page.set_viewport_size({"width": 400, "height": 600})
    expect(tool.tool.get_by_text("prod-admin")).to_be_visible()
    expect(tool.tool.get_by_text("123456789012")).not_to_be_in_viewport(ratio=0.5)
    tool.switcher.off()
    tool.settle()
    expect(tool.tool).to_have_accessible_name("No AWS profile")


@pytest.mark.parametrize("about", [{"renews": False}, {"signs_in": True}])
def test_credentials_that_may_not_renew(tool: ViewPage, about: dict[str, bool]) -> None:
    """After a failed renewal, or if it needs a sign-in, the button says `expired`, in red."""
    by_shortcut(tool)
    tool.settle()
    tool.choose("RoleBeta")
    tool.tell(about={"left": 0, **about})
    expect(tool.tool).to_have_accessible_name(re.compile("expired$"))
    expect(tool.tool).to_have_attribute("data-tone", "red")
    by_shortcut(tool)
    for name in ("Refresh", "Off"):
        expect(tool.button(name)).to_be_visible()
