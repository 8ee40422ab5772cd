"""The code and the advice in errors and on cards work."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine
from botocore.credentials import AssumeRoleProvider

from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT, allow
from ipy_awsprofile.errors import (
    AccessDenied,
    CredentialsExpired,
    InvalidOption,
    MfaUnavailable,
    NoProfileAnswered,
    NotForOneProfile,
    ProfileNotFound,
    ProtectedProfile,
    SignInRequired,
)
from ipy_awsprofile.text import quoted
from tests.mfa_role import answer_with_codes
from tests.rotation import session_keys, write_keys
from tests.shells import Shell

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def code_in(text: str) -> list[str]:
    """Return the code between backticks in a text."""
    return re.findall(r"`([^`]+)`", text)


def test_expired_keys_of_a_profile_that_is_not_active(shell: Shell, aws: EmbeddedAws) -> None:
    """After you renew expired keys in their file, the same cell works."""
    user = aws.create_user("Tool", account=USER_ACCOUNT, policy=allow("*"))
    aws.write_profile("Keys", region="us-west-2")
    write_keys(aws, "Keys", session_keys(aws, user))
    aws.expire_sessions()
    error = shell.refused("%aws_profile Keys")
    assert isinstance(error, CredentialsExpired)
    assert code_in(error.hint) == ["Keys", "%aws_profile --refresh"]
    write_keys(aws, "Keys", session_keys(aws, user))
    assert shell.good("%aws_profile Keys").text.startswith("Keys")


def test_expired_session_of_the_active_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """For the active profile, the hint's command renews the session, and then the cell works."""
    shell.good("from ipy_awsprofile import list_buckets\n%aws_profile RoleBeta")
    aws.expire_sessions()
    name, refresh = code_in(shell.refused("list_buckets(session)").hint)
    assert name == "RoleBeta"
    shell.good(refresh)
    assert len(shell.good("list_buckets(session)").result) == 3


@pytest.mark.parametrize("into", ["", " --into found"])
def test_errors_of_many_profiles(shell: Shell, aws: EmbeddedAws, into: str) -> None:
    """The summary of a cell for many profiles shows an expression that returns all errors."""
    cell = "assert profile.name != 'UserAlpha'\n1"
    shown = shell.good(f"%%aws_profiles *{into} --no-progress\n{cell}").text
    note = next(line for line in shown.splitlines() if "all errors" in line)
    (expression,) = code_in(note)
    assert [row["profile"] for row in shell.good(expression).result] == ["UserAlpha"]


def test_errors_of_a_function(shell: Shell, aws: EmbeddedAws) -> None:
    """The summary of across_profiles names the DataFrame's attribute that has all errors."""
    shell.good("from ipy_awsprofile import across_profiles")
    function = "lambda session: session.client('s3').list_buckets()['Buckets']"
    shown = shell.good(f"frame = across_profiles('*', {function}, progress=False)").text
    note = next(line.strip() for line in shown.splitlines() if "all errors" in line)
    place = 'the DataFrame\'s `attrs["errors"]`'
    assert note == f"For all errors and how to fix them, see {place}."
    assert len(shell.good('frame.attrs["errors"]').result) == 1


@pytest.mark.parametrize(
    ("option", "parameter", "good"),
    [
        ("--external-id x", "ExternalId", "--external-id xy"),
        ("--session-name x", "RoleSessionName", "--session-name xy"),
    ],
)
def test_options(shell: Shell, aws: EmbeddedAws, option: str, parameter: str, good: str) -> None:
    """A value that STS doesn't accept is refused with the name of the parameter and the rule."""
    error = shell.refused(f"%aws_profile RoleBeta {option}")
    assert isinstance(error, InvalidOption)
    assert f"parameter {parameter}, " in str(error)
    assert str(error).endswith("valid min length: 2.")
    shell.good(f"%aws_profile RoleBeta {good}")


def test_region(shell: Shell, aws: EmbeddedAws) -> None:
    """The hint for an invalid Region names the Region that was meant."""
    region, *_ = code_in(shell.refused("%aws_profile RoleBeta --region 'us west-2'").hint)
    assert region == "us-west-2"
    shell.good(f"%aws_profile RoleBeta --region {region}")


def test_duckdb_in_a_cell_for_many_profiles(shell: Shell, aws: EmbeddedAws) -> None:
    """The hint for DuckDB has code that creates the connection in the cell."""
    secret = "from ipy_awsprofile.libraries import duckdb_secret as s; s(session)"
    failed = shell.refused(f"%%aws_profiles RoleBeta --no-progress\n{secret}")
    assert isinstance(failed, NoProfileAnswered)
    (error,) = failed.errors
    assert error["error"] == NotForOneProfile.__name__
    code = "\n".join(code_in(error["hint"]))
    shell.good("import duckdb\nfrom ipy_awsprofile import libraries")
    shell.good(f"%%aws_profiles RoleBeta --no-progress\n{code}")


