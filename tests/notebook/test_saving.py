"""Saving roles without a profile as profiles, which the AWS CLI can use, too."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.demo.stages.scenario import allow
from tests.identity_center import PROD, TEST, TWIN, organisation
from tests.shells import aws_cli_2

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

ADMIN = f"--account {PROD} --role Admin"
SAVE = '%aws_profiles --sso corp --save "{account_name}-{role}"'
UP_TO_DATE = "are up to date. There is nothing to write."


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    organisation(aws)
    aws.sso.sign_in("corp")


@pytest.mark.slow
def test_one_role(shell: Shell, aws: EmbeddedAws) -> None:
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
    command = [aws_cli_2(), "sts", "get-caller-identity", "--profile", "prod-admin"]
    assert PROD in subprocess.check_output(command, env=aws.environment(), text=True)


def test_the_active_role(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a name, `--save` saves the active role; a role given by its ARN can be saved, too."""
    shell.good(f"%aws_profile corp:{TEST}/Reader")
    assert shell.good("%aws_profile --save sandbox").text.startswith("sandbox")
    arn = next(one.role_arn for one in list_profiles() if one == "RoleBeta")
    ran = shell.good(f"%aws_profile --role-arn {arn} --source-profile UserAlpha --save beta")
    assert ran.text.startswith("beta ← UserAlpha")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (f"%aws_profile {ADMIN} --save prod-reader", "The profile `prod-reader` already exists"),
        ("%aws_profile RoleBeta --save other", "is already a profile"),
        (f"%aws_profile {ADMIN} --save other --mfa", "is for long-term keys"),
        ("%aws_profile --save other", "No profile is active"),
        ('%aws_profiles --sso --save "{name}"', "unknown name `{name}`"),
        ('%aws_profiles --save "{role}"', "--save and --refresh require --sso"),
    ],
)
def test_what_is_refused(shell: Shell, aws: EmbeddedAws, line: str, text: str) -> None:
    """A name that exists, an unsuitable identity or pattern changes nothing."""
    before = aws.config_file.read_text()
    assert text in str(shell.refused(line))
    assert aws.config_file.read_text() == before
    assert "session" not in shell.names


def test_roles_come_and_go(shell: Shell, aws: EmbeddedAws) -> None:
    """`--save` shows the changes, and `--yes` writes them; the rest of the file stays the same."""
    before = aws.config_file.read_text()
    shown = shell.good(SAVE).text
    assert "3 to add. 1 role already has a profile. Add `--yes` to write the changes." in shown
    assert (
        f"+[profile Acme-Prod-Admin]\n+region = us-west-2\n+endpoint_url = {aws.endpoint_url}"
        in shown
    )
    assert aws.config_file.read_text() == before
    assert "3 added." in shell.good(f"{SAVE} --yes").text
    added = ["Acme-Prod-Admin", "Sandbox-Reader", "sandbox-Reader"]
    assert [(one, one.account) for one in list_profiles()[-3:]] == [
        *zip(added, (PROD, TEST, TWIN), strict=True)
    ]
    assert UP_TO_DATE in shell.good(f"{SAVE} --yes").text
    assert shell.good("%aws_profile Sandbox-Reader").text.startswith("Sandbox-Reader")

    saved = aws.config_file.read_text()
    aws.write_profile("below", region="eu-west-1")
    below = aws.config_file.read_text().removeprefix(saved)
    aws.sso.name_account(TEST, "Playground", "t@acme.example")
    aws.sso.assign(TWIN, "Admin", policy=allow("*"))
    aws.sso._assigned.discard(("ann", PROD, "Admin"))
    shown = shell.good(f"{SAVE} --yes").text
    assert "2 added, 2 removed." in shown
    assert "-[profile Acme-Prod-Admin]" in shown
    assert "The active profile `Sandbox-Reader` is removed." in shown
    after = aws.config_file.read_text()
    assert after.startswith(f"{before}\n# >>> ipy_awsprofile: roles of corp\n[profile Playground-R")
    assert after.endswith(f"# <<< ipy_awsprofile: roles of corp\n{below}")
    assert "Admin" not in after.partition("[profile sandbox-Reader]")[0].partition("# >>>")[0]
    assert not {"Acme-Prod-Admin", "Sandbox-Reader"}.intersection(list_profiles())
    assert UP_TO_DATE in shell.good(SAVE).text


def test_names_that_clash(shell: Shell, aws: EmbeddedAws) -> None:
    """Nothing is written if two roles, or a role and another profile, would share a name."""
    before = aws.config_file.read_text()
    aws.sso.name_account(PROD, "prod", "x@acme.example")
    aws.sso.assign(PROD, "reader", policy=allow("*"))
    for pattern in ("{account_name}", "{account_name}-{role}"):
        error = shell.refused(f'%aws_profiles --sso corp --save "{pattern}" --yes')
        assert "because another profile has this name" in str(error)
        assert aws.config_file.read_text() == before


@pytest.mark.parametrize("words", ["", "nothing"])
def test_no_roles(shell: Shell, aws: EmbeddedAws, words: str) -> None:
    """An empty list of roles removes nothing."""
    shell.good(f"{SAVE} --yes")
    before = aws.config_file.read_text()
    if not words:
        aws.sso._assigned.clear()
    error = shell.refused(f"{SAVE.replace('corp', f'corp {words}')} --yes")
    assert "lists no roles" in str(error)
    assert aws.config_file.read_text() == before
