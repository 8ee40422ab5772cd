"""An explanation predicts what botocore does, and only reads files."""

from __future__ import annotations

import builtins
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.errors import ConfigFileError
from ipy_awsprofile.explain.explain import explain
from tests.explain.cases import CASES, Case
from tests.explain.profiles import KEYS, LEGACY, MODERN, ROLE, write

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.explain.profiles import Files
    from tests.shells import Shell


@pytest.mark.slow
def test_only_reads(shared_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Explaining any kind of profile opens no socket, runs no process and writes no file."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("An explanation only reads.")

    def reading_only(file: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
        assert not set(mode) & set("wax+")
        return really_open(file, mode, *more, **options)

    cases = [case for case in CASES.values() if case.config or case.credentials]
    really_open = builtins.open
    for case in [*cases, Case(MODERN), Case(LEGACY), Case("[profile p]\ncredential_process = ls")]:
        write(shared_files, case.config, case.credentials)
        with monkeypatch.context() as patched:
            patched.setattr(socket, "socket", forbidden)
            patched.setattr(subprocess, "Popen", forbidden)
            patched.setattr(os, "system", forbidden)
            patched.setattr(builtins, "open", reading_only)
            before = sorted(tmp_path.rglob("*"))
            explain(SessionRequest(profile="p"))
            explain()
            assert sorted(tmp_path.rglob("*")) == before


def test_unreadable_files(shared_files: Files) -> None:
    """A file that can't be parsed raises an error."""
    write(shared_files, "nonsense")
    with pytest.raises(ConfigFileError):
        explain(SessionRequest(profile="p"))


def test_after_a_switch(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a switch, explanations still use the user's own environment."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    before = explain()
    shell.good("%aws_profile RoleBeta")
    assert explain() == before


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("--explain RoleBeta", "RoleBeta  ("),
        ("RoleBeta --explain", "RoleBeta  ("),
        ("--explain Nobody", "Nobody  (1 problem)"),
        ("--explain", "default  (1 problem)"),
    ],
)
def test_magic(shell: Shell, aws: EmbeddedAws, line: str, title: str) -> None:
    """`%aws_profile --explain` shows a card without calling AWS."""
    ran = shell.good(f"%aws_profile {line}")
    assert ran.text.startswith(title)
    assert "ipy-awsprofile-card" in ran.html
    assert aws.calls == []
    assert "session" not in shell.names


def test_magic_without_default_credentials(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a name or default credentials, the card shows how to explain a profile."""
    text = shell.good("%aws_profile --explain").text
    command = text.partition("Name a profile: `")[2].partition("`")[0]
    assert shell.good(command.replace("NAME", "UserAlpha")).text.startswith("UserAlpha  (")


def test_magic_explains_the_active_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a name, `--explain` covers the active profile and its cached session."""
    shell.good("%aws_profile RoleBeta")
    text = shell.good("%aws_profile --explain").text
    assert text.startswith("RoleBeta  (no problems found)")
    assert "The AWS CLI's cache has a session that is valid until" in text


def test_magic_explains_the_region_of_the_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """In the explanation, the Region of the switch takes precedence over the file."""
    shell.good("%aws_profile RoleBeta --region eu-north-1")
    lines = shell.good("%aws_profile --explain").text.splitlines()
    regions = [line.split() for line in lines if line.split()[:1] == ["region"]]
    assert ["region", "eu-north-1", "--region"] in regions
    assert any("--region takes precedence" in " ".join(words) for words in regions)


def test_magic_explains_the_options_of_the_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """Options of the active switch replace settings in the explanation, even invalid ones."""
    text = aws.config_file.read_text()
    wrong = "role_session_name = a\nduration_seconds = 7\n"
    aws.config_file.write_text(text.replace("[profile RoleBeta]\n", f"[profile RoleBeta]\n{wrong}"))
    assert "problems)" in shell.good("%aws_profile --explain RoleBeta").text
    shell.good("%aws_profile RoleBeta --session-name me --duration 30m --read-only")
    text = shell.good("%aws_profile --explain").text
    assert text.startswith("RoleBeta  (no problems found)")
    assert "has a session that is valid until" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["role_session_name", "me", "--session-name"] in lines
    assert ["duration_seconds", "1800", "--duration"] in lines


def test_magic_explains_a_role_without_a_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """A role given by its ARN is explained with its source profile and options."""
    shell.good(f"%aws_profile --role-arn {ROLE} --source-profile UserAlpha --region us-west-2")
    text = shell.good("%aws_profile --explain").text
    assert text.startswith(ROLE)
    assert f"{ROLE} (assume role: RoleBeta in 123456789012) ← UserAlpha" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["role_arn", ROLE, "--role-arn"] in lines
    assert ["source_profile", "UserAlpha", "--source-profile"] in lines


def test_a_role_without_a_profile(shared_files: Files) -> None:
    """A role without a profile is checked like one, and inherited settings show their place."""
    write(shared_files, f"[profile u]\n{KEYS}\nca_bundle = /nowhere\n")
    told = explain(SessionRequest(role_arn="arn:aws:iam::12:role/x", source_profile="u"))
    problems = {problem.says: problem.fix for problem in told.problems}
    assert (
        "arn:aws:iam::123456789012:role/NAME"
        in problems["`arn:aws:iam::12:role/x` isn't a role ARN."]
    )
    assert (
        problems["`arn:aws:iam::12:role/x` has no Region."] == "Switch with `--region us-east-1`."
    )
    assert [one.where for one in told.steps[-1].settings if one.name == "ca_bundle"] == ["config:4"]


@pytest.mark.parametrize(
    "line",
    [
        "--explain --off",
        "--explain --refresh",
        "--explain --pick",
        "--explain --login",
        "RoleBeta --explain --region us-west-2",
        "RoleBeta --explain --cell",
        "--explain --yes RoleBeta",
        "--explain --role-arn arn:aws:iam::1:role/x --duration 15m",
    ],
)
def test_magic_refuses(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """`--explain` can only be combined with a profile's name."""
    shell.refused(f"%aws_profile {line}")
