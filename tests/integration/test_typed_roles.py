"""ARNs, accounts and sign-ins in place of a profile's name: each hint says what works."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, add_role, allow, seed_organisation
from ipy_awsprofile.errors import AccessDenied
from tests.aws import EmbeddedAws
from tests.identity_center import write_analyst
from tests.integration.test_hints import ROLE, code_in
from tests.shells import Shell

SESSION = "arn:aws:sts::123456789012:assumed-role/RoleBeta/me"  # as a card shows it
OF_CORP = f"corp:{ROLE_ACCOUNT}/Analyst"
LEAD = f"corp:{ROLE_ACCOUNT}/Lead"
OF_ANALYST = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Analyst_0123456789abcdef/ann"


@pytest.mark.parametrize("name", [ROLE, SESSION, "123456789012/RoleBeta", "123456789012 RoleBeta"])
def test_the_role_of_a_profile(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """A role in place of its profile's name gets the profile, even if there is a sign-in."""
    write_analyst(aws)
    (line,) = code_in(shell.refused(f"%aws_profile {name} --read-only").hint)
    assert line == "%aws_profile RoleBeta --read-only"
    shell.good(line)
    assert ":assumed-role/RoleBeta/" in shell.names["session"].arn


def test_the_profile_of_an_arn_in_python(shell: Shell, aws: EmbeddedAws) -> None:
    """Python code and `--explain` also name the profile of an ARN."""
    shell.good("from ipy_awsprofile import open_session")
    for name in (ROLE, f"{ROLE_ACCOUNT}/RoleBeta"):
        (profile,) = code_in(shell.refused(f"open_session('{name}')").hint)
        assert shell.good(f"open_session({profile!r})").result.profile_name == "RoleBeta"
    other = shell.refused("open_session('400000000000/RoleBeta')")
    assert "Did you mean" not in f"{other} {other.hint}"
    assert f"Use the profile `{profile}`" in shell.good(f"%aws_profile --explain {ROLE}").text


