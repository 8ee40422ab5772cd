"""Changes to the files while a user works with the picker's list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from tests.browser.view_page import ViewPage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws

CLICK = ("press", "release")
ENTER = ("Enter",)


def interleaved(*tracks: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield every order of all steps that keeps the steps of each track in order."""
    if not any(tracks):
        yield ()
    for index, track in enumerate(tracks):
        if track:
            rest = (*tracks[:index], track[1:], *tracks[index + 1 :])
            yield from ((track[0], *others) for others in interleaved(*rest))


def role(name: str, of: str) -> str:
    """Return the config section of a role profile."""
    return (
        f"[profile {name}]\nsource_profile = UserAlpha\nregion = us-east-1\n"
        f"role_arn = arn:aws:iam::{ROLE_ACCOUNT}:role/{of}\n"
    )


#: Eight profiles before the change. After it, some have other positions, and some other roles.
NAMES = ("one", "two", "RoleBeta", "staging", "five", "six", "prod-admin")
BEFORE = "".join(
    role(name, name if name in {"staging", "prod-admin"} else "RoleBeta") for name in NAMES
)
AFTER = role("prod-admin", "prod-admin") + role("RoleBeta", "staging") + role("one", "prod-admin")


@pytest.fixture
def config(
    view: ViewPage, embedded: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Write the profiles before the change, and restore the config file after the test."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", embedded.endpoint_url)
    text = embedded.config_file.read_text()
    embedded.config_file.write_text(BEFORE)
    view.begin()
    yield embedded.config_file
    embedded.config_file.write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("choice", [CLICK, ENTER], ids=["click", "Enter"])
def test_every_order_of_a_change_and_a_choice(
    view: ViewPage, config: Path, choice: tuple[str, ...]
) -> None:
    """Whenever the files change, a choice switches to the profile that the user saw, or fails."""
    switched = set()
    orders = list(interleaved(("kernel", "view"), choice, ("change",)))
    for number, order in enumerate(orders):
        config.write_text(BEFORE)
        view.switcher.off()
        view.begin()
        view.open()
        labels = view.options.all_text_contents()
        (place,) = (
            at for at, label in enumerate(labels) if label.startswith(f"{NAMES[number % 7]} ")
        )
        for _ in range(place + 1):
            view.field.press("ArrowDown")
        seen = view.root.locator(".ipyap-row.ipyap-active").text_content() or ""
        for step in order:
            match step:
                case "kernel":
                    view.ask()
                case "view":
                    view.answer()
                case "change":
                    config.write_text(AFTER)
                case "press":
                    row = view.options.nth(min(place, view.options.count() - 1))
                    seen = row.text_content() or ""
                    row.hover()
                    view.page.mouse.down()
                case "release":
                    view.page.mouse.up()
                case "Enter":
                    view.field.press("Enter")
        view.settle()
        if (identity := view.switcher.identity()) is not None:
            assert seen.startswith(f"{view.picker.value} ←"), order
            assert f"role {identity.arn.split('/')[1]}," in seen, order
            switched.add(order)
        view.open() if not view.is_open else None
        view.settle()
        expect(view.options).to_have_count(len(list_profiles()))
        view.field.fill("staging")
        expect(view.options).to_have_count(1)
        assert view.page_errors == []
    assert 0 < len(switched) < len(orders)


@pytest.mark.slow
def test_a_shorter_file_after_the_last_choice(view: ViewPage, config: Path) -> None:
    """If the last profile used is removed, the list shows the rest, and a click still switches."""
    view.choose("prod-admin")
    view.settle()
    assert view.picker.value == "prod-admin"
    config.write_text(role("one", "RoleBeta") + role("RoleBeta", "RoleBeta"))
    view.open()
    view.settle()
    expect(view.options).to_have_count(len(list_profiles()))
    view.search("beta")
    expect(view.options).to_have_count(2)
    expect(view.options.first).to_contain_text("RoleBeta ←")
    view.options.first.click()
    view.settle()
    assert view.picker.value == "RoleBeta"
    view.shows("RoleBeta")


def test_a_list_that_was_seen_before_a_change(view: ViewPage, config: Path) -> None:
    """The picker refuses a choice from an outdated list with a card, then opens the new list."""
    view.open()
    view.settle()
    config.write_text(AFTER)
    view.options.nth(1).click()
    view.settle()
    expect(view.error).to_contain_text("Nothing was switched")
    assert view.picker.value is None
    view.open()
    expect(view.options).to_have_count(len(list_profiles()))
    expect(view.error).to_be_empty()


