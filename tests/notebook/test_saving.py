"""Saving a role without a profile as a profile, which the AWS CLI can use, too."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.demo.stages.scenario import allow
from ipy_awsprofile.errors import AccessDenied, ConfigFileError, InvalidOption, ProtectedProfile
from tests.identity_center import PROD, TEST, TWIN, organisation
from tests.shells import aws_cli_2

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

ADMIN = f"--account {PROD} --role Admin"


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    organisation(aws)
    aws.sso.sign_in("corp")


@pytest.mark.slow
def test_kept(shell: Shell, aws: EmbeddedAws) -> None:
    """The new profile is appended and active, and version 2 of the AWS CLI can use it."""
    before = aws.config_file.read_text()
    ran = shell.good(f"%aws_profile {ADMIN} --save prod-admin --as admin --region eu-west-1")
    assert ran.text.startswith("prod-admin")
    assert (os.environ["AWS_PROFILE"], shell.names["admin"].profile_name) == ("prod-admin",) * 2
    after = aws.config_file.read_text()
    assert after.startswith(before)
    assert after.removeprefix(before).splitlines() == [
        "",
        "[profile prod-admin]",
        "region = eu-west-1",
        f"endpoint_url = {aws.endpoint_url}",
        "sso_session = corp",
        f"sso_account_id = {PROD}",
        "sso_role_name = Admin",
    ]
    assert json.loads(who_by_cli_2(aws, "prod-admin"))["Account"] == PROD


def who_by_cli_2(aws: EmbeddedAws, profile: str) -> str:
    """Return the identity of a profile, as version 2 of the AWS CLI reports it."""
    done = subprocess.run(
        [aws_cli_2(), "sts", "get-caller-identity", "--profile", profile],
        env=aws.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.slow
def test_kept_without_an_sso_session(shell: Shell, aws: EmbeddedAws) -> None:
    """If the sign-in has no section, the new profile gets its start URL; the AWS CLI can use it."""
    aws.write_profile(
        "Legacy",
        sso_start_url=aws.sso.start_url,
        sso_region="us-east-1",
        sso_account_id=PROD,
        sso_role_name="Reader",
        region="us-west-2",
    )
    aws.sso.sign_in()
    assert shell.good("%aws_profile --account sandbox --role Reader --sso Legacy --save twin")
    assert f"sso_start_url = {aws.sso.start_url}" in aws.config_file.read_text().split("twin]")[1]
    assert json.loads(who_by_cli_2(aws, "twin"))["Account"] == TWIN


def test_the_active_role(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a name, `--save` saves the active role; a role given by its ARN can be saved, too."""
    shell.good(f"%aws_profile corp:{TEST}/Reader")
    assert shell.good("%aws_profile --save sandbox").text.startswith("sandbox")
    role = "arn:aws:iam::231179739868:role/RoleBeta"
    arn = next(one.role_arn for one in list_profiles() if one == "RoleBeta") or role
    ran = shell.good(f"%aws_profile --role-arn {arn} --source-profile UserAlpha --save beta")
    assert ran.text.startswith("beta ← UserAlpha")


@pytest.mark.parametrize(
    ("line", "error", "text"),
    [
        (f"{ADMIN} --save prod-reader", InvalidOption, "The profile `prod-reader` already exists"),
        (f"{ADMIN} --save x]", InvalidOption, "can't be the name"),
        ("RoleBeta --save other", InvalidOption, "is already a profile"),
        (f"{ADMIN} --save other --mfa", InvalidOption, "can't contain"),
        (f"{ADMIN} --save other --explain", InvalidOption, "can't be combined"),
        (f"--account {TEST} --role Admin --save other", AccessDenied, "isn't assigned"),
        ("--save other", InvalidOption, "No profile is active"),
    ],
)
def test_what_is_refused(
    shell: Shell, aws: EmbeddedAws, line: str, error: type[Exception], text: str
) -> None:
    """An existing name, an unsuitable identity or a role that fails changes nothing."""
    before = aws.config_file.read_text()
    refused = shell.refused(f"%aws_profile {line}")
    assert isinstance(refused, error)
    assert text in str(refused)
    assert aws.config_file.read_text() == before
    assert "session" not in shell.names


def test_a_file_that_cannot_be_written(shell: Shell, aws: EmbeddedAws) -> None:
    """If the config file can't be written, the identity stays; protected accounts need `--yes`."""
    shell.good(f"%aws_profile {ADMIN}")  # so that only the config file remains to be written
    shell.good("%aws_profile RoleBeta")
    shell.good("%config AwsProfileMagics.protected = ['acme*']")
    assert isinstance(shell.refused(f"%aws_profile {ADMIN} --save x"), ProtectedProfile)
    config = aws.config_file.read_text()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        error = shell.refused(f"%aws_profile {ADMIN} --save x --yes")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(error, ConfigFileError)
    assert str(error).endswith("The file can't be written: File too large.")
    assert aws.config_file.read_text() == config
    assert shell.good("%aws_profile").text.startswith("RoleBeta")


def test_all_roles(shell: Shell, aws: EmbeddedAws) -> None:
    """Without `--yes`, the magic shows what it would write; with it, each role gets a profile."""
    before = aws.config_file.read_text()
    save = '%aws_profiles --sso corp --save "{account_name}-{role}"'
    error = shell.refused(save.replace("{account_name}", "x"))
    assert isinstance(error, InvalidOption)
    assert "Two of the new profiles" in str(error)
    shown = shell.good(save).text
    assert shown.startswith("3 new profiles would be written to")
    assert "(1 role already has a profile)" in shown
    assert f"Acme-Prod-Admin  {PROD}  Admin" in shown
    assert aws.config_file.read_text() == before
    assert "Wrote 3 new profiles to" in shell.good(f"{save} --yes").text
    assert list_profiles()[-3:] == ["Acme-Prod-Admin", "Sandbox-Reader", "sandbox-Reader"]
    assert [one.account for one in list_profiles()[-3:]] == [PROD, TEST, TWIN]
    assert shell.good("%aws_profile sandbox-Reader").text.startswith("sandbox-Reader")
    assert "0 new profiles would be" in shell.good(save).text


@pytest.mark.parametrize(
    "line", ["--sso --save x", '--sso --save "{name}"', '--save "{role}"', "--sso --yes"]
)
def test_patterns_that_are_refused(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """A pattern requires known placeholders, and the roles of a sign-in."""
    assert isinstance(shell.refused(f"%aws_profiles {line}"), InvalidOption)


@pytest.mark.parametrize("pattern", ["{account_name}", "{role}", "de{account_name}"])
def test_no_profile_becomes_the_default(shell: Shell, aws: EmbeddedAws, pattern: str) -> None:
    """A pattern never writes [default], which all tools use; the suggested pattern works."""
    aws.sso.name_account(PROD, "fault" if pattern.startswith("de{") else "default", "a@b.example")
    aws.sso.assign(PROD, "default", policy=allow("*"))
    before = aws.config_file.read_text()
    error = shell.refused(f'%aws_profiles --sso corp --yes --save "{pattern}"')
    assert "would become the profile `default`" in str(error)
    assert aws.config_file.read_text() == before
    assert "such as `{account_name}-{role}`" in error.hint
    shell.good('%aws_profiles --sso corp --yes --save "{account_name}-{role}"')
    assert "[profile" in aws.config_file.read_text().removeprefix(before)