@pytest.mark.parametrize(
    ("typed", "limit"), [("5m", "900"), ("15", "900"), ("12h30m", "43200"), ("0", "900")]
)
def test_duration(shell: Shell, aws: EmbeddedAws, typed: str, limit: str) -> None:
    """The error for an invalid duration has AWS's shortest or longest duration in seconds."""
    error = shell.refused(f"%aws_profile RoleBeta --duration {typed}")
    assert str(error).endswith(f" {limit}.")
    shell.good("%aws_profile RoleBeta --duration 15m")
    error = shell.refused("%aws_profile RoleBeta --duration 12h")
    assert "MaxSessionDuration" in str(error)  # valid, but not for this role


@pytest.mark.parametrize(
    "call",
    ["list_buckets", "who_am_i", "storage_options", "libraries.pyarrow_filesystem"],
)
def test_a_name_instead_of_a_session(shell: Shell, aws: EmbeddedAws, call: str) -> None:
    """If a function gets the name of a profile, the error says how to pass its session."""
    shell.good("from ipy_awsprofile import libraries, list_buckets, storage_options, who_am_i")
    aws.calls.clear()
    error = shell.refused(f"{call}('RoleBeta')")
    assert isinstance(error, InvalidOption)
    assert str(error) == "A boto3 session is required, not a value of type str."
    assert aws.calls == []
    _, _, argument = code_in(error.hint)
    shell.good(f"from ipy_awsprofile import open_session\n{call}({argument}('RoleBeta'))")


@pytest.mark.parametrize(
    "call",
    [
        "open_session({})",
        "using_profile({}).__enter__()",
        "across_profiles({}, repr)",
        "across_profiles([{}], repr)",
    ],
)
def test_a_session_instead_of_a_name(shell: Shell, aws: EmbeddedAws, call: str) -> None:
    """A function that gets a session says to pass a name, or one of the listed profiles."""
    shell.good("from ipy_awsprofile import *\n%aws_profile RoleBeta --as other")
    error = shell.refused(call.format("other"))
    assert isinstance(error, InvalidOption)
    assert str(error) == "The name of a profile is a string, not a value of type ProfileSession."
    (profiles,) = code_in(error.hint)
    shell.good(f"found, = [one for one in {profiles} if one == 'RoleBeta']")
    shell.good(f"{call.format('found')}\n%aws_profile --off")


@pytest.mark.parametrize("value", ["None", "session.client('s3')", "open_session"])
def test_something_else_instead_of_a_session(shell: Shell, aws: EmbeddedAws, value: str) -> None:
    """If a function gets another object, such as a client, the error says to pass a session."""
    shell.good("from ipy_awsprofile import list_buckets, open_session\n%aws_profile RoleBeta")
    error = shell.refused(f"list_buckets({value})")
    assert isinstance(error, InvalidOption)
    argument, _, function = code_in(error.hint)
    shell.good(f"list_buckets({argument})")
    shell.good(f"list_buckets({function}('RoleBeta'))")


@pytest.mark.parametrize(
    "cell",
    [
        "%aws_profile RoleBetta",
        "with using_profile('RoleBetta'): pass",
        "across_profiles(['RoleBetta'], len, progress=False)",
    ],
)
def test_protected_profile_that_does_not_exist(shell: Shell, aws: EmbeddedAws, cell: str) -> None:
    """A missing profile whose name matches a protected pattern gets the hint for a misspelling."""
    shell.good("from ipy_awsprofile import across_profiles, using_profile")
    shell.good("%config AwsProfileMagics.protected = ['*bet*']")
    error = shell.refused(cell)
    if isinstance(error, NoProfileAnswered):
        (row,) = error.errors
        assert row["error"] == ProfileNotFound.__name__
        hint = row["hint"]
    else:
        assert isinstance(error, ProfileNotFound)
        hint = error.hint
    assert code_in(hint) == ["RoleBeta"]
    protected = shell.refused("%aws_profile RoleBeta")
    assert isinstance(protected, ProtectedProfile)
    option, argument = code_in(protected.hint)
    shell.good(f"%aws_profile RoleBeta {option}\n%aws_profile --off")
    shell.good(f"with using_profile('RoleBeta', {argument}): pass")


