"""The picker and the toolbar's button, in a page without JupyterLab."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.aws import EmbeddedAws
from tests.browser.pages import ViewPage
from tests.browser.stage import restored, very_many
from tests.roles import add_mfa_role

KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "x"}


def test_keys(view: ViewPage) -> None:
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


def test_search(view: ViewPage) -> None:
    """Words in any order filter by name, account, role and Region; the best name comes first."""
    view.open()
    view.field.press_sequentially("lake 5555 eu-west")
    expect(view.options).to_have_count(1)
    for text in ("data-lake-eu", "555566667777", "LakeFormation/Reader", "eu-west-1"):
        expect(view.options.first).to_contain_text(text)
    expect(view.root.locator(".ipyap-note")).to_have_text(re.compile(r"^1 of \d\d$"))
    listed = view.root.locator(".ipyap-list")
    expect(listed.locator(".ipyap-head")).to_have_text("profileroleaccountregionkind")
    expect(view.options.first).to_contain_text("assume role")
    field = view.field.bounding_box()
    view.field.fill("no such profile")
    nothing = view.root.get_by_text("No profile matches")
    message = nothing.bounding_box()
    assert field
    assert message
    assert view.field.bounding_box() == field
    assert message["y"] - field["y"] - field["height"] < 60
    view.field.press("Enter")
    assert view.is_open
    view.field.fill("prod")
    expect(view.options.first).to_contain_text("prod-admin")
    view.options.nth(1).hover()
    expect(view.options.nth(1)).to_have_class(re.compile("ipyap-active"))


def test_search_forgives_a_letter(view: ViewPage) -> None:
    """Without a match, similar names are listed, and Enter switches only to one that is chosen."""
    view.open()
    for typed in ("stagng", "stagging", "stafing", "satging", "stagn"):
        view.field.fill(typed)
        expect(view.options).to_have_count(1)
        expect(view.options.first).to_contain_text("staging")
    view.field.fill("analytcs dev")
    expect(view.options).to_have_count(1)
    expect(view.options.first).to_contain_text("analytics-dev")
    view.field.press("Enter")
    view.settle()
    assert view.is_open
    view.field.fill("stagng")
    view.field.press("ArrowDown")
    view.field.press("Enter")
    view.settle()
    view.shows("staging")


def test_enter_switches_only_to_a_chosen_profile(view: ViewPage) -> None:
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
    expect(view.region.locator("option:checked")).to_have_text("us-west-2 (default)")
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


def test_a_protected_profile(view: ViewPage) -> None:
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
    expect(view.root).to_contain_text("Switch to prod-admin in account 123456789012?")
    view.page.keyboard.press("Escape")
    view.settle()
    expect(view.button("Cancel")).to_be_hidden()
    assert view.switcher.request is None
    view.choose("prod-admin")
    view.button("Switch to prod-admin").click()
    view.settle()
    view.shows("prod-admin")


def test_mfa(view: ViewPage, embedded: EmbeddedAws) -> None:
    """A code field has the focus; after a wrong code, it asks again, and no code stays."""
    serial = add_mfa_role(embedded, "RoleMfa")
    view.choose("RoleMfa")
    expect(view.code).to_be_focused()
    expect(view.code).to_have_attribute("autocomplete", "one-time-code")
    for _ in range(2):
        view.code.fill("000 000")
        view.code.press("Enter")
        view.settle()
        expect(view.wrong).to_contain_text("AWS refused the MFA code for RoleMfa")
        expect(view.code).to_be_focused()
        expect(view.code).to_have_value("")
    view.code.fill(embedded.iam.mfa_code(serial))
    view.button("Continue").click()
    view.settle()
    view.shows("RoleMfa")
    expect(view.error).to_be_empty()
    expect(view.field).to_be_focused()


def test_console(view: ViewPage) -> None:
    """*Console* opens a tab as the identity, and leaves no address in the page."""
    view.choose("RoleBeta")
    with view.page.context.expect_page() as opened:
        view.button("Console").click()
    view.settle()
    expect(opened.value.locator("body")).to_contain_text("assumed-role/RoleBeta/")
    assert "SigninToken" not in view.page.content()
    opened.value.close()


def test_copy_as_code(view: ViewPage) -> None:
    """*Copy as code* shows the line that switches to the identity, where it can't copy."""
    view.open()
    view.root.get_by_role("checkbox", name="Read-only").check()
    view.options.filter(has_text="RoleBeta").click()
    view.settle()
    view.button("Copy as code").click()
    expect(view.button("%aws_profile RoleBeta --read-only")).to_be_visible()
    expect(view.button("Insert as cell")).to_have_count(0)  # only a labextension can do it