def test_no_profiles(view: ViewPage, config: Path, embedded: EmbeddedAws) -> None:
    """Without profiles, the picker names the files that it has read, and the command to run."""
    keys = embedded.credentials_file.read_text()
    try:
        config.unlink()
        embedded.credentials_file.write_text("")
        view.begin()
        expect(view.root).to_contain_text(f"{config} doesn't exist")
        expect(view.root).to_contain_text(f"{embedded.credentials_file} has no profiles")
        expect(view.root).to_contain_text("aws configure sso")
        expect(view.field).to_have_attribute("placeholder", "No profiles")
        view.open()
        view.settle()
        expect(view.root).not_to_contain_text("Reading")
        embedded.credentials_file.write_text(keys)
        view.field.press("Escape")
        view.open()
        view.settle()
        expect(view.root).not_to_contain_text("aws configure sso")
        expect(view.options.first).to_contain_text("UserAlpha")
    finally:
        embedded.credentials_file.write_text(keys)


@pytest.mark.slow
def test_the_first_click_below_an_open_list(view: ViewPage) -> None:
    """The first click below an open list reaches its target, and closes the list."""
    view.page.evaluate("below.onclick = () => (below.textContent = 'clicked')")
    view.open()
    view.settle()
    view.below.click()
    expect(view.below).to_have_text("clicked")
    expect(view.field).to_have_attribute("aria-expanded", "false")
    view.open()
    view.page.keyboard.press("Tab")  # without a mouse, the list closes at once
    view.page.keyboard.press("Tab")
    expect(view.field).to_have_attribute("aria-expanded", re.compile("true|false"))


@pytest.mark.slow
def test_the_region_beside_a_question(view: ViewPage, config: Path) -> None:
    """While the picker asks for confirmation, it shows the chosen profile's Region."""
    view.switcher.protection.protected = ("prod-*",)
    view.begin()
    view.choose("RoleBeta")
    view.settle()
    view.region.select_option("eu-central-1")
    view.settle()
    view.choose("prod-admin")
    view.settle()
    expect(view.button("Switch to prod-admin")).to_be_visible()
    chosen = view.region.locator("option:checked")
    expect(chosen).to_have_text("us-east-1 (profile’s)")
    view.button("Cancel").click()
    expect(chosen).to_have_text("eu-central-1")
    view.choose("prod-admin")
    view.settle()
    view.region.select_option("ap-south-1")
    view.button("Switch to prod-admin").click()
    view.settle()
    view.shows("prod-admin")
    expect(view.identity).to_contain_text("ap-south-1")
    expect(view.identity).to_contain_text("protected")


def test_off(view: ViewPage) -> None:
    """The button *Off* undoes the switch."""
    view.choose("RoleBeta")
    view.settle()
    expect(view.identity).to_contain_text(
        re.compile(r"UTC, renews by itself.* · .*\d\d:\d\d.* here")
    )
    view.button("Off").click()
    view.settle()
    expect(view.identity).to_contain_text("No profile is active")
    expect(view.field).to_have_value("")
    assert view.picker.value is None


@pytest.mark.slow
def test_console(view: ViewPage, embedded: EmbeddedAws) -> None:
    """The button opens the console in a new tab, and the page doesn't keep the link."""
    view.choose("RoleBeta")
    view.settle()
    with view.page.context.expect_page() as opened:
        view.button("Console").click()
    view.settle()
    expect(opened.value.locator("body")).to_contain_text("assumed-role/RoleBeta/")
    shown = view.page.content() + view.page.url
    assert [secret for secret in embedded.secrets() if secret in shown] == []
    view.choose("UserAlpha")
    view.settle()
    with view.page.context.expect_page() as empty:
        view.button("Console").click()
    view.settle()
    expect(view.error).to_contain_text("only a role")
    assert empty.value.is_closed()


@pytest.mark.slow
def test_a_front_end_without_tabs(view: ViewPage) -> None:
    """If the front end can't open tabs, as in VS Code, the picker says what to run instead."""
    view.choose("RoleBeta")
    view.settle()
    view.page.evaluate("() => { window.open = () => null; }")
    view.button("Console").click()
    expect(view.error).to_contain_text("run %aws_profile --console in a cell")
    assert view.page.evaluate("sent") == []


@pytest.mark.slow
def test_a_kernel_that_does_not_answer(view: ViewPage) -> None:
    """If the front end reports nothing, the picker still says that the kernel may be gone."""
    view.page.clock.install()
    view.open()
    view.settle()
    view.field.fill("RoleBeta")
    view.field.press("Enter")
    count = view.root.locator(".ipyap-count")
    expect(count).to_contain_text("switching")
    view.page.clock.run_for(4_000)
    expect(count).to_contain_text("waiting for the kernel and AWS")
    view.page.clock.run_for(31_000)
    expect(count).to_contain_text("run this cell again")
    view.settle()
    view.page.evaluate("() => { model.send = () => { throw new Error('no kernel'); }; }")
    view.button("Refresh").click()
    expect(view.placeholder).to_contain_text("Run its cell")
