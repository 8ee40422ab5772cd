"""Text from files and servers, which can't control the terminal or look like other text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.cards.card import Card, Table
from ipy_awsprofile.cards.cards import error_card
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.text import (
    assigned_name,
    chain_line,
    one_line,
    program,
    redacted_urls,
    visible,
)

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

#: Writes to the clipboard of many terminals, and reverses the text after it.
ODD = "a\x1b]52;c;cHdu\x07b\u202ec"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe ← x\n", "größe ← x\n"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\rb\tc\x9b", r"a\rb\tc\x9b"),
        ("x\u202ey\u2066z", r"x\u202ey\u2066z"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("prod\u200b\ufeff\u2028x", r"prod\u200b\ufeff\u2028x"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    """Control characters and invisible characters are escaped; letters and line breaks stay."""
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\r\n  two\n", "one two"),
        ("a  b", "a  b"),
        ("\x1b[2J\nx", r"\x1b[2J x"),
        ("x" * 50, "x" * 40 + "…"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    """A foreign text is displayed on one line, visible and shortened."""
    assert one_line(text, 40) == shown


def test_chain() -> None:
    """The names of a role chain are one line without control characters."""
    assert chain_line(("RoleBeta", "a\x1b\nb")) == r"RoleBeta ← a\x1b b"


def test_errors() -> None:
    """An error's message and hint contain no control characters."""
    error = AwsProfileError(ODD, ODD)
    assert visible(f"{error}{error.hint}") == f"{error}{error.hint}" != ""


def test_every_card(aws: EmbeddedAws, shell: Shell) -> None:
    """No magic prints control characters from a profile's name, as text or as HTML."""
    aws.write_profile(
        ODD,
        source_profile="UserAlpha",
        role_arn="arn:aws:iam::123456789012:role/RoleBeta",
        region="us-west-2",
    )
    shell.names["odd"] = ODD
    for cell in (
        "%aws_profiles",
        "%aws_profile $odd",
        "%aws_profile",
        "%aws_profile --explain $odd",
        "%aws_profile x$odd",
        "%aws_profile --explain x$odd",
    ):
        ran = shell.run(cell)
        shown = "".join([ran.text, *map(str, ran.displayed), str(ran.error)])
        assert r"\x1b]52" in shown, cell
        assert not {"\x1b", "\x07", "\u202e"} & set(shown), cell


def test_every_repr(aws: EmbeddedAws, shell: Shell) -> None:
    """No object of ours prints control characters from a profile's name, nor does the record."""
    aws.write_profile(
        ODD,
        source_profile="UserAlpha",
        role_arn=f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta",
        region="us-west-2",
    )
    shell.names["odd"] = ODD
    shell.good(
        "from ipy_awsprofile import *\nfrom ipy_awsprofile.sessions.portable import portable"
    )
    shell.good("%aws_calls on")
    shell.good("%aws_profile $odd")
    shell.good("session.client('sts').get_caller_identity()")
    for cell in (
        "session",
        "ProfilePicker()",
        "portable(session)",
        "recorded_calls()[['profile', 'operation']]",
    ):
        ran = shell.good(cell)
        shown = "".join([ran.printed, *map(str, ran.displayed)])
        assert r"\x1b]52" in shown, cell
        assert not {"\x1b", "\x07", "\u202e"} & set(shown), cell


@pytest.mark.parametrize(
    ("command", "name"),
    [("tool --key x", "tool"), ("TOKEN=x tool", None), ("'unended", None), ("", None)],
)
def test_program(command: str, name: str | None) -> None:
    """Only a command's program is shown, because its arguments can contain secrets."""
    assert program(command) == name


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:hush@host/path", "http://…@host/path"),
        ("http://me:hush@e/x@y", "http://…@e/x@y"),
        ("http://host/a@b", "http://host/a@b"),
        ("http://[::1", "http://[::1"),
        ("https://host/path?token=hush#hush", "https://host/path?…"),
        ("https://host/start#/", "https://host/start#/"),
        ("https://host/start#/?token=hush", "https://host/start#…"),
        ("https://host/#token=hush", "https://host/#…"),
        ("https://host/#top#token=hush", "https://host/#top#…"),
        ("host:80?token=hush", "host:80?…"),
        (
            "Invalid endpoint: `http://h/?hush`. Is it one?",
            "Invalid endpoint: `http://h/?…`. Is it one?",
        ),
    ],
)
def test_redacted_urls(url: str, shown: str) -> None:
    """User names, passwords and queries in URLs are redacted."""
    assert redacted_urls(url) == shown


MUCH = "`x` <" * 1_000_000


@pytest.mark.parametrize("shown", ["str", "_repr_html_"])
@pytest.mark.parametrize(
    "card",
    [
        error_card(AwsProfileError(MUCH, MUCH)),
        Card(MUCH, rows=((MUCH[:9], MUCH),), notes=(MUCH,)),
        Card("a table", table=Table(("a", "b"), ((MUCH, MUCH),))),
    ],
)
def test_much_text(card: Card, shown: str) -> None:
    """Only the beginning of a text of megabytes is shown, as text and as HTML."""
    text = str(card) if shown == "str" else card._repr_html_()
    assert "…" in text
    assert len(text) < 500_000


def test_much_text_of_a_process(aws: EmbeddedAws, shell: Shell) -> None:
    """If a process fails with megabytes in one line, the error stays short."""
    command = f"{sys.executable} -c 'import sys; sys.exit(chr(120) * 5_000_000)'"
    aws.write_profile("wordy", credential_process=command)
    error = shell.refused("%aws_profile wordy")
    assert len(f"{error}{error.hint}") < 5_000


@pytest.mark.slow
def test_much_text_in_a_file(aws: EmbeddedAws, shell: Shell) -> None:
    """A value of megabytes in a file doesn't lead to megabytes of output."""
    aws.write_profile("wordy", region="r" * 5_000_000)
    ran = shell.good("%aws_profiles")
    assert len(ran.text) + len(ran.html) < 50_000
    assert len(shell.good("%aws_profile --explain wordy").html) < 50_000
    shell.refused("%aws_profile wordy")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("corp:123456789012/Admin", ("corp", "123456789012", "Admin")),
        ("my corp:x:123456789012/a.b-c@d", ("my corp:x", "123456789012", "a.b-c@d")),
        ("123456789012/Admin", None),
        ("corp:12345678901/Admin", None),
        ("corp:123456789012/a/b", None),
        ("arn:aws:iam::123456789012:role/X", None),
    ],
)
def test_name_of_a_role_without_a_profile(name: str, parts: tuple[str, ...] | None) -> None:
    """A role's name without a profile consists of a sign-in, an account ID and a role name."""
    assert assigned_name(name) == parts