def test_mfa_code_without_a_person(
    shell: Shell, aws: EmbeddedAws, auditor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After you run the hint's command where you can answer, the switch works unattended."""
    error = shell.refused("%aws_profile Auditor")
    assert isinstance(error, MfaUnavailable)
    command, refresh = code_in(error.hint)
    assert refresh == "%aws_profile --refresh"
    with monkeypatch.context() as patch:
        answer_with_codes(aws, auditor, patch)
        shell.good(f"{command}\n%aws_profile --off")
    shell.good("%aws_profile Auditor")


def test_plain_session_with_mfa_has_expired(
    shell: Shell, aws: EmbeddedAws, auditor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain boto3 session can't be renewed, and a switch to its listed profile replaces it."""
    answer_with_codes(aws, auditor, monkeypatch)
    # botocore binds getpass when it is imported, which is before the tests replace it.
    defaults = (lambda _: aws.mfa_code(auditor), None, None)
    monkeypatch.setattr(AssumeRoleProvider.__init__, "__defaults__", defaults)
    shell.good("import boto3; from ipy_awsprofile import list_buckets")
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        shell.good("session = boto3.Session(profile_name='Auditor'); list_buckets(session)")
        clock.shift(timedelta(hours=3))
        error = shell.refused("list_buckets(session)")
        assert isinstance(error, MfaUnavailable)
        assert "The credentials of this session have expired" in str(error)
        command, _ = code_in(error.hint)
        assert command == "%aws_profile NAME"
        shell.good("%aws_profile Auditor")
        assert len(shell.good("list_buckets(session)").result) == 3


def test_mfa_code_of_a_source_without_a_person(
    shell: Shell, aws: EmbeddedAws, auditor: str
) -> None:
    """The hint names the requested profile, even if the MFA device is its source profile's."""
    role_arn = "arn:aws:iam::123456789012:role/RoleBeta"
    aws.write_profile("Behind", source_profile="Auditor", role_arn=role_arn, region="us-west-2")
    command, _ = code_in(shell.refused("%aws_profile Behind").hint)
    assert command == "%aws_profile Behind"


ROLE = "arn:aws:iam::123456789012:role/RoleBeta"


@pytest.mark.parametrize("arn", [ROLE, ROLE.replace("Beta", "Gamma")])
def test_arn_instead_of_a_name(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, arn: str
) -> None:
    """If you use an ARN as a profile's name, a switch and an explanation name the right option."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")  # the default credentials
    (option, _) = code_in(shell.refused(f"%aws_profile {arn}").hint)
    assert f"`{option}`" in shell.good(f"%aws_profile --explain {arn}").text
    switch, explanation = f"%aws_profile {option}", f"%aws_profile --explain {option}"
    if arn == ROLE:
        assert "assumed-role/RoleBeta" in shell.good(switch).text
        assert "no problems found" in shell.good(explanation).text
    else:
        assert isinstance(shell.refused(switch), AccessDenied)
        assert "no problems found" in shell.good(explanation).text


def test_role_arn_that_aws_does_not_accept(shell: Shell, aws: EmbeddedAws) -> None:
    """The command in the error's hint explains the ARN that was given as an option."""
    wrong = ROLE.replace("123456789012", "12345")
    error = shell.refused(f"%aws_profile --role-arn {wrong} --source-profile UserAlpha")
    (explanation,) = code_in(error.hint)
    assert re.search(rf"role_arn +{wrong} +--role-arn", shell.good(explanation).text)


@pytest.mark.parametrize(
    "name", ["two words", "a # b", "it's", "two  blanks", "-dash", "{x} $HOME"]
)
def test_names_that_must_be_quoted(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """A hint's command names the profile exactly, whatever characters the name has."""
    with aws.config_file.open("a") as config:
        config.write(f'\n[profile "{name}"]\nregion = us-west-2\n[profile a]\n')
    error = shell.refused(f"%aws_profile -- {quoted(name)}")
    (command,) = code_in(error.hint)
    assert shell.good(command).text.startswith(f"{name}  (a switch fails)")


def test_commands_of_a_sign_in_that_must_be_quoted(shell: Shell, aws: EmbeddedAws) -> None:
    """A sign-in's name with a space is quoted for the magic and for the terminal."""
    with aws.config_file.open("a") as config:
        config.write(
            f'\n[sso-session "my corp"]\nsso_start_url = {aws.sso.start_url}\n'
            "sso_region = us-east-1\n"
        )
    error = shell.refused("%aws_profiles --sso")
    magic, command = code_in(error.hint)
    assert command == "aws sso login --sso-session 'my corp'"
    assert magic == '%aws_profile --sso "my corp" --login'
    assert isinstance(shell.run(magic).error, SignInRequired)  # no one is here to sign in
