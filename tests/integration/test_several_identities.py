"""Lines that name a role in two ways, and options of another function: their hints work."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import add_role
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

ROLE = "arn:aws:iam::123456789012:role/RoleBeta"

#: Lines that name RoleBeta in two ways, or with a part of its ARN.
LINES = (
    f"--role-arn {ROLE} --account 123456789012 --source-profile UserAlpha --read-only",
    f"--role-arn {ROLE} --account 123456789012 --role RoleBeta --source-profile UserAlpha",
    "--account 123456789012 --role RoleBeta --source-profile UserAlpha --read-only",
)


@pytest.mark.parametrize("line", LINES)
def test_a_role_named_in_two_ways(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """The hint has one way to name the role, with the source profile and the limits."""
    (right,) = code_in(shell.refused(f"%aws_profile {line}").hint)
    assert ("--read-only" in right) == ("--read-only" in line)
    card = shell.good(right).text
    assert ":assumed-role/RoleBeta/" in card
    assert ("read-only" in card) == ("--read-only" in line)


def test_roles_that_differ(shell: Shell, aws: EmbeddedAws) -> None:
    """If two ways name different roles, or the account is missing, the hint doesn't choose one."""
    hint = shell.refused(f"%aws_profile --role-arn {ROLE} --account 999999999999").hint
    assert hint == "Use either `--role-arn`, or `--account` and `--role`."
    hint = shell.refused("%aws_profile --role RoleBeta --source-profile UserAlpha").hint
    line, *_ = code_in(hint)
    assert (
        ":assumed-role/RoleBeta/"
        in shell.good(f"%aws_profile {line.replace('ACCOUNT', '123456789012')}").text
    )


@pytest.mark.parametrize(
    "part", ["123456789012:role/RoleBeta", "arn:aws:iam:123456789012:RoleBeta"]
)
def test_a_part_of_an_arn(shell: Shell, aws: EmbeddedAws, part: str) -> None:
    """For a part of a role's ARN, the hint has the whole ARN."""
    line = f"%aws_profile --source-profile UserAlpha --role-arn {part}"
    (whole,) = code_in(shell.refused(line).hint)
    assert whole == ROLE
    assert ":assumed-role/RoleBeta/" in shell.good(line.replace(part, whole)).text


def test_limits_of_a_run_for_an_organization(shell: Shell, aws: EmbeddedAws) -> None:
    """Limits that belong to the run are suggested there, because AWS denies them where they are."""
    add_role(aws, "Lister", "*")
    shell.good(
        "%aws_profile Lister\nfrom ipy_awsprofile import across_profiles, organization_roles"
    )
    (line,) = code_in(shell.refused("organization_roles(role='Audit', read_only=True)").hint)
    assert line == "across_profiles(organization_roles(role='Audit'), FUNCTION, read_only=True)"


def test_a_profile_after_a_short_option(shell: Shell, aws: EmbeddedAws) -> None:
    """`-r NAME` doesn't become a Region."""
    shell.good("%aws_profile UserAlpha")
    (line,) = code_in(shell.refused("%aws_profile -r RoleBeta --read-only").hint)
    assert line == "%aws_profile RoleBeta --read-only"
    (line,) = code_in(shell.refused("%aws_profile RoleBeta -r eu-west-1").hint)
    assert line == "%aws_profile RoleBeta --region eu-west-1"


def test_a_variable_without_rows(shell: Shell, aws: EmbeddedAws) -> None:
    """A line says that a cell with `--into` returned no rows, and the variable has none."""
    told = shell.good("%%aws_profiles RoleBeta --no-progress --into found\nprint(1)").text
    assert "No profile returned a row" in told
    assert len(shell.names["found"]) == 0
    told = shell.good("%%aws_profiles RoleBeta --no-progress --into found\n1").text
    assert "No profile" not in told
    assert len(shell.names["found"]) == 1


def test_a_profile_as_a_service_of_the_console(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile's name after `--console` or `-c` doesn't become the name of a service."""
    assert "--console" not in shell.refused("%aws_profile -c RoleBeta").hint
    shell.good("%aws_profile UserAlpha")
    switch, _ = code_in(shell.refused("%aws_profile --console RoleBeta").hint)
    assert ":assumed-role/RoleBeta/" in shell.good(switch).text