@pytest.mark.parametrize("profile", ["RoleBeta", "Coded"])
def test_countdown(view: ViewPage, embedded: EmbeddedAws, profile: str) -> None:
    """The time left needs no kernel, and becomes urgent only if credentials need the user."""
    serial = add_mfa_role(embedded, "Coded") if profile == "Coded" else ""
    view.start_clock()
    view.choose(profile)
    if serial:
        view.code.fill(embedded.iam.mfa_code(serial))
        view.code.press("Enter")
    else:
        view.button("Refresh").click()  # the cached session can be an older one
    view.settle()
    card = view.root.locator(".ipyap-card")
    for minutes, text, tone in (
        (5, "55 minutes left", "calm"),
        (43, "12 minutes left", "amber"),
        (9, r"[23]:\d\d left", "red"),
        (4, "expired" if serial else "renews at the next call", "red"),
    ):
        view.page.clock.fast_forward(minutes * 60_000)
        expect(view.countdown).to_have_text(re.compile(f"^{text}$"))
        expect(card).to_have_attribute("data-tone", tone if serial else "calm")


def test_long_names(view: ViewPage, embedded: EmbeddedAws) -> None:
    """Even in a narrow page, names that differ in the middle are visible as a whole."""
    with restored(embedded.config_file):
        for region in ("eu-west-1", "us-east-1"):
            name = f"acme-machine-learning-production-{region}-platform-administrator-access"
            embedded.write_profile(name, region=region)
        view.page.set_viewport_size({"width": 400, "height": 700})
        view.open()
        view.field.fill("acme administrator")
        expect(view.options).to_have_count(2)
        names = view.root.locator(".ipyap-name")
        cut = "all => all.filter(one => one.scrollHeight > one.parentNode.clientHeight"
        assert names.evaluate_all(f"{cut} || one.scrollWidth > one.clientWidth + 1).length") == 0
        first, second = (option.bounding_box() for option in view.options.all())
        assert first
        assert second
        assert first["y"] + first["height"] <= second["y"]


def test_rows_and_columns(view: ViewPage, embedded: EmbeddedAws) -> None:
    """Only the row of a long name is higher, and at 700 pixels, no Region and no kind is cut."""
    with restored(embedded.config_file):
        name = "acme-machine-learning-production-platform-administrator-access"
        keys: Any = KEYS
        embedded.write_profile(name, region="ap-southeast-7", mfa_serial="x", **keys)
        view.switcher.protection.protected = ("acme*",)
        view.page.set_viewport_size({"width": 700, "height": 700})
        view.open()
        view.field.fill("a")
        options = view.options.all()
        names = [option.get_attribute("title") or "" for option in options]
        heights = view.options.evaluate_all("all => all.map(one => one.offsetHeight)")
        assert min(heights) == 30
        assert [title for title, height in zip(names, heights, strict=True) if height > 30] == [
            title for title in names if title.startswith(name)
        ]
        for column in ("region", "kind"):
            cells = view.root.locator(f".ipyap-{column}")
            cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
            assert cells.evaluate_all(cut) == 0, column
        view.field.fill("acme")
        expect(view.options).to_have_count(1)
        listed = view.root.locator(".ipyap-rows").bounding_box()
        assert listed
        assert listed["height"] < 120


