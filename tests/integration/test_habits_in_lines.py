"""Habits in lines and files: an option, a shell or a section is used for something else."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import seed_organisation
from tests.aws import EmbeddedAws
from tests.identity_center import write_analyst
from tests.integration.test_hints import code_in
from tests.shells import Shell


@pytest.mark.parametrize("typed", ["!aws_profile", "!%aws_profile", "%%bash\n%aws_profile"])
def test_magics_in_shells(shell: Shell, aws: EmbeddedAws, typed: str) -> None:
    """A magic that a shell can't run gets the line for the notebook, even before a switch."""
    *_, line = code_in(shell.run(f"{typed} RoleBeta --read-only").text)
    shell.good(line)
    request = shell.names["session"].target.request
    assert (request.profile, request.read_only) == ("RoleBeta", True)
    text = shell.run(f"{typed} AKIAIOSFODNN7EXAMPLE").text
    assert "Write `" not in text
    assert "Run `" not in text


def test_assignments_in_shells(shell: Shell, aws: EmbeddedAws) -> None:
    """A variable of a program that has the name of a magic isn't taken for the magic."""
    assert "magic" not in shell.good("%%script cat\naws_profile = 'RoleBeta'").text


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("expect_account = '123456789012'", "--expect-account 123456789012"),
        ("region = 'eu-central-1'", "--region eu-central-1"),
        ("write = True", "--write"),
    ],
)
def test_options_as_settings(shell: Shell, aws: EmbeddedAws, setting: str, line: str) -> None:
    """An option of a switch in place of a setting gets the line with the option."""
    *_, written = code_in(shell.good(f"%config AwsProfileMagics.{setting}").text)
    assert written == f"%aws_profile NAME {line}"
    shell.good(written.replace("NAME", "RoleBeta"))
    text = shell.good("%config AwsProfileMagics.write = False").text
    assert "`write` isn't a setting but an option" in text
    assert "--write" not in text


