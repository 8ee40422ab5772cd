"""The cards: what they say, as text and as HTML."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from IPython.lib.pretty import pretty

from ipy_awsprofile.cards import cards, tables
from ipy_awsprofile.cards.card import Card, Tone
from ipy_awsprofile.cards.tables import across_card
from ipy_awsprofile.config.files import SharedFiles
from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.config.saved import ConfigFile
from ipy_awsprofile.credentials.person import SignInStep
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.explain.explain import Explanation, SettingRow
from ipy_awsprofile.follower import Leftover
from ipy_awsprofile.sessions.assigned_roles import Account, AssignedRole
from ipy_awsprofile.sessions.session import Identity
from tests.processes import posix, use_time_zone

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def identity(**changes: Any) -> Identity:
    """Return an identity with these changes."""
    fields: dict[str, Any] = {
        "account": "123456789012",
        "arn": "arn:aws:sts::123456789012:assumed-role/RoleBeta/s",
        "user_id": "AROAX:s",
        "profile": "RoleBeta",
        "chain": ("RoleBeta", "UserAlpha"),
        "region": "us-west-2",
        "expiry": NOW + timedelta(minutes=59),
    }
    return Identity(**fields | changes)


def profile(name: str, kind: ProfileKind = ProfileKind.STATIC_KEYS, **settings: str) -> Profile:
    """Return a profile with these settings."""
    return Profile(name, settings, kind)


class Reader(HTMLParser):
    """The text, the tags and the attributes of a card's HTML."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(card._repr_html_())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record a tag and its attributes."""
        self.tags += [tag] if tag not in ("code", "wbr") else []
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data


# Identities ---


@posix
def test_local_time() -> None:
    """Where the kernel's time zone isn't UTC, the card has the local time of the expiry, too."""
    use_time_zone("Asia/Kolkata")
    card = str(cards.identity_card(identity(), now=NOW, variable="session"))
    assert "expires   2026-01-01 12:59:00 UTC (18:29 IST), renews automatically" in card


def test_identity_card() -> None:
    """The card has the chain, account, ARN, Region, expiry in UTC, and variable."""
    card = cards.identity_card(identity(), now=NOW, variable="session")
    assert str(card) == "\n".join(
        [
            "RoleBeta ← UserAlpha  (59 minutes left)",
            "  account   123456789012",
            "  ARN       arn:aws:sts::123456789012:assumed-role/RoleBeta/s",
            "  region    us-west-2",
            "  expires   2026-01-01 12:59:00 UTC, renews automatically",
            "  variable  session",
        ]
    )
    assert card.tone is Tone.GOOD
    assert "59 minutes left (as of 12:00 UTC)" in card._repr_html_()


@pytest.mark.parametrize(
    ("time_left", "words"),
    [
        (None, "no expiry"),
        (timedelta(seconds=59), "less than a minute left"),
        (timedelta(minutes=59, seconds=59), "1 hour left"),
        (timedelta(hours=1, minutes=1), "1 hour 1 minute left"),
    ],
)
def test_time_left(time_left: timedelta | None, words: str) -> None:
    """The time left is in words, rounded to the nearest minute."""
    assert cards.time_left(None if time_left is None else NOW + time_left, NOW) == words


@pytest.mark.parametrize(
    ("changes", "about", "beside", "tone"),
    [
        ({"cached": True}, {}, "(59 minutes left, cached)", Tone.GOOD),
        ({}, {"is_protected": True}, "(protected, 59 minutes left)", Tone.ERROR),
        ({}, {"notes": [str(Leftover("s3", "signs as x"))]}, "(59 minutes left)", Tone.WARNING),
        ({"expiry": NOW}, {}, "(renews at the next call)", Tone.GOOD),
        ({"expiry": NOW}, {"renewal": "renews with an MFA code"}, "(expired)", Tone.ERROR),
        (
            {"expiry": NOW},
            {"renewal": "", "notes": ["It wasn't renewed."]},
            "(expired)",
            Tone.ERROR,
        ),
        ({"expiry": None, "temporary": True}, {}, "(expires: unknown)", Tone.GOOD),
    ],
)
def test_state_of_an_identity(
    changes: dict[str, Any], about: dict[str, Any], beside: str, tone: Tone
) -> None:
    """The title and the edge show whether the identity is protected, cached, stale or expired."""
    card = cards.identity_card(identity(**changes), now=NOW, **about)
    assert str(card).splitlines()[0] == f"RoleBeta ← UserAlpha  {beside}"
    assert card.tone is tone
    assert f"border-left:4px solid {tone.value[0]}" in card._repr_html_()
    assert ("`s3` signs as x." in card.notes) is (tone is Tone.WARNING)