def test_kinds_with_as_many_letters(
    view: ViewPage, embedded: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the popup, no kind is cut, even if a narrower one with as many letters comes first."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with restored(embedded.config_file):
        embedded.config_file.write_text("")
        keys: Any = KEYS
        embedded.write_profile("keys", **keys)
        role = "arn:aws:iam::123456789012:role/Reader"
        embedded.write_profile("reader", role_arn=role, source_profile="keys")
        view.begin("toolbar")
        view.tool.click()
        view.settle()
        kinds = view.root.locator(".ipyap-kind")
        expect(kinds).to_have_text(["access keys", "assume role"])
        cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
        assert kinds.evaluate_all(cut) == 0


def test_without_profiles(view: ViewPage, embedded: EmbeddedAws) -> None:
    """Without profiles, the picker says so once, with the first steps."""
    with restored(embedded.config_file), restored(embedded.credentials_file):
        for file in (embedded.config_file, embedded.credentials_file):
            file.write_text("")
        view.open()
        expect(view.root).to_contain_text("There are no AWS profiles yet")
        expect(view.options).to_have_count(0)
        shown = view.root.inner_text() + (view.field.get_attribute("placeholder") or "")
        assert len(re.findall(r"no (\w+ )?profile|no profile is", shown, re.IGNORECASE)) == 1


def test_many_profiles(view: ViewPage, embedded: EmbeddedAws) -> None:
    """Of 20,000 profiles, the page has only the visible rows, and every row can be reached."""
    with very_many(embedded, 20_000):
        view.open()
        view.field.fill("live 9 south")
        expect(view.options.first).to_contain_text("9")
        assert view.options.count() <= 20
        view.field.press("End")
        place = view.options.evaluate_all("all => Math.max(...all.map(one => one.ariaPosInSet))")
        assert place == int(view.options.first.get_attribute("aria-setsize") or 0)
        assert view.root.locator("*").count() < 500


# The button in the toolbar, and its popup ---


@pytest.fixture
def tool(view: ViewPage) -> ViewPage:
    """Show the button in the toolbar, with the focus in a cell."""
    view.page.evaluate("end()")
    view.begin("toolbar")
    view.cell.focus()
    return view


def by_shortcut(tool: ViewPage) -> None:
    """Open the popup as the labextension's command does."""
    tool.page.evaluate("button.open()")


def test_letters_before_the_kernel_answers(tool: ViewPage) -> None:
    """Letters typed at once become the search, even if the kernel answers only after its cell."""
    listen = "document.addEventListener('keydown', ({key}) => typed.push(key))"
    tool.page.evaluate(f"() => {{ globalThis.typed = []; {listen} }}")
    tool.start_clock("toolbar")
    tool.cell.focus()
    by_shortcut(tool)
    tool.page.keyboard.type("beta")
    tool.page.keyboard.press("Enter")
    tool.page.clock.fast_forward(1_100)
    expect(tool.then).to_contain_text("Waiting for the running cell.")
    expect(tool.field).to_have_value("beta")
    assert tool.page.evaluate("typed") == []
    tool.settle()
    expect(tool.then).to_be_hidden()
    tool.page.keyboard.press("Enter")
    tool.settle()
    expect(tool.popup).to_be_hidden()
    assert tool.has_focus("#cell")
    expect(tool.tool).to_have_accessible_name(
        re.compile(r"^AWS profile RoleBeta account 123456789012 (1 hour|\d+ minutes) left$")
    )


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


def test_while_the_user_is_in_a_cell(tool: ViewPage, embedded: EmbeddedAws) -> None:
    """The button shows that something failed, or that an answer is needed; the popup says more."""
    serial = add_mfa_role(embedded, "RoleLate")
    for name in ("analytics-dev", "RoleLate"):
        by_shortcut(tool)
        tool.settle()
        tool.field.fill(name)
        tool.field.press("Enter")
        tool.ask()
        tool.cell.click()
        expect(tool.tool).to_have_attribute("aria-expanded", "false")
        tool.settle()
        expect(tool.popup).to_be_hidden()
        assert tool.has_focus("#cell")
        is_asked = name == "RoleLate"
        says = "MFA code" if is_asked else "Something failed"
        expect(tool.tool).to_have_accessible_name(f"No AWS profile {says}")
        tool.tool.click()
        if is_asked:
            expect(tool.code).to_be_focused()
            tool.code.fill(embedded.iam.mfa_code(serial))
            tool.code.press("Enter")
        else:
            expect(tool.error).to_contain_text("AWS denied AssumeRole")
            tool.page.keyboard.press("Escape")
            tool.page.wait_for_function("sent.length")
        tool.settle()
        expect(tool.popup).to_be_hidden()
    expect(tool.tool).to_contain_text("RoleLate")


def test_what_the_button_shows(tool: ViewPage, embedded: EmbeddedAws) -> None:
    """It shows protection, read-only access, and how much time is left, even if it's narrow."""
    tool.switcher.protection.protected = ("prod-*",)
    tool.start_clock("toolbar")
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
    tool.page.clock.fast_forward(65 * 60_000)
    expect(tool.tool).to_have_accessible_name(re.compile("renews$"))
    tool.page.set_viewport_size({"width": 400, "height": 600})
    expect(tool.tool.get_by_text("prod-admin")).to_be_visible()
    expect(tool.tool.get_by_text("123456789012")).not_to_be_in_viewport(ratio=0.5)
    tool.switcher.off()
    tool.settle()
    expect(tool.tool).to_have_accessible_name("No AWS profile")


def test_after_a_restart(tool: ViewPage) -> None:
    """After a restart, the list begins with the profile that the notebook had."""
    by_shortcut(tool)
    tool.settle()
    tool.choose("staging")
    tool.switcher.off()
    tool.begin("toolbar")
    by_shortcut(tool)
    tool.settle()
    expect(tool.options.first).to_contain_text("staging")
    expect(tool.tool).to_have_accessible_name("No AWS profile")


@pytest.mark.parametrize("about", [{"renews": False}, {"signs_in": True}])
def test_credentials_that_may_not_renew(tool: ViewPage, about: dict[str, bool]) -> None:
    """After a failed renewal, or if it needs a sign-in, the button says `expired`, in red.

    The popup begins with a button to sign in or to renew.
    """
    by_shortcut(tool)
    tool.settle()
    tool.choose("RoleBeta")
    tool.tell(about={"seconds_left": 0, **about})
    expect(tool.tool).to_have_accessible_name(re.compile("expired$"))
    expect(tool.tool).to_have_attribute("data-tone", "red")
    by_shortcut(tool)
    for name in ("Refresh", "Off"):
        expect(tool.button(name)).to_be_visible()
    tool.settle()
    tool.tell(about={"seconds_left": 0, **about})
    expect(tool.root).to_contain_text("have expired.")
    tool.button("Sign in" if "signs_in" in about else "Renew").click()
    assert tool.page.evaluate("sent.at(-1).do") == "refresh"


def test_a_switch_that_waits_and_warnings(tool: ViewPage) -> None:
    """The button shows that a switch waits for the cell; its title says why the dot is orange."""
    by_shortcut(tool)
    tool.settle()
    tool.choose("staging")
    tool.tell(about={"notes": 2}, busy={"doing": "Switching to RoleBeta", "waits": True})
    expect(tool.tool).to_have_accessible_name(re.compile("waits for the cell"))
    title = tool.tool.get_attribute("title") or ""
    assert "Waiting for the running cell: switching to RoleBeta." in title
    assert "The dot is orange because the identity's card has 2 warnings." in title
    tool.tell()
    expect(tool.tool).not_to_have_accessible_name(re.compile("waits"))


def test_a_window(tool: ViewPage, embedded: EmbeddedAws) -> None:
    """While programs can write, the button and the picker say how long; a click ends that."""
    tool.start_clock("toolbar")
    by_shortcut(tool)
    tool.settle()
    tool.choose("staging")
    tool.switcher.recipients.share()
    sharing = tool.switcher.recipients.require_sharing()
    sharing.open_window(sharing.prepare_window(timedelta(minutes=10), None))
    tool.tell()
    expect(tool.tool).to_have_accessible_name(re.compile("agent writes: 10 minutes left"))
    tool.page.set_viewport_size({"width": 400, "height": 600})
    expect(tool.tool.get_by_text("10 minutes", exact=True)).to_be_in_viewport(ratio=1)
    tool.page.clock.fast_forward(6 * 60_000)
    expect(tool.tool).to_have_accessible_name(re.compile(r"agent writes: [34]:\d\d left"))
    by_shortcut(tool)
    tool.settle()
    tool.button("Stop writing").click()
    tool.settle()
    expect(tool.tool).not_to_have_accessible_name(re.compile("agent writes"))
    assert tool.switcher.recipients.sharing
    assert tool.switcher.recipients.sharing.grant.window is None
    tool.switcher.recipients.end()
