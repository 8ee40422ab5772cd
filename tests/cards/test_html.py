"""Escaping of HTML on all cards."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ipy_awsprofile.cards import cards, explanation, run_cards, tables
from ipy_awsprofile.cards.cards import sign_in_card, sign_in_ended_card
from ipy_awsprofile.cards.html import Html, joined, tag, with_breaks, with_code
from ipy_awsprofile.cards.rendering import Card, Table
from ipy_awsprofile.config.files import SharedFiles
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.explain.explain import Explanation, Row
from ipy_awsprofile.kernel.leftovers import Leftover
from ipy_awsprofile.sessions.assigned_roles import Account, AssignedRole
from tests.cards.reader import Reader, Shown, read
from tests.cards.test_cards import identity, profile

#: Texts that would do harm, or look different, if they weren't escaped.
HOSTILE = {
    "element": "<script>alert(1)</script>",
    "broken element": "</div><img src=x onerror=alert(1)",
    "comment": "<!-- hides the rest",
    "double quote": '" onmouseover="alert(1)',
    "single quote": "' onmouseover='alert(1)",
    "ARN": 'arn:aws:iam::1:role/<script>/"x&lt;',
    "entity": "&lt;script&gt; &amp; &#x3c; & done",
    "code": '`<b>` and `"<i>` and `&`',
    "lone backtick": "`<b>",
    "control characters": "\x1b]8;;https://evil\x07 \x00 \x9b31m",
    "other direction": "\u202etxt.exe\u202c",
}

#: Every public function that creates a card, with a text in the place of every argument.
CARDS: dict[str, Callable[[str], Shown]] = {
    "identity_card": lambda text: cards.identity_card(
        identity(account=text, arn=text, chain=(text, text), region=text),
        variable=text,
        alias=text,
        leftovers=[Leftover(text, text)],
    ),
    "identity_line_card": lambda text: cards.identity_line_card(text, text, is_protected=True),
    "no_identity_card": cards.no_identity_card,
    "no_profiles_card": lambda text: cards.no_profiles_card(
        SharedFiles(Path(text.replace("\0", "")), Path(text.replace("\0", ""))), text
    ),
    "off_card": lambda text: cards.off_card(undone=True),
    "error_card": lambda text: cards.error_card(AwsProfileError(text, text)),
    "mfa_card": cards.mfa_card,
    "warning_card": cards.warning_card,
    "sign_in_card": lambda text: sign_in_card(
        text, f"https://sso.example/{text}", text, timedelta(minutes=9)
    ),
    "sign_in_ended_card": lambda text: sign_in_ended_card(text, done=True),
    "signed_out_card": lambda text: cards.signed_out_card(
        [text], [text], inactive=[text], active=text
    ),
    "saved_card": lambda text: tables.saved_card(
        Path(text.replace("\0", "")), [f"+{text}"], is_written=False, others=1, active=text
    ),
    "across_card": lambda text: run_cards.across_card(
        1, text, [{"profile": text, "error": text, "message": text}], frame=text
    ),
    "lost_names_card": lambda text: run_cards.lost_names_card([text]),
    "profile_table": lambda text: tables.profile_table(
        [profile(text, aws_account_id=text, role_arn=text, source_profile=text, region=text)], text
    ),
    "role_table": lambda text: tables.role_table(
        [AssignedRole(text, Account(text, text, text), text, text)], text
    ),
    "console_card": lambda text: cards.console_card(text, text),
    "explanation_card": lambda text: explanation.explanation_card(
        Explanation(
            name=text,
            chain={text: text},
            rows=(Row(text, text, text, text, text), Row(text, text, text)),
            calls=(text,),
            warnings=(text,),
            notes=(text,),
            error=AwsProfileError(text, text),
        )
    ),
    "Card": lambda text: Card(text, text, ((text, text),), (text,), link=f"https://{text}"),
    "Table": lambda text: Table(text, (text,), ((text,),)),
}


def without_code(tags: list[str]) -> list[str]:
    """Leave out the tags for code and for line breaks."""
    return [name for name in tags if name not in {"code", "wbr"}]


def test_every_card_is_in_the_table() -> None:
    """The table contains every function that creates a card."""
    made = {
        name
        for module in (cards, explanation, run_cards, tables)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and name.endswith(("_card", "_table"))
    }
    assert not {name for name in made if not name.startswith("_")} - CARDS.keys()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", CARDS)
def test_hostile_text(name: str, text: str) -> None:
    """A card's tags and attributes don't depend on the text, except for code."""
    harmless, hostile = read(CARDS[name]("harmless")), read(CARDS[name](text))
    assert without_code(hostile.tags) == without_code(harmless.tags)
    assert {key for key, _ in hostile.attributes} == {key for key, _ in harmless.attributes}
    assert not set("\x00\x07\x1b\x9b\u202e\u202c").intersection(hostile.text)


@pytest.mark.parametrize("text", [text for text in HOSTILE.values() if text.isprintable()])
@pytest.mark.parametrize("name", [name for name in CARDS if name != "off_card"])
def test_text_is_shown_as_it_is(name: str, text: str) -> None:
    """The user sees the original text without entities; backticks can become code."""
    assert text.replace("`", "") in read(CARDS[name](text)).text.replace("`", "")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_attributes_are_escaped(text: str) -> None:
    """A value stays inside its attribute."""
    element = Reader(tag("a", text, "x", href=text, data_left=text))
    assert element.tags == ["a"]
    assert [key for key, _ in element.attributes] == ["href", "data-left", "style"]
    assert len({value for _, value in element.attributes}) == 1


def test_html_is_not_escaped_twice() -> None:
    """Elements nest unescaped, but an element joined with plain text by `+` is escaped."""
    inner = tag("b", "", "<")
    assert tag("p", "", inner, " & ") == "<p><b>&lt;</b> &amp; </p>"
    assert joined(inner, inner) == inner * 2
    assert "&lt;b&gt;" in tag("p", "", inner + " ")
    assert isinstance(joined("x"), Html)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "arn:aws:iam::1:role/a/b",
            "arn:<wbr>aws:<wbr>iam:<wbr>:<wbr>1:<wbr>role/<wbr>a/<wbr>b",
        ),
        ("https://x.example/a?b=1&c", "https://<wbr>x.example/<wbr>a?b=1&amp;c"),
        ("12:30 a/b", "12:30 a/b"),
    ],
)
def test_breaks(text: str, html: str) -> None:
    """A line can break inside an ARN or URL, after its separators."""
    assert with_breaks(text) == html


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "file:///etc", ""])
def test_only_web_pages_are_linked(link: str) -> None:
    """A card links only to web pages."""
    assert "a" not in read(Card("t", link=link)).tags


@pytest.mark.parametrize(
    ("text", "codes", "shown"),
    [
        ("plain", 0, "plain"),
        ("run `it` now", 1, "run it now"),
        ("`a` or `b`", 2, "a or b"),
        ("a lone ` is itself", 0, "a lone ` is itself"),
        ("`a` and a lone `", 0, "`a` and a lone `"),
        ("`", 0, "`"),
        ("", 0, ""),
    ],
)
def test_code(text: str, codes: int, shown: str) -> None:
    """Text between backticks becomes code, and an unpaired backtick stays."""
    reader = Reader(with_code(text))
    assert reader.tags.count("code") == codes
    assert reader.text == shown
