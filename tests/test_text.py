"""Errors, and text from files and servers: short, without secrets and control characters."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_awsprofile import errors
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT
from ipy_awsprofile.errors import AwsProfileError, ProfileNotFound
from ipy_awsprofile.text import choice_of, in_terminal, one_line, redacted_urls, similar, visible
from tests.aws import EmbeddedAws
from tests.shells import Shell
from tests.test_readme import PAGES, rows

#: The errors with a base class between them and AwsProfileError, and that class.
BASES = {
    "CredentialsExpired": "CredentialsRejected",
    "RoleNotAssigned": "AccessDenied",
    "SignInRequired": "CredentialsUnavailable",
}


def test_the_page_of_errors() -> None:
    """The page describes each class with its cause and remedy, and its base class catches it."""
    kinds = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, AwsProfileError)
    }
    del kinds["AwsProfileError"]
    for name, kind in kinds.items():
        assert kind.__base__ is getattr(errors, BASES.get(name, "AwsProfileError"))
    # Another table of the page, with two columns, is about AWS's refusals.
    described = [row for row in rows(PAGES["docs/reference/errors.md"]) if len(row) == 3][1:]
    assert {name.strip("`") for name, _, _ in described} == kinds.keys()
    assert all(cause and remedy for _, cause, remedy in described)


@pytest.mark.parametrize("mode", ["Plain", "Context", "Verbose", "Minimal"])
def test_lines_of_an_error(shell: Shell, mode: str) -> None:
    """In each of IPython's modes, the message is on one line, and the hint on another."""
    shell.good(f"%xmode {mode}")
    shell.good("from ipy_awsprofile.errors import ProfileNotFound")
    printed = shell.run("raise ProfileNotFound('a\\nb', 'Did you mean `a\\r\\nc`?')").printed
    assert printed.strip().splitlines() == [
        "ProfileNotFound: There is no profile `a b` in the shared config files.",
        "Did you mean `a c`?",
    ]
    assert ProfileNotFound("dex").hint == "`%aws_profiles` lists the profiles."


@pytest.mark.parametrize(
    "error",
    [
        errors.ProfileNotFound("x", "y"),
        errors.ProtectedProfile("x", "prod"),
        errors.ConfigFileError(Path("config"), "broken", 3),
        errors.SwitchInterrupted(),
        AwsProfileError("It broke.", "Mend it."),
    ],
)
def test_errors_can_be_pickled(error: AwsProfileError) -> None:
    """A pickled error stays the same in another process, as process pools require."""
    there = pickle.loads(pickle.dumps(error))
    assert (type(there), str(there), vars(there)) == (type(error), str(error), vars(error))


# Foreign text ---

#: Writes to the clipboard of many terminals, and reverses the text after it.
ODD = "a\x1b]52;c;cHdu\x07b\u202ec"


def test_visible() -> None:
    """Control characters and invisible characters are escaped; letters and emoji stay."""
    assert visible("größe ← 👩\u200d🔬\n") == "größe ← 👩\u200d🔬\n"
    assert visible("a\rb\x9b \u202ey prod\u200b") == r"a\rb\x9b \u202ey prod\u200b"
    assert one_line("one\r\n  two\n" + "x" * 50, 40) == "one two " + "x" * 32 + "…"


def test_a_name_with_control_characters(aws: EmbeddedAws, shell: Shell) -> None:
    """No card, error, object or record prints the control characters of a profile's name."""
    aws.write_profile(
        ODD,
        source_profile="UserAlpha",
        role_arn=f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta",
        region="us-west-2",
    )
    shell.names["odd"] = ODD
    shell.good("from ipy_awsprofile import *\n%aws_calls on")
    for cell in (
        "%aws_profiles",
        "%aws_profile $odd",
        "session.client('sts').get_caller_identity()['Arn'], session",
        "%aws_profile",
        "%aws_profile --explain $odd",
        "%aws_profile x$odd",
        "%aws_profile --explain x$odd",
        "ProfilePicker()",
        "recorded_calls()[['profile', 'operation']]",
    ):
        ran = shell.run(cell)
        shown = "".join([ran.printed, ran.text, *map(str, ran.displayed), str(ran.error)])
        assert r"\x1b]52" in shown, cell
        assert not {"\x1b", "\x07", "\u202e"} & set(shown), cell


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:hush@host/path", "http://…@host/path"),
        ("http://host/a@b", "http://host/a@b"),
        ("https://host/path?token=hush#hush", "https://host/path?…"),
        ("https://host/start#/", "https://host/start#/"),
        ("https://host/start#/?token=hush", "https://host/start#…"),
        ("Is `http://h/?hush` one?", "Is `http://h/?…` one?"),
    ],
)
def test_redacted_urls(url: str, shown: str) -> None:
    """User names, passwords and queries in URLs are redacted."""
    assert redacted_urls(url) == shown


@pytest.mark.parametrize("word", ["RoleBeta", "my team", "R&D"])
def test_words_in_a_terminal(word: str) -> None:
    """The system's shell reads a name in a command of a hint as one word."""
    program = f'"{sys.executable}" -I -S -c "import sys; print(sys.argv[1:])"'
    command = f"{program} {in_terminal(word)}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([word])


#: Typed names, and the names that they can stand for.
SIMILAR = {
    "prdo": ["prod"],
    "PROD": ["prod"],
    "devadmin": ["dev-admin"],
    "dev-admn": ["dev-admin"],
    "prod readonly": ["prod"],
    "prod,staging": ["prod"],
    "dev; session": ["dev"],
    "prod-readonly": ["prod"],
    "ReadOnlyAccess-222222222222": [],
    "AdminstratorAccess-111111111111": ["AdministratorAccess-111111111111"],
    "admin": ["dev-admin", "prod-admin"],
    "de": ["dev"],
    "o": [],
}


@pytest.mark.parametrize("typed", SIMILAR)
def test_similar_names(typed: str) -> None:
    """A typo, another spelling or a part finds a name, but a different word doesn't."""
    names = ["prod", "prod-admin", "dev", "dev-admin", "AdministratorAccess-111111111111"]
    assert sorted(similar(typed, names)) == SIMILAR[typed]


def test_alternatives() -> None:
    """A question with several names has commas between all but the last two."""
    assert choice_of(["dev-a", "dev-b", "dev-c"]) == "`dev-a`, `dev-b` or `dev-c`"
    assert choice_of(["dev-a"]) == "`dev-a`"
