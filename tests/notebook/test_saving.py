"""Saving roles without a profile as profiles, which the AWS CLI can use, too."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.demo.stages.scenario import allow
from ipy_awsprofile.errors import AccessDenied, InvalidOption
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


def unassign(aws: EmbeddedAws, account: str, role: str) -> None:
    """Take a role away from the user."""
    aws.sso._assigned.discard(("ann", account, role))


def cli_2(aws: EmbeddedAws, *arguments: str) -> str:
    """Return what version 2 of the AWS CLI prints."""
    command, environment = [aws_cli_2(), *arguments], aws.environment()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def account_by_cli_2(aws: EmbeddedAws, profile: str) -> str:
    """Return the account of a profile, as version 2 of the AWS CLI reports it."""
    identity = cli_2(aws, "sts", "get-caller-identity", "--profile", profile, "--output", "json")
    return str(json.loads(identity)["Account"])


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
    assert account_by_cli_2(aws, "prod-admin") == PROD
    shell.good(f"{SAVE} --yes")
    assert set(list_profiles()) <= set(cli_2(aws, "configure", "list-profiles").splitlines())


def test_the_active_role(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a name, `--save` saves the active role; a role given by its ARN can be saved, too."""
    shell.good(f"%aws_profile corp:{TEST}/Reader")
    assert shell.good("%aws_profile --save sandbox").text.startswith("sandbox")
    arn = next(one.role_arn for one in list_profiles() if one == "RoleBeta")
    ran = shell.good(f"%aws_profile --role-arn {arn} --source-profile UserAlpha --save beta")
    assert ran.text.startswith("beta ← UserAlpha")


@pytest.mark.parametrize(
    ("line", "error", "text"),
    [
        (
            f"%aws_profile {ADMIN} --save prod-reader",
            InvalidOption,
            "The profile `prod-reader` already exists",
        ),
        (f"%aws_profile {ADMIN} --save x]", InvalidOption, "can't be the name"),
        ("%aws_profile RoleBeta --save other", InvalidOption, "is already a profile"),
        (f"%aws_profile {ADMIN} --save other --mfa", InvalidOption, "is for long-term keys"),
        (
            f"%aws_profile --account {TEST} --role Admin --save other",
            AccessDenied,
            "isn't assigned",
        ),
        ("%aws_profile --save other", InvalidOption, "No profile is active"),
        ('%aws_profiles --sso --save "{name}"', InvalidOption, "unknown name `{name}`"),
        ('%aws_profiles --save "{role}"', InvalidOption, "--save and --refresh require --sso"),
        ("%aws_profiles --sso --yes", InvalidOption, "need a cell"),
        ('%%aws_profiles --sso --save "{role}"\n1', InvalidOption, "can't be combined with a cell"),
    ],
)
def test_what_is_refused(
    shell: Shell, aws: EmbeddedAws, line: str, error: type[Exception], text: str
) -> None:
    """A name that exists, an unsuitable identity, pattern or role changes nothing."""
    before = aws.config_file.read_text()
    refused = shell.refused(line)
    assert isinstance(refused, error)
    assert text in str(refused)
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
    unassign(aws, PROD, "Admin")
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


@pytest.mark.parametrize("name", ["Sandbox", "prod", "default", "x"])
def test_names_that_clash(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """Nothing is written if two roles, or a role and another profile, would share a name."""
    shell.good(f"{SAVE} --yes")
    before = aws.config_file.read_text()
    aws.sso.name_account(TWIN, name, "x@acme.example")
    aws.sso.assign(TWIN, "reader", policy=allow("*"))
    pattern = {"default": "{account_name}", "x": "x"}.get(name, "{account_name}-{role}")
    error = shell.refused(f'%aws_profiles --sso corp --save "{pattern}" --yes')
    assert isinstance(error, InvalidOption)
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
    assert isinstance(error, InvalidOption)
    assert "lists no roles" in str(error)
    assert aws.config_file.read_text() == before