@pytest.mark.parametrize("file", ["> policy.json", ">policy.json", ">> policy.json"])
def test_a_policy_after_an_arrow(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """A policy that is redirected to a file gets the line that writes the file."""
    monkeypatch.chdir(aws.home)
    shell.good("%aws_profile RoleBeta\n%aws_calls on\nsession.client('s3').list_buckets()")
    (line,) = code_in(shell.refused(f"%aws_calls --policy {file}").hint)
    shell.good(line)
    assert "s3:ListAllMyBuckets" in (aws.home / "policy.json").read_text()
    assert not (aws.home / ">policy.json").exists()


@pytest.mark.parametrize(
    ("typed", "read"),
    [("--denied > d.csv", "csv"), ("> calls.json", "json"), (">c.parquet", "parquet")],
)
def test_calls_after_an_arrow(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, typed: str, read: str
) -> None:
    """Calls that are redirected to a file get the code that writes the file."""
    monkeypatch.chdir(aws.home)
    shell.good("import pandas as pd\n%aws_profile RoleBeta\n%aws_calls on")
    shell.good("session.client('s3').list_buckets()")
    assert not shell.run("session.client('iam').list_users()").result
    *_, line, code = code_in(shell.refused(f"%aws_calls {typed}").hint)
    shell.good(f"{line}\n{code}")
    rows = shell.good(f"pd.read_{read}('{typed.split('>')[1].strip()}')").result
    actions = {"iam:ListUsers"} if "denied" in typed else {"iam:ListUsers", "s3:ListAllMyBuckets"}
    assert set(rows["action"]) == actions
    assert "DataFrame" not in shell.refused("%aws_calls clear > d.csv").hint


@pytest.mark.parametrize("option", ["--role RoleBeta", "--region us-west-2"])
def test_options_as_filters(shell: Shell, aws: EmbeddedAws, option: str) -> None:
    """A role or a Region as an option of the list becomes a word of the pattern."""
    aws.write_profile("Elsewhere", source_profile="UserAlpha", region="eu-west-1")
    line, _ = code_in(shell.refused(f"%aws_profiles {option}").hint)
    text = shell.good(line).text
    assert "RoleBeta" in text
    assert "Elsewhere" not in text


def test_all_profiles(shell: Shell, aws: EmbeddedAws) -> None:
    """The word `all` in place of a pattern gets the pattern for all profiles, with the limits."""
    seed_organisation(aws, 2)
    (line,) = code_in(shell.refused("%%aws_profiles all --exclude User* --read-only\n1").hint)
    assert line.endswith("* --exclude User* --read-only")
    names = shell.good(f"{line}\nsession.target.request.read_only").result
    assert set(names["value"]) == {True}
    assert "The pattern `*` matches all profiles." in shell.good("%aws_profiles all").text
    shell.good("from ipy_awsprofile import across_profiles")
    (pattern,) = code_in(shell.refused("across_profiles('all', repr)").hint)
    assert len(shell.good(f"across_profiles('{pattern}', repr, exclude='User*')").result) == 3


def test_a_profile_as_a_variable(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile after `--as` gets the profile, and a line for the active profile."""
    (line,) = code_in(shell.refused("%%aws_profile --as RoleBeta --read-only\n1").hint)
    assert line == "%%aws_profile RoleBeta --read-only"
    shell.good("%aws_profile UserAlpha")
    error = shell.refused("%aws_profile --as RoleBeta --region eu-west-1")
    assert str(error) == "`RoleBeta` is a profile, but `--as` takes the name of a variable."
    switch, _, active = code_in(error.hint)
    shell.good(active)
    assert shell.names["RoleBeta"].profile_name == "UserAlpha"
    shell.good(switch)
    assert shell.names["session"].profile_name == "RoleBeta"
    assert shell.names["session"].region_name == "eu-west-1"


def test_names_of_sessions(shell: Shell, aws: EmbeddedAws) -> None:
    """`--explain` and a switch say which characters the name of a session can have."""
    for name in ("Ann Smith", "Jörg"):
        says = "`--session-name` can contain only the letters a-z and A-Z"
        option = f'--session-name "{name}"'
        assert says in shell.good(f"%aws_profile --explain RoleBeta {option}").text
        assert says in shell.refused(f"%aws_profile RoleBeta {option}").hint
    shell.good("%config AwsProfileMagics.session_name = 'Ann Smith'")
    assert "The session's name can contain only" in shell.refused("%aws_profile RoleBeta").hint
    text = shell.good("%aws_profile --explain RoleBeta").text
    assert "The session's name can contain only" in text
    assert "no problems" in shell.good("%aws_profile --explain RoleBeta --session-name a.b").text


@pytest.mark.parametrize("line", ["RoleBeta --region {region}", "RoleBeta --region $region"])
def test_no_value(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """A variable that is None in a line is named, and the notebook keeps its identity."""
    shell.good("%aws_profile UserAlpha\nregion = None")
    assert "of `" + line.rsplit(maxsplit=1)[-1] in shell.refused(f"%aws_profile {line}").hint
    assert str(shell.refused("%aws_profile RoleBeta --region None")).startswith("The Region is")
    assert shell.names["session"].profile_name == "UserAlpha"
    shell.good(f"region = 'eu-west-1'\n%aws_profile {line}")
    assert shell.names["session"].region_name == "eu-west-1"


def test_keys_beside_a_role(shell: Shell, aws: EmbeddedAws) -> None:
    """A role without a source beside its own keys gets both ways, and each of them works."""
    keys = aws.credentials_file.read_text().replace("[UserAlpha]", "[reports]")
    with aws.credentials_file.open("a") as file:
        file.write(f"\n{keys}")
    role_arn = "arn:aws:iam::123456789012:role/RoleBeta"
    aws.write_profile("reports", role_arn=role_arn, region="us-west-2")
    text = aws.config_file.read_text()
    hint = shell.refused("%aws_profile reports").hint
    profile, source, setting = code_in(hint)
    assert hint in shell.good("%aws_profile --explain reports").text
    aws.config_file.write_text(f"{text}\n{source}\n")
    assert ":assumed-role/RoleBeta/" in shell.good(f"%aws_profile {profile}\nsession.arn").result
    before, _, after = text.rpartition(f"{setting} = {role_arn}")
    aws.config_file.write_text(before + after)
    assert shell.good(f"%aws_profile {profile}\nsession.arn").result.endswith(":user/UserAlpha")


@pytest.mark.parametrize("setting", ["region", "sso_region"])
def test_a_sign_in_and_a_profile_that_differ(shell: Shell, aws: EmbeddedAws, setting: str) -> None:
    """A setting that differs between a profile and its [sso-session] gets the line to remove."""
    write_analyst(aws)
    aws.sso.sign_in("corp")
    text = aws.config_file.read_text()
    wrong = text.replace("sso_session = corp", "sso_session = corp\nsso_region = us-west-1")
    if setting == "region":
        wrong = text.replace("sso_region =", "region = us-east-1\nsso_region =")
    aws.config_file.write_text(wrong)
    hint = shell.refused("%aws_profile Analyst").hint
    section = "[sso-session corp]" if setting == "region" else "the profile"
    assert f"Remove `{setting}` from {section}" in hint
    line = wrong.splitlines()[int(hint.rpartition("config:")[2].rstrip(".")) - 1]
    assert line.startswith(f"{setting} = us-")
    aws.config_file.write_text(wrong.replace(f"\n{line}\n", "\n", 1))
    assert aws.config_file.read_text() == text
    shell.good("%aws_profile Analyst")