@pytest.mark.parametrize(
    "line",
    [
        "--role {}",
        "UserAlpha --role {}",
        "RoleBeta --role {}",
        "--role {} --source-profile UserAlpha",
    ],
)
@pytest.mark.parametrize("role", ["RoleBeta", "RoleGamma"])
def test_an_arn_as_the_name_of_a_role(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, line: str, role: str
) -> None:
    """An ARN behind `--role` gets the profile that has this role, or the option for an ARN."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")  # the default credentials
    add_role(aws, "RoleGamma", "s3:*")
    if role == "RoleGamma":  # no profile has it
        text = aws.config_file.read_text()
        aws.config_file.write_text(text.replace("role/RoleGamma", "role/Other"))
    arn = ROLE.replace("RoleBeta", role)
    error = shell.refused(f"%aws_profile {line.format(arn)} --read-only")
    (written,) = code_in(error.hint)
    if line.startswith("RoleBeta") and role == "RoleGamma":
        assert written == f"%aws_profile --role-arn {arn} --source-profile RoleBeta --read-only"
        return
    shell.good(written)
    assert f":assumed-role/{role}/" in shell.names["session"].arn
    assert "read-only" in shell.good("%aws_profile").text
    is_profile = role == "RoleBeta" and "--source-profile" not in line
    assert (written == "%aws_profile RoleBeta --read-only") == is_profile


@pytest.mark.parametrize("profiles", [0, 2])
def test_the_arn_of_a_role(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, profiles: int
) -> None:
    """The ARN of a role that no profile or several profiles have gets the option for an ARN."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")  # the default credentials
    write_analyst(aws)
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace("role/RoleBeta", "role/RoleGamma"))
    for number in range(profiles):
        name = f"Copy{number}"
        aws.write_profile(name, source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    line, option = code_in(shell.refused(f"%aws_profile {ROLE} --duration 15m").hint)
    assert "15 minutes left" in shell.good(line).text
    assert ":assumed-role/RoleBeta/" in shell.names["session"].arn
    monkeypatch.delenv("AWS_PROFILE")
    shell.good(f"{line} {option.replace('NAME', 'UserAlpha')}")


def test_a_role_that_aws_refuses(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line for an ARN of a role that doesn't exist leads to AWS's refusal of this role."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    arn = ROLE.replace("Beta", "Gamma")
    line, _ = code_in(shell.refused(f"%aws_profile {arn}").hint)
    assert f"`--role-arn {arn}`" in shell.good(f"%aws_profile --explain {arn}").text
    assert isinstance(shell.refused(line), AccessDenied)


@pytest.mark.parametrize("has_profile", [True, False])
@pytest.mark.parametrize("option", ["", "--role-arn "])
def test_the_session_of_a_sign_in(
    shell: Shell, aws: EmbeddedAws, option: str, has_profile: bool
) -> None:
    """The ARN of a sign-in's session gets the profile or the role that the sign-in can use."""
    write_analyst(aws)
    if not has_profile:
        text = aws.config_file.read_text()
        aws.config_file.write_text(text.replace("sso_role_name = Analyst", "sso_role_name = Other"))
    aws.sso.sign_in("corp")
    line, *in_python = code_in(shell.refused(f"%aws_profile {option}{OF_ANALYST} --as s3").hint)
    name = "Analyst" if has_profile else "corp:123456789012/Analyst"
    assert line == f"%aws_profile {name} --as s3"
    shell.good(line)
    assert "AWSReservedSSO_Analyst" in shell.names["s3"].arn
    for code in in_python:
        shell.good(f"from ipy_awsprofile import open_session\nopened = open_session({code})")
        arn = shell.good("opened.client('sts').get_caller_identity()['Arn']").result
        assert "AWSReservedSSO_Analyst" in arn


def test_assigned_roles_in_python(shell: Shell, aws: EmbeddedAws) -> None:
    """The record of an assigned role gets the call with the role's name and all options."""
    write_analyst(aws)
    aws.sso.sign_in("corp")
    shell.good("from ipy_awsprofile import list_assigned_roles, open_session, using_profile")
    shell.good("(role,) = list_assigned_roles()")
    (line,) = code_in(shell.refused("open_session(role, region='us-west-1')").hint)
    opened = shell.good(line).result
    assert (opened.profile_name, opened.region_name) == (OF_CORP, "us-west-1")
    (line,) = code_in(shell.refused("with using_profile(profile=role): pass").hint)
    assert shell.good(f"{line} name = session.profile_name\nname").result == OF_CORP


@pytest.mark.parametrize("switch", ["UserAlpha", "RoleBeta --read-only", f"{LEAD} --read-only"])
def test_assigned_roles_for_boto3(shell: Shell, aws: EmbeddedAws, switch: str) -> None:
    """The name of a role for boto3 or pandas gets the code that works, with the limits."""
    write_analyst(aws)
    aws.sso.assign(ROLE_ACCOUNT, "Lead", policy=allow("s3:*", "sts:GetScopedCredentials"))
    aws.sso.sign_in("corp")
    shell.good(f"import boto3\n%aws_profile {switch} --region us-west-1")
    *_, imported, line = codes_of(shell, f"boto3.Session(profile_name='{LEAD}')")
    opened = shell.good(f"{imported}\n{line}").result
    assert opened.profile_name == LEAD
    assert opened.target.request.read_only == ("--read-only" in switch)
    assert (opened.region_name == "us-west-1") == (LEAD in switch)
    path = f"'s3://my-first-bucket/x', storage_options={{'profile': '{LEAD}'}}"
    *_, imported, block = codes_of(shell, f"import pandas as pd\npd.read_csv({path})")
    code = f"{imported}\n{block} used = session.target.request"
    shell.good(code)
    assert shell.names["used"].read_only == ("--read-only" in switch)
    assert not codes_of(shell, "boto3.Session(profile_name='other:123456789012/Lead')")


def codes_of(shell: Shell, cell: str) -> list[str]:
    """Return the code in the line about a role's name."""
    lines = [each for each in shell.run(cell).text.splitlines() if "is a role in IAM" in each]
    return code_in(" ".join(lines))


def test_assigned_roles_in_a_pattern(shell: Shell, aws: EmbeddedAws) -> None:
    """The name of a sign-in, of its role or its account gets the pattern for the roles."""
    write_analyst(aws)
    for role in ("Auditor", "Reader"):
        aws.sso.assign(ROLE_ACCOUNT, role, policy=allow("s3:*"))
    aws.sso.name_account(ROLE_ACCOUNT, "Atlas dev", "atlas@acme.example")
    aws.sso.sign_in("corp")
    shell.good("from ipy_awsprofile import across_profiles")
    auditor, reader = (f"corp:{ROLE_ACCOUNT}/{role}" for role in ("Auditor", "Reader"))
    selected = {
        "--sso": [OF_CORP, auditor, reader],
        "--sso=corp": [OF_CORP, auditor, reader],
        "corp": [OF_CORP, auditor, reader],
        "reader": [reader],
        "--sso Reader": [reader],
        "corp Reader": [reader],
        "Atlas dev": [OF_CORP, auditor, reader],
        "corp reader": [reader],
    }
    assert "No profile matches" in str(shell.refused("%%aws_profiles reader\n1"))
    shell.good("%aws_profiles --sso")  # lists the roles
    for typed, names in selected.items():
        hint = shell.refused(f"across_profiles({typed!r}, repr, progress=False)").hint
        (pattern,) = code_in(hint)
        frame = shell.good(f"across_profiles({pattern!r}, repr, progress=False)").result
        assert list(frame["profile"]) == names
        if not typed.startswith("--"):
            assert shell.refused(f"%%aws_profiles {typed}\n1").hint == hint
            assert hint in shell.good(f"%aws_profiles {typed}").text
    frame = shell.good(f"%%aws_profiles {pattern} --no-progress\nprofile").result
    assert list(frame["profile"]) == names
    assert "Identity Center" not in shell.refused("%%aws_profiles nothing\n1").hint


def test_the_session_of_a_missing_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a sign-in, the ARN of a sign-in's session doesn't become another role's ARN."""
    hint = shell.refused(f"%aws_profile --role-arn {OF_ANALYST}").hint
    assert hint.startswith("Only a sign-in to IAM Identity Center can use this role.")
    write_analyst(aws)
    aws.sso.sign_in("corp")
    line, _ = code_in(shell.refused(f"%aws_profile --role-arn {OF_ANALYST}").hint)
    shell.good(line)


def test_the_account_and_role_of_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """An account and a role that no profile has get the sign-in's role, as a condition."""
    write_analyst(aws)
    aws.sso.assign(ROLE_ACCOUNT, "Auditor")
    aws.sso.sign_in("corp")
    hint = shell.refused("%aws_profile 1234-5678-9012/Auditor").hint
    assert hint.startswith("If the role `Auditor` is assigned to you in IAM Identity Center, ")
    shell.good(code_in(hint)[-1])
    assert "AWSReservedSSO_Auditor" in shell.names["session"].arn


def test_the_role_of_several_profiles(shell: Shell, aws: EmbeddedAws) -> None:
    """An account and a role that several profiles have get a line for each profile."""
    seed_organisation(aws, 1)
    aws.write_profile("Copy", source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    lines = code_in(shell.refused("%aws_profile 123456789012/RoleBeta --read-only").hint)
    assert lines == ["%aws_profile RoleBeta --read-only", "%aws_profile Copy --read-only"]
    for line in lines:
        shell.good(line)
        assert ":assumed-role/RoleBeta/" in shell.names["session"].arn


def test_a_misspelled_sign_in_to_end(shell: Shell, aws: EmbeddedAws) -> None:
    """The misspelled name of a sign-in after `--logout` gets the line that ends the sign-in."""
    write_analyst(aws)
    aws.sso.sign_in("corp")
    (line,) = code_in(shell.refused("%aws_profile --logout copr").hint)
    assert "Signed out of corp" in shell.good(line).text
    aws.write_profile("copra", region="us-west-2")
    assert code_in(shell.refused("%aws_profile --logout copr").hint) == ["copra"]


def test_the_role_of_a_sign_in_in_the_settings(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile can't assume a sign-in's role, and the hint names the profile that signs in."""
    write_analyst(aws)
    aws.sso.sign_in("corp")
    role = OF_ANALYST.split("/")[1]
    arn = f"arn:aws:iam::{ROLE_ACCOUNT}:role/aws-reserved/sso.amazonaws.com/{role}"
    aws.write_profile("etl", source_profile="UserAlpha", role_arn=arn, region="us-west-2")
    hint = shell.refused("%aws_profile etl").hint
    assert "Only a sign-in can use this role" in hint
    assert "Only a sign-in can use this role" in shell.good("%aws_profile --explain etl").text
    name = code_in(hint)[-1]
    assert "AWSReservedSSO_Analyst" in shell.good(f"%aws_profile {name}").text
