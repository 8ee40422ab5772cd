"""Cards in a terminal, which have colours if the terminal supports them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from IPython.lib.pretty import pretty

from ipy_awsprofile.cards import terminal
from ipy_awsprofile.cards.explanation import explanation_card
from ipy_awsprofile.cards.rendering import Card, Table
from ipy_awsprofile.cards.styles import Tone
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.explain.explain import explain
from tests.shells import Shell, without_colours

if TYPE_CHECKING:
    from pathlib import Path

BOLD, RESET = "\x1b[1;", "\x1b[0m"
GREEN, YELLOW, RED, PLAIN = "32m", "33m", "31m", "39m"


@pytest.fixture
def in_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the output look like a terminal with colours."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("in_terminal")
@pytest.mark.parametrize(
    ("tone", "colour"),
    [(Tone.GOOD, GREEN), (Tone.WARNING, YELLOW), (Tone.ERROR, RED), (Tone.QUIET, PLAIN)],
)
def test_cards(tone: Tone, colour: str) -> None:
    """The first line has the tone's colour, and the rest stays the same."""
    card = Card("A card", badge="b", rows=(("label", "value"),), notes=("note",), tone=tone)
    title, rest = pretty(card).split("\n", 1)
    assert title == f"{BOLD}{colour}A card  (b){RESET}"
    assert rest == str(card).split("\n", 1)[1]


@pytest.mark.usefixtures("in_terminal")
def test_tables() -> None:
    """The title and the column names of a table look different from its rows."""
    table = Table("1 profile", ("name", "kind"), (("a", "b"),))
    title, columns, row = pretty(table).split("\n")
    assert title == f"{BOLD}{PLAIN}1 profile{RESET}"
    assert columns == f"\x1b[2mname  kind{RESET}"
    assert row == "a     b"
    assert without_colours(pretty(Table("None", ("name",), ()))) == "None"


@pytest.mark.usefixtures("in_terminal")
def test_explanations(shared_files: tuple[Path, Path]) -> None:
    """Errors are red, and warnings are yellow."""
    shared_files[0].write_text("[profile p]\nrole_arn = x\nsource_profile = nobody\nrgion = y\n")
    card = explanation_card(explain(SessionRequest(profile="p")))
    text = pretty(card)
    assert text.startswith(f"{BOLD}{RED}p  (")
    assert f"\x1b[{RED}  ✗ " in text
    assert f"\x1b[{YELLOW}  ! `rgion`" in text
    assert without_colours(text) == str(card)


@pytest.mark.usefixtures("in_terminal")
@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setenv("NO_COLOR", "1"),
        lambda patch: patch.setenv("TERM", "dumb"),
        lambda patch: patch.setattr(sys.stdout, "isatty", lambda: False),
    ],
)
def test_no_colours(change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR, or without a terminal that supports colours, the text is plain."""
    assert terminal.has_colours()
    change(monkeypatch)
    assert pretty(Card("A card")) == str(Card("A card"))


@pytest.mark.usefixtures("in_terminal")
def test_colours_of_ipython(bare_shell: Shell) -> None:
    """IPython's own setting applies, too; the test's shell has no colours."""
    assert not terminal.has_colours()
