"""Accessibility of the picker and the cards in both themes, by axe-core's rules and by contrast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from ipy_awsprofile.cards import cards, runs, tables
from ipy_awsprofile.cards.card import Card
from ipy_awsprofile.cards.cards import sign_in_card, sign_in_ended_card
from ipy_awsprofile.cards.explanation import explanation_card
from ipy_awsprofile.config.files import SharedFiles
from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.config.request import SessionRequest, SwitchRequest
from ipy_awsprofile.errors import MfaRejected, ProfileNotFound
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.kernel.leftovers import Leftover
from ipy_awsprofile.picker.card_messages import error_message, html_of, identity_message
from tests.browser.stage import known_identity
from tests.tools import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.browser.view_page import ViewPage

_AXE = Path(__file__).parents[2] / ".venv" / "node_modules" / "axe-core" / "axe.min.js"
_CONTRAST = Path(__file__).with_name("contrast.js").read_text()

#: Run all rules of axe-core except contrast, which the tests compute for each text.
_RUN = """async root => {
  const found = await axe.run(root, {rules: {"color-contrast": {enabled: false}}});
  return found.violations.map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html).join()}`);
}"""


@pytest.fixture
def axe(view: ViewPage) -> ViewPage:
    """Load axe-core into the page; without it, skip the test, or fail in CI."""
    if not _AXE.exists():
        raise missing("axe-core, which `make test` installs with npm", "npm")
    view.page.add_script_tag(path=_AXE)
    return view


def check(view: ViewPage, state: str, part: Locator) -> None:
    """Check this state in both themes."""
    for theme in ("light", "dark"):
        view.theme(theme)
        assert part.evaluate(_CONTRAST) == [], (state, theme)
    assert part.evaluate(_RUN) == [], state


def states(view: ViewPage, aws: EmbeddedAws) -> Iterator[str]:
    """Bring the picker into each of its states, and yield the state's name."""
    mfa = "arn:aws:iam::111122223333:mfa/someone"
    yield "no identity"
    view.switcher.protection.protected = ("prod-*",)
    view.open()
    view.settle()
    view.field.press("Alt+KeyP")
    yield "list"
    view.search("prod admin")
    expect(view.root.locator(".ipyap-active.ipyap-protected")).to_be_visible()
    yield "protected profile in the list, with words that were found"
    view.field.fill("nothing like it")
    yield "no profile matches"
    view.choose("prod-admin")
    view.ask()
    yield "busy"
    view.settle()
    yield "confirmation"
    view.button("Switch to prod-admin").hover()
    yield "confirmation, under the mouse"
    view.button("Switch to prod-admin").click()
    view.settle()
    expect(view.identity).to_contain_text("protected")
    yield "protected identity"
    for minutes in (50, 58, 70):
        view.page.evaluate(f"Date.now = () => new Date().getTime() + {minutes * 60_000}")
        view.page.evaluate("new Promise(done => setTimeout(done, 1100))")
        yield f"after {minutes} minutes"
    view.tell(**error_message(ProfileNotFound("RoleBeat", "Did you mean `RoleBeta`?")))
    yield "error"
    for kind, more in (
        ("code", {"device": mfa, "html": ""}),
        ("code", {"device": mfa, "html": error_message(MfaRejected("No.", "Wait."))["html"]}),
        ("sign_in", {"url": "https://example.com/", "code": "ABCD-EFGH"}),
        ("sign_in", {"url": "https://example.com/", "code": ""}),
        ("progress", {"listed": 120, "accounts": 300}),
        ("waiting", {}),
    ):
        view.choose("RoleBeta")
        view.page.evaluate("sent.length = 0")
        view.tell(type=kind, **more)
        yield f"{kind} {more}"
        view.tell(type="error", html="")
    view.page.evaluate("listeners.comm_live_update()")
    signs = {"sign_ins": ["corp"], "listed_at": {"other": "2026-11-27T09:12:00+00:00"}}
    view.tell(type="profiles", version=99, pins=[], recent=[], **signs)
    view.page.evaluate("text => deliver(text, '[]')", {
        "type": "profiles", "version": 100, "pins": [], "recent": [], "sign_ins": ["corp", "other"],
        "listed_at": {}, "regions": [],
        "html": html_of(cards.no_profiles_card(SharedFiles.from_environment(), "open the list")),
    })  # fmt: skip
    yield "no profiles"
    view.open()
    yield "no profiles, list open"
    view.field.press("Escape")
    shown = identity_message(
        known_identity(datetime.now(UTC) + timedelta(hours=1)),
        SwitchRequest(profile="X"),
        save_as="Prod-Admin",
    )
    view.tell(**shown)
    yield "a role without a profile"
    view.button("Save as a profile").click()
    yield "its name as a profile"


@pytest.mark.slow
def test_every_state_of_the_picker(axe: ViewPage, embedded: EmbeddedAws, company: None) -> None:
    """No state of the picker breaks a rule of axe-core, or has a contrast below 4.5 : 1."""
    axe.begin()
    for state in states(axe, embedded):
        check(axe, state, axe.root)
    assert axe.page_errors == []


def every_card() -> list[Card]:
    """Return a card of each kind."""
    identity = known_identity(datetime.now(UTC) + timedelta(hours=1))
    errors = [{"profile": "a", "error": "AccessDenied", "message": "No `s3:List*`."}]
    return [
        cards.identity_card(identity, variable="session"),
        cards.identity_card(
            identity,
            variable="session",
            protected=True,
            leftovers=[Leftover("client", "still signs as `UserAlpha`")],
        ),
        cards.no_identity_card("its default credentials"),
        cards.off_card(undone=True),
        cards.error_card(ProfileNotFound("RoleBeat", "Did you mean `RoleBeta`?")),
        cards.mfa_card("arn:aws:iam::111122223333:mfa/someone"),
        sign_in_card("Analyst", "https://example.com/", "ABCD-EFGH", timedelta(minutes=9)),
        sign_in_ended_card("Analyst", done=True),
        runs.across_card(1, "3 profiles", errors, not_run=1),
        tables.profile_table(list_profiles()),
        cards.no_profiles_card(SharedFiles.from_environment(), "open the list"),
        explanation_card(explain(SessionRequest(profile="RoleBeta"))),
        explanation_card(explain(SessionRequest(profile="Nobody"))),
    ]


def test_every_card(axe: ViewPage) -> None:
    """No card breaks a rule of axe-core, has a contrast below 4.5 : 1, or overflows the page."""
    html = "".join(card._repr_html_() for card in every_card())
    axe.page.locator("#picker").evaluate("(place, html) => (place.innerHTML = html)", html)
    check(axe, "cards", axe.page.locator("#picker"))
    axe.page.set_viewport_size({"width": 400, "height": 760})
    assert axe.page.evaluate("document.documentElement.scrollWidth") == 400


@pytest.mark.slow
def test_in_forced_colours_the_active_row_has_a_frame(axe: ViewPage, company: None) -> None:
    """If the system replaces the backgrounds, an outline still marks the active row."""
    axe.page.emulate_media(forced_colors="active")
    axe.begin()
    axe.open()
    axe.field.press("ArrowDown")
    styles = axe.options.evaluate_all("rows => rows.map(row => getComputedStyle(row).outlineStyle)")
    assert styles.count("solid") == 1
    assert styles[0] == "solid"
