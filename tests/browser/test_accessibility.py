"""Accessibility of the picker and the cards, by axe-core's rules and by contrast."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ipy_awsprofile.cards.cards import identity_card
from tests.aws import EmbeddedAws
from tests.browser.pages import THEMES, ViewPage
from tests.cards.test_cards import KINDS, identity
from tests.processes import missing
from tests.roles import add_mfa_role

_AXE = Path(__file__).parents[2] / ".venv" / "node_modules" / "axe-core" / "axe.min.js"
_CONTRAST = Path(__file__).with_name("contrast.js").read_text()

#: Run all rules of axe-core except contrast, which the tests compute for each text.
_RUN = """async root => {
  const found = await axe.run(root, {rules: {"color-contrast": {enabled: false}}});
  return found.violations.map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html).join()}`);
}"""


def add_axe(page: Page) -> None:
    """Load axe-core into the page; without it, skip the test, or fail in CI."""
    if not _AXE.exists():
        raise missing("axe-core, which `make test` installs with npm", "npm")
    page.add_script_tag(path=_AXE)


def reopen(view: ViewPage) -> None:
    """Open the popup again, which closes after a switch."""
    if not view.field.is_visible():
        view.tool.click()
        view.settle()


def states(view: ViewPage, aws: EmbeddedAws, coded: str) -> Iterator[str]:
    """Bring the picker into each of its states, and yield the state's name."""
    serial = add_mfa_role(aws, coded)
    view.switcher.protection.protected = ("prod-*",)
    yield "no identity"
    view.open()
    yield "list"
    view.field.press_sequentially("prod admin")
    yield "list with words that were found"
    view.field.fill("nothing like it")
    yield "no profile matches"
    view.field.fill("prod-admin")
    view.field.press("Enter")
    view.ask()
    view.answer_once()
    yield "busy"
    view.settle()
    yield "confirmation"
    view.button("Switch to prod-admin").click()
    view.settle()
    reopen(view)
    expect(view.identity).to_contain_text("protected")
    yield "protected identity"
    view.choose(coded)
    yield "code"
    view.code.fill("000000")
    view.code.press("Enter")
    view.settle()
    yield "code again"
    view.code.fill(aws.iam.mfa_code(serial))
    view.code.press("Enter")
    view.settle()
    reopen(view)
    for minutes, says in ((50, "10 min"), (8, r"[12]:\d\d"), (12, "expired")):
        view.page.clock.fast_forward(minutes * 60_000)
        expect(view.countdown).to_have_text(re.compile(f"^{says}"))
        yield says
    view.choose("analytics-dev")
    yield "error"
    ask: dict[str, Any] = {
        "kind": "sign_in",
        "profile": "X",
        "url": "https://example.com/",
        "code": "ABCD-EFGH",
    }
    ask |= {"question": 1, "error": "", "of_cell": False, "can_answer": True}
    ask["about"] = [("portal", "https://example.com/start"), ("account", "123456789012")]
    for step in ("allow", "compare", "enter"):
        view.tell(ask={**ask, "step": step})
        yield f"sign-in: {step}"
    view.tell(ask={**ask, "step": "compare", "of_cell": True, "can_answer": False})
    yield "a question to answer in the cell"
    allow = {"kind": "allow", "text": "Programs can write for 10 minutes."}
    view.tell(ask={**ask, **allow, "of_cell": True})
    yield "a question to allow something"
    view.tell(ask=None, busy={"doing": "Switching to X", "waits": True})
    yield "waiting"


@pytest.mark.parametrize("place", ["cell", "toolbar"])
def test_every_state(view: ViewPage, embedded: EmbeddedAws, place: str) -> None:
    """No state breaks a rule of axe-core, has a contrast below 4.5 : 1, or needs a scrollbar."""
    add_axe(view.page)
    view.start_clock(place)
    if place == "toolbar":
        reopen(view)
    for state in states(view, embedded, f"Role-{place}"):
        for theme in THEMES:
            view.theme(theme)
            parts = [view.root, view.tool] if place == "toolbar" else [view.root]
            for part in parts:
                assert part.evaluate(_CONTRAST) == [], (state, theme)
        assert view.page.locator("body").evaluate(_RUN) == [], state
        assert view.root.evaluate("root => root.scrollWidth - root.clientWidth") == 0, state


def test_the_highlighted_row(view: ViewPage) -> None:
    """In every theme, the background of the highlighted row differs from the others'."""
    view.open()
    view.field.press("ArrowDown")
    background = "row => getComputedStyle(row).backgroundColor"
    for theme in THEMES:
        view.theme(theme)
        first, second = (view.options.nth(place).evaluate(background) for place in (0, 1))
        assert first != second, theme


def test_every_card(view: ViewPage) -> None:
    """No card breaks a rule of axe-core, has a contrast below 4.5 : 1, or overflows the page."""
    add_axe(view.page)
    view.page.evaluate("end()")
    html = "".join(card("an `example`")._repr_html_() for card in KINDS.values())
    body = view.page.locator("body")
    body.evaluate("(body, html) => (body.innerHTML = `<main>${html}</main>`)", html)
    for theme in THEMES:
        view.theme(theme)
        assert body.evaluate(_CONTRAST) == [], theme
        assert body.evaluate(_RUN) == [], theme
    view.page.set_viewport_size({"width": 400, "height": 760})
    assert view.page.evaluate("document.documentElement.scrollWidth") == 400


#: Return the copied text, whether the badge is in a second line and begins at the left edge, and
#: the words of the ARN that are in two lines.
_NARROW = """card => {
  const [title, cell] = [card.firstChild, card.querySelector("tr:nth-child(2) td")];
  const [name, badge] = [...title.children].map(part => part.getBoundingClientRect());
  const range = document.createRange();
  const broken = [...cell.childNodes].filter(part => {
    range.selectNodeContents(part);
    return range.getClientRects().length > 1 && !part.textContent.includes("-");
  });
  getSelection().selectAllChildren(card);
  return {
    copied: getSelection().toString(),
    isAligned: badge.y > name.y && badge.x === name.x,
    broken: broken.map(part => part.textContent),
  };
}"""


def test_a_narrow_notebook(view: ViewPage) -> None:
    """*Cancel* is beside the code, a badge is aligned, and an ARN breaks only between its words.

    The copied ARN has no line breaks.
    """
    view.page.set_viewport_size({"width": 300, "height": 760})
    common = {"question": 1, "profile": "X", "error": "", "of_cell": True, "can_answer": True}
    view.tell(ask={**common, "kind": "code", "device": "arn:aws:iam::1:mfa/X", "again": False})
    field, cancel = view.code.bounding_box(), view.button("Cancel").bounding_box()
    assert field
    assert cancel
    assert abs(field["y"] - cancel["y"]) < field["height"]
    arn = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Analyst_0123456789abcdef/ann"
    card = identity_card(identity(arn=arn, chain=("production-analytics",)))
    body = view.page.locator("body")
    body.evaluate("(body, html) => (body.innerHTML = html)", card._repr_html_())
    shown = body.locator(".ipy-awsprofile-card").evaluate(_NARROW)
    assert arn in shown["copied"]
    assert shown["isAligned"]
    assert shown["broken"] == []


def test_small_and_forced(view: ViewPage) -> None:
    """Nothing is cut off at 400 pixels and 200 %; forced colors and less motion are respected."""
    view.page.emulate_media(forced_colors="active", reduced_motion="reduce")
    view.page.set_viewport_size({"width": 400, "height": 700})
    view.page.evaluate("document.body.style.zoom = 2")
    view.choose("RoleBeta")
    view.open()
    view.field.press("ArrowDown")
    outline = "all => all.map(row => getComputedStyle(row).outlineStyle)"
    assert view.options.evaluate_all(outline).count("solid") == 1
    assert view.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    view.field.press("Enter")
    view.ask()
    view.answer_once()
    animation = "field => getComputedStyle(field, '::after').animationName"
    assert view.root.locator(".ipyap-field").evaluate(animation) == "none"
