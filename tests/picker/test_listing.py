"""Choices refer to the list that the user saw, and an empty list says how to add a profile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from tests.identity_center import PROD, TEST, TWIN, organisation

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.picker.person import Person
    from tests.shells import Shell


def rewritten(aws: EmbeddedAws, old: str, new: str) -> None:
    """Replace text in the config file."""
    text = aws.config_file.read_text()
    assert old in text
    aws.config_file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ROLE_ACCOUNT, "999988887777"),  # the same name in another account
        ("[profile RoleBeta]", "[profile RoleBetter]"),
        ("[profile RoleBeta]", "[profile Another]\nregion = us-east-1\n[profile RoleBeta]"),
        ("us-west-2", "eu-west-1"),
    ],
)
def test_a_choice_from_another_list_is_refused(
    person: Person, aws: EmbeddedAws, old: str, new: str
) -> None:
    """If the files have changed since the list was shown, the picker refuses, and calls nothing."""
    person.rows()
    seen = person.seen[0]["version"]
    rewritten(aws, old, new)
    aws.calls.clear()
    fresh, refused = person.says("switch", profile="RoleBeta", region=None, list=seen)
    assert fresh["type"] == "profiles"
    assert fresh["version"] == seen + 1
    assert len(person.buffers) == 1
    assert "Nothing was switched" in refused["html"]
    assert person.picker.session is None
    assert aws.calls == []


def test_files_that_say_the_same_are_the_same_list(person: Person, aws: EmbeddedAws) -> None:
    """A choice stays valid if only a comment in the file has changed."""
    person.rows()
    seen = person.seen[0]["version"]
    rewritten(aws, "[profile RoleBeta]", "# a comment\n\n[profile RoleBeta]")
    answers = person.says("switch", profile="RoleBeta", region=None, list=seen)
    assert answers[-1]["type"] == "done"


def test_a_new_pattern_of_protection_is_another_list(person: Person, shell: Shell) -> None:
    """The picker refuses a choice from a list made before the profile was protected."""
    person.rows()
    seen = person.seen[0]["version"]
    shell.good("%config AwsProfileMagics.protected = ['*Beta']")
    assert person.says("switch", profile="RoleBeta", region=None, list=seen)[-1]["type"] == "error"
    assert person.switches("RoleBeta")["type"] == "confirm"


def test_files_without_profiles(person: Person, aws: EmbeddedAws) -> None:
    """An empty list explains the problem with each file, and names commands that add a profile."""
    aws.config_file.write_text("# nothing yet\n")
    aws.credentials_file.unlink()
    assert person.rows() == []
    html = person.seen[0]["html"]
    assert f"{aws.config_file} has no profiles" in html
    assert f"{aws.credentials_file} doesn&#x27;t exist" in html
    for command in ("aws configure sso", "ipy-awsprofile lab"):
        assert f">{command}</code>" in html
        assert Path(sys.executable).with_name(command.split()[0]).exists()
    aws.write_profile("First", region="us-east-1")
    assert len(person.rows(have=person.seen[0]["version"]) or []) == 1
    assert "html" not in person.seen[0]


def test_a_broken_file_is_read_again_when_the_list_is_opened(
    person: Person, aws: EmbeddedAws
) -> None:
    """The error says to open the list again; once the file is repaired, that shows the list."""
    good = aws.config_file.read_text()
    aws.config_file.write_text("[profile RoleBeta\n")
    assert "then open the list again" in person.says("list", have=0)[-1]["html"]
    aws.config_file.write_text(good)
    assert person.rows() is not None


def test_roles_without_a_profile(aws: EmbeddedAws, person: Person, shell: Shell) -> None:
    """Listed roles without a profile appear in the list, and the user can switch to them."""
    organisation(aws)
    aws.sso.sign_in("corp")
    assert len(person.rows() or []) == 3
    shell.good("%aws_profiles --sso")
    rows = person.rows() or []
    assert [row[:5] for row in rows[3:]] == [
        [f"corp:{account}/{role}", "no profile yet", account, role, name]
        for account, role, name in (
            (PROD, "Admin", "Acme Prod"),
            (TEST, "Reader", "Sandbox"),
            (TWIN, "Reader", "sandbox"),
        )
    ]
    assert person.rows(have=person.picker._conversation.listing.version) is None
    answer = person.switches(f"corp:{TEST}/Reader")
    assert answer["type"] == "done"
    assert person.picker.value == f"corp:{TEST}/Reader"
    shell.good("%aws_profile --save sandbox")
    assert len(person.rows() or []) == 6
