"""Roles of IAM Identity Center in cells, which list and use them without a profile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile import across_profiles, list_assigned_roles, who_am_i
from ipy_awsprofile.errors import InvalidOption, ProtectedProfile, SignInRequired
from ipy_awsprofile.notebook import completion
from tests.identity_center import PROD, TEST, TWIN, organisation, sign_in_by_aws_cli, write_session
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

ADMIN = '--account "Acme Prod" --role Admin'


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    organisation(aws)
    aws.sso.sign_in("corp")


def test_the_list(shell: Shell, aws: EmbeddedAws) -> None:
    """Each role is a row with its profile, if there is one; a pattern filters the rows."""
    ran = shell.good("%aws_profiles --sso")
    assert ran.text.splitlines()[0] == "4 roles in 3 accounts"
    assert f"Acme Prod     {PROD}  Reader  acme.example   prod-reader" in ran.text
    kept = next(Path("~/.cache/ipy_awsprofile").expanduser().iterdir())
    seen = ran.text + ran.html + kept.read_text()
    assert [secret for secret in aws.secrets() if secret in seen] == []
    for line in ("--sso corp sandbox", "--sso prod-reader sandbox", "--sso sandbox"):
        ran = shell.good(f"%aws_profiles {line}")
        assert ran.text.startswith("2 roles in 2 accounts for “sandbox” (listed at ")
    aws.calls.clear()
    shell.good("%aws_profiles --sso corp sandbox reader")
    assert aws.calls == []


def test_odd_account_names(shell: Shell, aws: EmbeddedAws) -> None:
    """An account's name can't add lines to the table, or control characters to the output."""
    aws.sso.name_account(PROD, "Acme\n5 roles in 1 account\r\x1b[2J\u2028x", "a@acme.example")
    ran = shell.good("%aws_profiles --sso")
    lines = ran.text.splitlines()
    assert len(lines) == 2 + 4
    assert sum("5 roles in 1 account" in line for line in lines) == 2
    ran = shell.good(f"%aws_profile --account {PROD} --role Reader")
    shown = ran.text + ran.html + shell.good("%aws_profile").text
    assert not {"\x1b", "\r", "\u2028"} & set(shown)


def test_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """The session, the default session and child processes use the role, and `--off` undoes it."""
    ran = shell.good(f"%aws_profile {ADMIN} --region eu-west-1 --as admin")
    assert ran.text.startswith(f"corp:{PROD}/Admin")
    assert f"{PROD} (Acme Prod)" in ran.text
    assert shell.names["admin"].region_name == "eu-west-1"
    who = shell.good("import boto3; boto3.client('sts').get_caller_identity()['Account']")
    assert who.result == PROD
    child = json.loads(run_aws_cli("sts", "get-caller-identity", "--output", "json").stdout)
    assert child["Account"] == PROD
    assert "AWSReservedSSO_Admin" in child["Arn"]
    assert os.environ["AWS_PROFILE"] == f"corp-{PROD}-Admin-in-kernel"
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == PROD
    shell.good("%aws_profile --refresh")
    shell.good("%aws_profile --off")
    assert "AWS_PROFILE" not in os.environ
    assert "admin" not in shell.names


def test_its_name_is_enough(shell: Shell) -> None:
    """The role's name on the card works like a profile's name: to switch, run cells and explain."""
    shell.good(f"%aws_profile corp:{TEST}/Reader")
    ran = shell.good(f"%%aws_profile {ADMIN}\n%aws_profile")
    assert ran.text.startswith(f"corp:{PROD}/Admin")
    assert shell.good("%aws_profile").text.startswith(f"corp:{TEST}/Reader")
    explained = shell.good(f"%aws_profile --explain corp:{PROD}/Admin").text
    assert "sso_role_name" in explained
    assert "isn't" not in explained
    assert shell.good("%aws_profile --explain").text.startswith(f"corp:{TEST}/Reader")


def test_a_cell_for_many_roles(shell: Shell) -> None:
    """A cell runs for each matching role, with its record as ``profile``."""
    cell = "{'own': profile.account, 'arn': session.client('sts').get_caller_identity()['Arn']}"
    frame = shell.good(f"%%aws_profiles --sso corp sandbox --no-progress\n{cell}").result
    assert list(frame["profile"]) == [f"corp:{TEST}/Reader", f"corp:{TWIN}/Reader"]
    assert list(frame["account"]) == list(frame["own"]) == [TEST, TWIN]
    assert all(frame["arn"].str.contains("AWSReservedSSO_Reader"))
    assert isinstance(shell.refused("%%aws_profiles --sso nobody\n1"), InvalidOption)


def test_a_function_for_many_roles(aws: EmbeddedAws) -> None:
    """`across_profiles` accepts the listed roles, or their names together with profile names."""
    roles = list_assigned_roles(pattern="sandbox")
    frame = across_profiles(roles, lambda session: who_am_i(session).account, progress=False)
    assert list(zip(frame["profile"], frame["value"], strict=True)) == [
        (f"corp:{TEST}/Reader", TEST),
        (f"corp:{TWIN}/Reader", TWIN),
    ]
    names = ["prod-reader", f"corp:{PROD}/Admin"]
    frame = across_profiles(names, lambda session: who_am_i(session).account, progress=False)
    assert list(frame["value"]) == [PROD, PROD]


@pytest.mark.slow
def test_the_sign_in_of_the_aws_cli(shell: Shell, aws: EmbeddedAws) -> None:
    """After a sign-in with version 2 of the AWS CLI, the roles can be listed and used."""
    for file in (aws.home / ".aws" / "sso" / "cache").iterdir():
        file.unlink()
    sign_in_by_aws_cli(aws)
    assert "4 roles in 3 accounts" in shell.good("%aws_profiles --sso").text
    assert PROD in shell.good(f"%aws_profile {ADMIN}").text


def test_a_protected_account(shell: Shell, aws: EmbeddedAws) -> None:
    """A pattern protects an account by its name, regardless of how the line names the account."""
    shell.good("%config AwsProfileMagics.protected = ['*prod*']")
    for line in (ADMIN, f"--account {PROD} --role Admin", f"corp:{PROD}/Admin"):
        assert isinstance(shell.refused(f"%aws_profile {line}"), ProtectedProfile)
    assert "protected" in shell.good(f"%aws_profile {ADMIN} --yes").text
    frame = shell.run(f"%%aws_profiles corp:{PROD}/Admin --no-progress\n1")
    assert "is protected" in str(frame.error)


@pytest.mark.slow
def test_tab(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tab offers the accounts, the roles of the account, and the sign-ins."""
    monkeypatch.setattr(completion, "_PATIENCE", 60.0)  # for a busy machine
    assert shell.completions("%aws_profile --account ") == [
        *('"Acme Prod"', "Sandbox", "sandbox", PROD, TEST, TWIN)
    ]
    assert shell.completions('%aws_profile --account "ac') == ['"Acme Prod"']
    assert shell.completions('%aws_profile --account "Acme Prod" --role ') == ["Admin", "Reader"]
    assert shell.completions(f"%aws_profile --account {TEST} --role R") == ["Reader"]
    assert "Admin" not in shell.completions("%aws_profile --role ")
    assert shell.completions("%aws_profile --sso ") == ["corp"]
    assert shell.completions("%aws_profiles --sso c") == ["corp"]
    aws.calls.clear()
    assert shell.completions('%aws_profile --account "ac') == ['"Acme Prod"']
    assert aws.calls == []
    for folder in (".aws/sso/cache", ".cache/ipy_awsprofile"):
        next((aws.home / folder).iterdir()).unlink()
    assert "Sandbox" not in shell.completions("%aws_profile --account ")


