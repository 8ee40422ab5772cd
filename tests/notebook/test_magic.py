"""The magics in a real shell: their input, their output and the notebook's variables."""

from __future__ import annotations

import importlib
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import time_machine

from ipy_awsprofile.errors import SwitchInterrupted
from tests.aws import EmbeddedAws
from tests.shells import Shell

pytestmark = pytest.mark.usefixtures("aws")


def test_switch(shell: Shell) -> None:
    """One line adds a session of the profile to the notebook, and shows its identity.

    The magic without arguments shows the identity again, with the variable that has the session.
    """
    first = shell.good("%aws_profile RoleBeta --session-name me-at-work")
    assert first.text.startswith("RoleBeta ← UserAlpha  (1 hour left)")
    assert re.search(
        r"expires +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, renews automatically", first.text
    )
    assert "ipy-awsprofile-card" in first.html
    assert isinstance(shell.names["session"], boto3.Session)
    again = shell.good("%aws_profile")
    assert "RoleBeta/me-at-work" in again.text
    assert again.text.splitlines()[1:] == first.text.splitlines()[1:]
    assert "variable" in again.text


def test_deleted_variable(shell: Shell, aws: EmbeddedAws) -> None:
    """After `del session`, the card has the line that brings the session back."""
    card = shell.good("%aws_profile UserAlpha --region eu-west-1\ndel session\n%aws_profile").text
    (line,) = re.findall(
        "variable  `session` isn't the session anymore: `(.*)` sets it again", card
    )
    shell.good(line)
    assert shell.names["session"].region_name == "eu-west-1"


def test_quiet(shell: Shell, aws: EmbeddedAws) -> None:
    """With `--quiet` or its setting, a switch shows a card only if it has a warning."""
    assert shell.good("%aws_profile RoleBeta --quiet").text == ""
    assert "RoleBeta" in shell.good("%aws_profile").text
    shell.good("%config AwsProfileMagics.quiet = True")
    loop = "for name in ('UserAlpha', 'RoleBeta'):\n    %aws_profile {name}"
    assert shell.good(f"{loop}\ns3 = session.client('s3')").text == ""
    assert "RoleBeta" in shell.good("%aws_profile").text
    value = shell.good("%%aws_profile RoleBeta\n1").text
    assert re.fullmatch(r"Out\[\d\]: 1", value)  # IPython 8.24 to 9.7 count from 1
    assert "`s3` still signs as RoleBeta" in shell.good("%aws_profile UserAlpha").text


def test_pandas_without_s3fs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the error of pandas for an S3 path, a line names the extra, and no line otherwise."""
    shell.good("%aws_profile RoleBeta")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    registry: Any = importlib.import_module("fsspec.registry")
    monkeypatch.delitem(registry._registry, "s3", raising=False)  # noqa: SLF001
    ran = shell.run("import pandas as pd; pd.read_csv('s3://bucket/key.csv')")
    assert str(ran.error) == "Install s3fs to access S3"
    assert ran.text.count('run `%pip install "ipy-awsprofile[s3fs]"`, then restart the kernel') == 1
    assert "%pip" not in shell.run("import no_such_module").text


def test_region_from_a_variable(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a variable takes the place of the profile's Region, the card names it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert (
        "region    eu-west-1, from AWS_DEFAULT_REGION" in shell.good("%aws_profile RoleBeta").text
    )
    assert "us-east-1\n" in shell.good("%aws_profile RoleBeta --region us-east-1").text


def test_a_variable_of_the_user(shell: Shell) -> None:
    """The card of the switch that replaces `session` names two ways to get it back, and both work.

    At the end of a cell, it returns by itself.
    """
    shell.good("session = mine = object()")
    card = shell.good("%aws_profile RoleBeta").text
    (line,) = re.findall("^  (`session` held a value of type object: .*)$", card, re.M)
    assert "held" not in shell.good("%aws_profile\n%aws_profile UserAlpha").text
    _, off, option = re.findall("`([^`]+)`", line)
    for way in (off, f"%aws_profile RoleBeta {option}"):
        shell.good(f"%aws_profile RoleBeta\n{way}")
        assert shell.names["session"] is shell.names["mine"]
    shell.good("%aws_profile --off")
    assert "after the cell" in shell.good("%%aws_profile RoleBeta\n1").text
    assert shell.names["session"] is shell.names["mine"]
    assert "held" not in shell.good("import boto3; session = boto3.Session()\n%aws_profile").text
    assert "held" not in shell.good("%aws_profile RoleBeta").text


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("", ["UserAlpha", "RoleBeta"]),
        ("Role", ["RoleBeta"]),
        ("useralpha role", ["RoleBeta"]),
        ("User*", ["UserAlpha"]),
        ("nothing", []),
    ],
)
def test_profiles(shell: Shell, aws: EmbeddedAws, line: str, rows: list[str]) -> None:
    """`%aws_profiles` lists the profiles that match a pattern, without calling AWS."""
    ran = shell.good(f"%aws_profiles {line}")
    table = ran.text.partition("MFA")[2]
    assert [row.split()[0] for row in table.splitlines()[1:]] == rows
    assert "ipy-awsprofile-card" in ran.html
    assert aws.calls == []


def interrupted(*_values: object, **_options: object) -> str:
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


def test_interruption_after_the_switch(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the card is being made says that the switch is complete."""
    with monkeypatch.context() as patch:
        patch.setattr("ipy_awsprofile.cards.cards.active_identity_card", interrupted)
        error = shell.refused("%aws_profile RoleBeta")
    assert isinstance(error, SwitchInterrupted)
    assert "The switch was already complete." in f"{error} {error.hint}"
    assert shell.good("%aws_profile").text.startswith("RoleBeta")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "its default credentials"),
        ({"AWS_PROFILE": "dev"}, "AWS_PROFILE=dev"),
        (
            {"AWS_PROFILE": "gone"},
            "AWS_PROFILE=gone, but this profile doesn't exist, and calls to AWS fail",
        ),
        ({"AWS_PROFILE": "dev", "AWS_ACCESS_KEY_ID": "key"}, "the keys in the environment"),
    ],
)
def test_no_identity(
    shell: Shell,
    shared_files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    words: str,
) -> None:
    """Without a switch, the card says which credentials boto3 uses, in botocore's order."""
    shared_files[0].write_text("[profile dev]\nregion = us-west-2\n")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert f"boto3 uses {words}." in shell.good("%aws_profile").text


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
    assert "the endpoint in the profile's `endpoint_url`" in card
