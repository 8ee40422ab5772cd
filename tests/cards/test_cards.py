"""The cards' content, which is the same in text and in HTML."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ipy_awsprofile.cards import cards, tables
from ipy_awsprofile.cards.rendering import Card
from ipy_awsprofile.cards.styles import Tone
from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.kernel.leftovers import Leftover
from ipy_awsprofile.sessions.session import Identity
from tests.cards.reader import read

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


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (None, "no expiry"),
        (timedelta(0), "expired"),
        (timedelta(seconds=-1), "expired"),
        (timedelta(seconds=1), "less than a minute left"),
        (timedelta(seconds=59), "less than a minute left"),
        (timedelta(seconds=60), "1 minute left"),
        (timedelta(minutes=59, seconds=59), "1 hour left"),
        (timedelta(minutes=59, seconds=29), "59 minutes left"),
        (timedelta(hours=1), "1 hour left"),
        (timedelta(hours=1, minutes=1), "1 hour 1 minute left"),
        (timedelta(hours=2), "2 hours left"),
        (timedelta(hours=11, minutes=59, seconds=59), "12 hours left"),
        (timedelta(hours=11, minutes=58, seconds=50), "11 hours 59 minutes left"),
        (timedelta(hours=36), "36 hours left"),
    ],
)
def test_time_left(left: timedelta | None, words: str) -> None:
    """The time left is in words, rounded to the nearest minute."""
    assert cards.time_left(None if left is None else NOW + left, NOW) == words


def test_time_left_from_now() -> None:
    """Without ``now``, the time left is counted from the current time."""
    assert cards.time_left(datetime.now(UTC) - timedelta(hours=1)) == "expired"


def test_identity_card() -> None:
    """The card has the chain, account, ARN, Region, expiry in UTC, and variable."""
    card = cards.identity_card(identity(), variable="session", now=NOW)
    assert str(card) == "\n".join(
        [
            "RoleBeta ← UserAlpha  (59 minutes left)",
            "  account   123456789012",
            "  ARN       arn:aws:sts::123456789012:assumed-role/RoleBeta/s",
            "  region    us-west-2",
            "  expires   2026-01-01 12:59:00 UTC, renews by itself",
            "  variable  session",
        ]
    )
    assert card.tone is Tone.GOOD
    assert repr(card) == str(card)
    assert "59 minutes left (as of 12:00 UTC)" in card._repr_html_()


@pytest.mark.parametrize(
    ("renews", "problem", "badge", "tone"),
    [
        (True, "", "renews at the next call", Tone.GOOD),
        (False, "", "expired", Tone.ERROR),
        (True, "The session couldn't be renewed.", "expired", Tone.ERROR),
    ],
)
def test_an_identity_whose_credentials_have_expired(
    renews: bool, problem: str, badge: str, tone: Tone
) -> None:
    """The card stays green if credentials can be renewed, and turns red if they can't."""
    later = NOW + timedelta(hours=2)
    card = cards.identity_card(identity(), variable="", renews=renews, problem=problem, now=later)
    assert (card.badge, card.tone) == (badge, tone)
    assert ("renews with an MFA code" in str(card)) is not renews


def test_html_shows_what_the_text_shows() -> None:
    """The HTML contains every word of the text."""
    stale = [Leftover("s3", "still signs as UserAlpha")]
    card = cards.identity_card(identity(), variable="session", leftovers=stale, now=NOW)
    shown = read(card).text
    for line in str(card).replace("`", "").splitlines():
        for part in line.strip().split("  "):
            assert part.strip("() ") in shown


def test_identity_without_expiry_or_region() -> None:
    """Without an expiry, the card shows no time; without a Region, it shows `none`."""
    card = cards.identity_card(identity(expiry=None, region=None), variable="s", now=NOW)
    assert "no expiry" in str(card)
    assert "expires" not in str(card)
    assert ("region", "none") in card.rows


def test_stale_variables_are_noted() -> None:
    """The card has a line for each stale variable, and its edge is a warning."""
    stale = [
        Leftover("s3", "still signs as UserAlpha"),
        Leftover("old", "still signs as UserAlpha"),
    ]
    card = cards.identity_card(identity(), variable="session", leftovers=stale, now=NOW)
    assert card.notes == (
        "`s3` still signs as UserAlpha.",
        "`old` still signs as UserAlpha.",
    )
    assert card.tone is Tone.WARNING