# A table ---


def test_profile_table() -> None:
    """The table has what the files say about each profile, and no external ID."""
    role = profile(
        "audit",
        ProfileKind.ASSUME_ROLE,
        role_arn="arn:aws:iam::123456789012:role/path/Audit",
        source_profile="keys",
        external_id="hush",
        mfa_serial="arn:aws:iam::111111111111:mfa/phone",
    )
    table = tables.profile_table([profile("keys", region="us-west-2"), role]).table
    assert table
    assert table.columns == ("profile", "kind", "account", "role", "source", "region", "MFA")
    assert list(table.rows) == [
        ("keys", "access keys", "", "", "", "us-west-2", ""),
        ("audit", "assume role", "123456789012", "path/Audit", "keys", "", "yes"),
    ]


def test_more_profiles_than_are_shown() -> None:
    """The title of a long table says how many rows it shows, and how to list fewer."""
    card = tables.profile_table([profile(f"p{number}") for number in range(201)], "p")
    assert card.title == (
        "201 profiles for “p”; the first 200 are shown. Run `%aws_profiles PATTERN` to list fewer."
    )
    assert len(str(card).splitlines()) - 2 == Reader(card).tags.count("tr") - 1 == 200
    assert str(tables.profile_table([], "dev")) == "0 profiles for “dev”"


# HTML ---

#: A card of each kind, with a text in the place of every name, message and value.
KINDS: dict[str, Callable[[str], Card]] = {
    "identity": lambda text: cards.identity_card(
        identity(account=text, arn=text, chain=(text, text), region=text),
        variable=text,
        rows=[("access", text)],
        account_name=text,
        notes=[str(Leftover(text, text))],
    ),
    "protected": lambda text: cards.identity_card(identity(), variable=text, is_protected=True),
    "no profiles": lambda text: cards.no_profiles_card(SharedFiles(Path(text), Path("y"))),
    "error": lambda text: cards.error_card(AwsProfileError(text, text)),
    "MFA": lambda text: cards.mfa_card(text, text, text),
    "sign-in": lambda text: cards.sign_in_card(
        text, f"https://a/{text}", SignInStep.COMPARE_CODE, text, [(text, text)]
    ),
    "signed out": lambda text: cards.signed_out_card([text], [text], [text], text),
    "run": lambda text: across_card(1, text, [{"profile": text, "error": text, "message": text}]),
    "profiles": lambda text: tables.profile_table([profile(text, region=text)], text),
    "roles": lambda text: tables.role_table([AssignedRole(text, Account("1", text, text), text)]),
    "saved": lambda text: tables.saved_card(ConfigFile.read(), [text], is_written=True),
    "explanation": lambda text: tables.explanation_card(
        Explanation(
            name=text,
            chain={text: text},
            settings=(SettingRow(text, text, text, text, text),),
            warnings=(text,),
            error=AwsProfileError(text, text),
        )
    ),
}


#: Texts that would do harm, or look different, if they weren't escaped.
HOSTILE = ("<script>alert(1)</script> &lt;", "\" onmouseover='alert(1)", "`<b>` </div>")


@pytest.mark.parametrize("kind", KINDS)
def test_html(kind: str) -> None:
    """The HTML contains every word of the text, and a terminal shows the text without colors.

    A name or message is shown as it is, and never becomes an element or an attribute.
    """
    card = KINDS[kind]("harmless")
    harmless = Reader(card)
    shown = " ".join(re.findall(r"[\w:/-]+", harmless.text + str(card.link)))
    assert all(word in shown for word in re.findall(r"[\w:/-]+", str(card)) if word != "open")
    assert pretty(card) == repr(card) == str(card)
    for text in HOSTILE:
        hostile = Reader(KINDS[kind](text))
        assert hostile.tags == harmless.tags
        assert hostile.attributes == harmless.attributes
        assert text.replace("`", "") in hostile.text.replace("`", "")
