"""The magics in a real shell: their input, their output and the notebook's variables."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
import time_machine

from ipy_awsprofile.errors import (
    MfaUnavailable,
    ProfileNotFound,
    ProtectedProfile,
    SwitchInterrupted,
)
from tests.mfa_role import answer_with_codes

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

pytestmark = pytest.mark.usefixtures("aws")


def test_switch(shell: Shell) -> None:
    """One line adds a session of the profile to the notebook, and shows its identity."""
    ran = shell.good("%aws_profile RoleBeta")
    assert ran.text.startswith("RoleBeta ← UserAlpha  (1 hour left)")
    assert re.search(r"expires +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, renews by itself", ran.text)
    assert "ipy-awsprofile-card" in ran.html
    assert isinstance(shell.names["session"], boto3.Session)


def test_shows_the_active_identity(shell: Shell) -> None:
    """The magic without arguments shows the active identity again."""
    first = shell.good("%aws_profile RoleBeta --session-name me-at-work")
    again = shell.good("%aws_profile")
    assert "RoleBeta/me-at-work" in again.text
    assert again.text.splitlines()[1:] == first.text.splitlines()[1:]


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ("--region eu-west-1", r"region +eu-west-1"),
        ("--session-name me-at-work", r"ARN .*/me-at-work"),
        ("--as beta", r"variable +beta"),
        ("--duration 30m", r"\(30 minutes left"),
    ],
)
def test_options(shell: Shell, options: str, row: str) -> None:
    """The card shows the effect of each option."""
    assert re.search(row, shell.good(f"%aws_profile {options} RoleBeta").text)


def test_refresh(shell: Shell, aws: EmbeddedAws) -> None:
    """`--refresh` makes one AssumeRole call, and gets new credentials."""
    shell.good("%aws_profile RoleBeta --as beta")
    before = shell.names["beta"].get_credentials().access_key
    aws.calls.clear()
    assert "variable  beta" in shell.good("%aws_profile --refresh").text
    assert shell.names["beta"].get_credentials().access_key != before
    assert [call.action for call in aws.calls] == ["sts:AssumeRole"]


def test_off(shell: Shell) -> None:
    """`--off` undoes every switch, and says if there is none to undo."""
    shell.good("session = 'mine'")
    shell.good("%aws_profile RoleBeta")
    shell.good("%aws_profile UserAlpha --as other")
    assert "The switch is undone" in shell.good("%aws_profile --off").text
    assert shell.names["session"] == "mine"
    assert "other" not in shell.names
    assert "There is no switch to undo" in shell.good("%aws_profile --off").text


def test_error_leaves_the_identity(shell: Shell) -> None:
    """After a failed switch, the session and the card are the same as before."""
    before = shell.good("%aws_profile RoleBeta")
    session = shell.names["session"]
    error = shell.refused("%aws_profile RoleBet --as other")
    assert isinstance(error, ProfileNotFound)
    assert error.hint == "Did you mean `RoleBeta`?"
    assert shell.names["session"] is session
    assert "other" not in shell.names
    after = shell.good("%aws_profile")
    assert after.text.splitlines()[1:] == before.text.splitlines()[1:]


def test_names_from_variables(shell: Shell) -> None:
    """Python variables expand in the line, as in every magic."""
    shell.good("name = 'RoleBeta'; where = 'eu-west-1'")
    text = shell.good("%aws_profile $name --region {where}").text
    assert text.startswith("RoleBeta")
    assert re.search(r"region +eu-west-1", text)


def test_magic_in_a_loop(shell: Shell) -> None:
    """The magic works inside a block."""
    ran = shell.good("for name in ['UserAlpha', 'RoleBeta']:\n    %aws_profile $name")
    assert [data["text/plain"].split()[0] for data in ran.displayed] == ["UserAlpha", "RoleBeta"]


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("", ["UserAlpha", "RoleBeta"]),
        ("Role", ["RoleBeta"]),
        ("useralpha role", ["RoleBeta"]),
        ("'UserAlpha'", ["UserAlpha", "RoleBeta"]),
        ("User*", ["UserAlpha"]),
        ("nothing", []),
    ],
)
def test_profiles(shell: Shell, aws: EmbeddedAws, line: str, rows: list[str]) -> None:
    """`%aws_profiles` lists the profiles that match a pattern, without calling AWS."""
    ran = shell.good(f"%aws_profiles {line}")
    assert [row.split()[0] for row in ran.text.splitlines()[2:]] == rows
    assert "ipy-awsprofile-card" in ran.html
    assert aws.calls == []


def test_without_profiles(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without profiles, the card says which files were read, and what to run."""
    aws.config_file.write_text("# nothing yet\n")
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE")
    monkeypatch.setenv("HOME", str(aws.home / "new"))
    hint = shell.refused("%aws_profile RoleBeta").hint
    (line,) = re.findall("`(.+)`", hint)
    for pattern in ("", " prod"):
        text = shell.good(line + pattern).text
        assert text.startswith("There are no AWS profiles yet")
        assert f"{aws.config_file} has no profiles" in text
        assert f"{aws.home}/new/.aws/credentials doesn't exist" in text
        assert "`aws configure sso`" in text
        assert "then run the cell again" in text