def test_no_identity() -> None:
    """Without a switch, the card says which credentials boto3 uses."""
    assert "boto3 uses AWS_PROFILE=dev." in str(cards.no_identity_card("AWS_PROFILE=dev"))


@pytest.mark.parametrize(
    ("undone", "words"), [(True, "The switch is undone"), (False, "There is no switch to undo")]
)
def test_off(undone: bool, words: str) -> None:
    """The card after `--off` says whether there was a switch to undo."""
    assert words in str(cards.off_card(undone=undone))


@pytest.mark.parametrize(("hint", "lines"), [("Mend it.", 2), ("", 1)])
def test_error_card(hint: str, lines: int) -> None:
    """An error's card has the message, and the hint if there is one."""
    card = cards.error_card(AwsProfileError("It broke.", hint))
    assert len(str(card).splitlines()) == lines
    assert card.tone is Tone.ERROR
    assert Tone.ERROR.css in card._repr_html_()


def test_profile_table() -> None:
    """The table has a row for each profile, and its columns are aligned."""
    table = tables.profile_table(
        [
            profile("UserAlpha", region="us-west-2"),
            profile(
                "RoleBeta",
                kind=ProfileKind.ASSUME_ROLE,
                role_arn="arn:aws:iam::123456789012:role/RoleBeta",
                account="123456789012",
                source_profile="UserAlpha",
                mfa_serial="arn",
            ),
            profile(
                "S", kind=ProfileKind.SSO, sso_account_id="444455556666", sso_role_name="Admin"
            ),
        ]
    )
    assert str(table).splitlines() == [
        "3 profiles",
        "profile    kind         account       role      source     region     MFA",
        "UserAlpha  static keys                                     us-west-2",
        "RoleBeta   assume role  123456789012  RoleBeta  UserAlpha             yes",
        "S          SSO          444455556666  Admin",
    ]
    assert repr(table) == str(table)
    assert read(table).tags.count("tr") == 4


@pytest.mark.parametrize(
    ("number", "pattern", "title"),
    [
        (0, None, "0 profiles"),
        (0, "dev", "0 profiles for “dev”"),
        (1, None, "1 profile"),
        (2, "dev", "2 profiles for “dev”"),
        (200, None, "200 profiles"),
        (
            201,
            None,
            "201 profiles; the first 200 are shown. Run `%aws_profiles PATTERN` to list fewer.",
        ),
    ],
)
def test_profile_tables_title(number: int, pattern: str | None, title: str) -> None:
    """The title has the number of profiles, and says if the table omits rows."""
    table = tables.profile_table([profile(f"p{i}") for i in range(number)], pattern)
    assert table.title == title
    assert len(table.rows) == min(number, tables.MOST_ROWS)
    assert ("table" in read(table).tags) == bool(number)
    assert str(table).splitlines()[0] == title


@pytest.mark.parametrize("tone", list(Tone))
def test_colours_follow_the_theme(tone: Tone) -> None:
    """Every colour is a theme variable with a fallback."""
    html = Card("t", "b", (("l", "v"),), ("n",), tone)._repr_html_()
    assert tone.css.startswith("var(--jp-")
    assert f"border-left-color:{tone.css}" in html
    assert ";color:#" not in html
    assert "background:#" not in html


def test_a_card_without_styles() -> None:
    """If a page removes styles, as GitHub does, words and rows stay separate."""
    card = cards.identity_card(identity(), variable="session", protected=True, now=NOW)
    plain = re.sub(' (style|class)="[^"]*"', "", card._repr_html_())
    assert plain.startswith(
        "<div><div><b>RoleBeta ← UserAlpha</b> <span>protected</span> "
        "<span>59 minutes left (as of 12:00 UTC)</span></div><table><tbody>"
        '<tr><th scope="row" align="left">account</th><td>123456789012</td></tr>'
    )


def test_a_protected_profile_looks_protected() -> None:
    """A protected profile's card says so next to its title, and always has a red edge."""
    for left in ([], [Leftover("client", "still signs as `UserAlpha`")]):
        card = cards.identity_card(identity(), variable="session", protected=True, leftovers=left)
        assert str(card).splitlines()[0].startswith("RoleBeta ← UserAlpha  (protected, ")
        html = card._repr_html_()
        assert ">protected</span>" in html
        assert f"border-left-color:{Tone.ERROR.css}" in html
