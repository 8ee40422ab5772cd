"""Roles of IAM Identity Center in cells, which list and use them without a profile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.errors import InvalidOption, ProtectedProfile, SignInRequired
from tests.identity_center import PROD, TEST, TWIN, organisation, write_session
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


def test_a_protected_account(shell: Shell, aws: EmbeddedAws) -> None:
    """A pattern protects an account by its name, regardless of how the line names the account."""
    shell.good("%config AwsProfileMagics.protected = ['*prod*']")
    for line in (ADMIN, f"--account {PROD} --role Admin", f"corp:{PROD}/Admin"):
        assert isinstance(shell.refused(f"%aws_profile {line}"), ProtectedProfile)
    assert "protected" in shell.good(f"%aws_profile {ADMIN} --yes").text
    frame = shell.run(f"%%aws_profiles corp:{PROD}/Admin --no-progress\n1")
    assert "is protected" in str(frame.error)


def test_tab(shell: Shell, aws: EmbeddedAws) -> None:
    """Tab offers sign-ins and, once they are listed, their roles by account name or ID."""
    assert shell.completions("%aws_profile cor") == ["corp:"]
    assert shell.completions("%aws_profiles --sso c") == ["corp"]
    assert not any("Admin" in one for one in shell.completions("%aws_profile corp:A"))
    shell.good("%aws_profiles --sso")
    aws.calls.clear()
    roles = ['"corp:Acme Prod/Admin"', '"corp:Acme Prod/Reader"']
    assert shell.completions("%aws_profile corp:acme") == roles
    assert shell.completions('%aws_profile "corp:Acme Prod/A') == roles[:1]
    assert shell.completions(f"%%aws_profiles corp:{TEST[:3]}") == [f"corp:{TEST}/Reader"]
    assert aws.calls == []
    assert shell.good(f"%aws_profile {roles[0]}").text.startswith(f"corp:{PROD}/Admin")


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