@pytest.mark.slow
def test_tab_after_a_sign_in(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tab completes a sign-in, then the account by name or ID, then its roles."""
    monkeypatch.setattr(completion, "_PATIENCE", 60.0)  # for a busy machine
    assert shell.completions("%aws_profile cor") == ["corp:"]
    assert shell.completions("%aws_profile corp:s") == ["corp:Sandbox/", "corp:sandbox/"]
    assert shell.completions("%aws_profile corp:Acme") == ['"corp:Acme Prod/']
    role = shell.completions('%aws_profile "corp:Acme Prod/A')
    assert role == ['"corp:Acme Prod/Admin"']
    assert shell.good(f"%aws_profile {role[0]}").text.startswith(f"corp:{PROD}/Admin")
    assert shell.completions(f"%%aws_profiles corp:{TEST[:3]}") == [f"corp:{TEST}/"]
    assert shell.completions(f"%aws_profile --source-profile corp:{TEST}/") == [
        f"corp:{TEST}/Reader"
    ]
    assert f"corp:{TEST}/Reader" not in shell.completions("%aws_profile corp:nobody/")


@pytest.mark.parametrize(
    "line", ["--account 111111111111", "--role X", "RoleBeta --account 1 --role X", "--sso corp"]
)
def test_options_that_belong_together(shell: Shell, line: str) -> None:
    """`--account` and `--role` must be used together, and without another name."""
    assert "--account and --role together" in str(shell.refused(f"%aws_profile {line}"))


def test_without_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """If no one can sign in, the error says how to, and nothing changes."""
    write_session(aws, "other")
    error = shell.refused("%aws_profiles --sso other")
    assert isinstance(error, SignInRequired)
    assert "aws sso login --sso-session other" in error.hint
    error = shell.refused('%aws_profile --account "Acme Prod" --role Admin --sso other')
    assert isinstance(error, SignInRequired)
    assert isinstance(shell.refused("%aws_profile --sso other --login"), SignInRequired)
    assert "session" not in shell.names