def test_protected_profiles(shell: Shell) -> None:
    """A switch to a profile that matches the pattern needs `--yes`, until `%config` changes it."""
    shell.good("%config AwsProfileMagics.protected = ['*beta']")
    error = shell.refused("%aws_profile RoleBeta")
    assert isinstance(error, ProtectedProfile)
    assert "--yes" in error.hint
    assert "UserAlpha  (protected, " in shell.good("%aws_profile RoleBeta --yes").text
    shell.good("%aws_profile --refresh")
    shell.good("%aws_profile UserAlpha")
    assert "(protected, " in shell.good("%%aws_profile RoleBeta --yes\npass").text
    shell.good("%config AwsProfileMagics.protected = []")
    shell.good("%aws_profile RoleBeta")


def test_interruption(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at the MFA prompt stops the switch with an error, and the identity stays active."""
    aws.write_profile(
        "WithMfa",
        role_arn="arn:aws:iam::123456789012:role/RoleBeta",
        source_profile="UserAlpha",
        mfa_serial="arn:aws:iam::231179739868:mfa/device",
        region="us-west-2",
    )

    def interrupted(question: str) -> str:
        raise KeyboardInterrupt

    shell.good("%aws_profile UserAlpha")
    session = shell.names["session"]
    monkeypatch.setattr("getpass.getpass", interrupted)
    error = shell.refused("%aws_profile WithMfa")
    assert isinstance(error, SwitchInterrupted)
    assert shell.names["session"] is session
    assert shell.good("%aws_profile").text.startswith("UserAlpha")


def test_variable_is_shown_while_it_holds_the_session(shell: Shell) -> None:
    """The card doesn't name the variable after the user assigns something else to it."""
    assert "variable" in shell.good("%aws_profile RoleBeta").text
    assert "variable" not in shell.good("session = 3\n%aws_profile").text


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "its default credentials"),
        ({"AWS_PROFILE": "dev"}, "AWS_PROFILE=dev"),
        ({"AWS_PROFILE": "dev", "AWS_DEFAULT_PROFILE": "old"}, "AWS_DEFAULT_PROFILE=old"),
        ({"AWS_PROFILE": "dev", "AWS_ACCESS_KEY_ID": "key"}, "the keys in the environment"),
    ],
)
def test_no_identity(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    """Without a switch, the card says which credentials boto3 uses, in botocore's order."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert f"boto3 uses {words}." in shell.good("%aws_profile").text


@pytest.mark.slow
def test_without_a_connection(
    aws: EmbeddedAws, shell: Shell, shared_files: tuple[Path, Path]
) -> None:
    """Offline, the card shows the last identity, the reason, and what to do."""
    files = [aws.config_file, aws.credentials_file]  # the embedded AWS deletes them when it stops
    for copy, file in zip(shared_files, files, strict=True):
        copy.write_text(file.read_text())
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        shell.good("%aws_profile RoleBeta")
        aws.stop()
        clock.shift(timedelta(minutes=120))
        card = " ".join(shell.good("%aws_profile").text.split())
    assert "RoleBeta ← UserAlpha (expired) account" in card
    assert "The session couldn't be renewed: AWS can't be reached for `RoleBeta`:" in card
    assert "Check the network" in card


def test_renewal_with_a_code(
    aws: EmbeddedAws, auditor: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card says that a renewal needs an MFA code; if the code is missing, the magic fails."""
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        with monkeypatch.context() as attended:
            answer_with_codes(aws, auditor, attended)
            assert "renews with an MFA code" in shell.good("%aws_profile Auditor").text
        clock.shift(timedelta(hours=2))
        assert isinstance(shell.refused("%aws_profile"), MfaUnavailable)
