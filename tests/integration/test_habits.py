"""Habits of shells, scripts and other tools: an answer says what to do, and doing it works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ipy_awsprofile.demo.stages import USER_ACCOUNT, seed_organisation
from ipy_awsprofile.errors import (
    ConfigFileError,
    InvalidOption,
    InvalidProfile,
    ProfileNotFound,
    ProtectedProfile,
)
from tests.aws import EmbeddedAws
from tests.identity_center import organisation
from tests.integration.test_hints import code_in
from tests.shells import Shell

# Code -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["{target}", "$target", "{parameters['profile']}"])
def test_empty_values(shell: Shell, aws: EmbeddedAws, value: str) -> None:
    """An empty value in place of the profile's name is an error, not a look at the identity."""
    shell.good("%aws_profile UserAlpha\ntarget, parameters = '', {'profile': ''}")
    error = shell.refused(f"%aws_profile {value}")
    assert str(error) == f"The value of `{value}` is empty."
    shell.good("target, parameters = 'RoleBeta', {'profile': 'RoleBeta'}")
    shell.good(f"%aws_profile {value}")
    assert shell.names["session"].profile_name == "RoleBeta"
    assert "RoleBeta" in shell.good("target = ''\n%aws_profile").text


def test_a_magic_in_a_line(shell: Shell, aws: EmbeddedAws) -> None:
    """A magic after other code in a line gets the rule, and works below that code."""
    ran = shell.run("if True: %aws_profile RoleBeta --read-only")
    assert "A magic must be at the beginning of a line." in ran.text
    *_, line = code_in(ran.text)
    shell.good(f"if True:\n    {line}")
    assert shell.names["session"].target.request.read_only


def test_magics_in_programs(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program with magics gets the file name with which `%run` runs them."""
    monkeypatch.chdir(aws.home)
    program = aws.home / "prepare.py"
    program.write_text("%load_ext ipy_awsprofile\n%aws_profile RoleBeta\n")
    name, new_name, line = code_in(shell.run("%run prepare.py").text)[-3:]
    (aws.home / name).rename(aws.home / new_name)
    shell.good(line)
    assert shell.names["session"].profile_name == "RoleBeta"


def test_variables_of_a_shell(shell: Shell, aws: EmbeddedAws) -> None:
    """If a cell of a shell names a profile, a line says that only the cell uses it."""
    shell.good("%aws_profile UserAlpha")
    text = shell.good("%%bash\nexport AWS_PROFILE=RoleBeta\necho $AWS_PROFILE").text
    assert "`export` sets `AWS_PROFILE` only for the rest of the cell." in text
    *_, line = code_in(text)
    shell.good(line)
    assert shell.names["session"].profile_name == "RoleBeta"
    assert "only for" not in shell.good("%%bash\nexport AWS_PROFILE=other").text


@pytest.mark.parametrize(
    "code",
    ["ipy_awsprofile.switch_profile('RoleBeta')", "from ipy_awsprofile import aws_profile"],
)
def test_functions_that_switch(shell: Shell, aws: EmbeddedAws, code: str) -> None:
    """A function that the package doesn't have gets the magic and the function that switch."""
    text = shell.run(f"import boto3, ipy_awsprofile\n{code}").text
    switch, imported, block = code_in(text[text.index("`%aws_profile NAME`") :])[:3]
    shell.good(switch.replace("NAME", "UserAlpha"))
    block = block.replace("NAME", "RoleBeta")
    shell.good(f"{imported}\n{block} seen = boto3.Session().profile_name")
    assert shell.names["seen"] == "RoleBeta"


@pytest.mark.parametrize("call", ["open_session('atlas-*')", "using_profile('atlas-*')"])
def test_patterns_for_one_profile(shell: Shell, aws: EmbeddedAws, call: str) -> None:
    """A pattern for a function that takes one profile gets the function for many."""
    names = seed_organisation(aws, 2)
    shell.good("from ipy_awsprofile import across_profiles, open_session, using_profile")
    error = shell.refused(call if "open" in call else f"with {call}: pass")
    assert isinstance(error, ProfileNotFound)
    (run,) = code_in(error.hint)
    assert shell.good(run.replace("FUNCTION", "repr")).result["profile"].tolist() == list(names)


def test_a_cell_magic_in_a_line(shell: Shell, aws: EmbeddedAws) -> None:
    """An assigned cell magic gets the line that begins the cell and stores the result."""
    seed_organisation(aws, 2)
    ran = shell.run("counts = %%aws_profiles atlas-*\n1")
    assert "must begin the cell" in ran.text
    *_, line = code_in(ran.text)
    shell.good(f"{line}\n1")
    assert shell.names["counts"]["value"].tolist() == [1, 1]


def test_sessions_in_other_variables(shell: Shell, aws: EmbeddedAws) -> None:
    """The code in an error about a session's attribute uses the session's own variable."""
    shell.good("%aws_profile RoleBeta --as s3 --read-only")
    *_, code = code_in(shell.run("s3.list_buckets()").text)
    assert shell.good(code).result["Buckets"]
    *_, code = code_in(shell.run("s3.list_objects_v2(Bucket='my-first-bucket')").text)
    assert shell.good(f"{code}.list_objects_v2(Bucket='my-first-bucket')").result
    line, argument = code_in(shell.run("s3.region_name = 'eu-central-1'").text)[-2:]
    assert shell.good(f"s3.client('ec2', {argument}).meta.region_name").result == "eu-central-1"
    shell.good(line)
    assert shell.names["s3"].region_name == "eu-central-1"
    assert shell.names["s3"].target.request.read_only


def test_parameters_of_boto3(shell: Shell, aws: EmbeddedAws) -> None:
    """A parameter that boto3 names differently or doesn't have gets the right code."""
    shell.good("import boto3\n%aws_profile UserAlpha")
    for code in ("boto3.client('sts', region='us-west-1')", "session.client('sts', region='x')"):
        assert "Did you mean `region_name`?" in shell.run(code).text
    assert "Did you mean `profile_name`?" in shell.run("boto3.Session(profile='RoleBeta')").text
    text = shell.run("boto3.client('sts', profile_name='RoleBeta')").text
    imported, code = code_in(text[text.index("To use a different profile") :])[:2]
    code = code.replace("…", "'sts'")
    arn = shell.good(f"{imported}\n{code}.get_caller_identity()['Arn']").result
    assert ":assumed-role/RoleBeta/" in arn


def test_results_as_frames(shell: Shell, aws: EmbeddedAws) -> None:
    """A list or a function that is used like a DataFrame gets the code that works."""
    shell.good("from ipy_awsprofile import list_profiles, recorded_calls")
    *_, code = code_in(shell.run("list_profiles()['account']").text)
    assert "123456789012" in shell.good(code).result
    shell.good("%aws_calls on\n%aws_profile RoleBeta\nsession.client('s3').list_buckets()")
    *_, code = code_in(shell.run("recorded_calls.head()").text)
    assert len(shell.good(f"{code}").result) == 1


def test_arguments_for_a_function(shell: Shell, aws: EmbeddedAws) -> None:
    """An argument for the function that runs in each profile gets the call that passes it on."""
    seed_organisation(aws, 2)
    shell.good("from ipy_awsprofile import across_profiles\ndef add(session, n): return n + 1")
    (code,) = code_in(shell.refused("across_profiles('atlas-*', add, n=2, read_only=True)").hint)
    assert shell.good(code).result["value"].tolist() == [3, 3]
    assert "read_only=True" in code


def test_an_arn_as_a_path(shell: Shell, aws: EmbeddedAws) -> None:
    """The ARN of an object in place of its path gets the path."""
    shell.good("import pandas as pd\n%aws_profile RoleBeta")
    ran = shell.run("pd.read_csv('arn:aws:s3:::my-first-bucket/a.csv')")
    assert "Write the path `s3://my-first-bucket/a.csv` instead of the ARN." in ran.text


def test_keys_without_their_token(shell: Shell, aws: EmbeddedAws) -> None:
    """If AWS rejects temporary keys that the code uses without their token, a line says so."""
    shell.good("import boto3\n%aws_profile RoleBeta")
    shell.good("keys = session.get_credentials().get_frozen_credentials()")
    pair = "aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key"
    call = "boto3.client('s3', {}).list_buckets()"
    assert "also need their session token" in shell.run(call.format(pair)).text
    shell.good(call.format(f"{pair}, aws_session_token=keys.token"))


def test_options_by_position(shell: Shell, aws: EmbeddedAws) -> None:
    """A filesystem that gets its options as one argument gets the call with keyword arguments."""
    shell.good("import s3fs\nfrom ipy_awsprofile import storage_options\n%aws_profile RoleBeta")
    code = "s3fs.S3FileSystem(storage_options(session))"
    text = shell.run(f"fs = {code}\nfs.ls('my-first-bucket')").text
    (_, right) = code_in(text[text.index("`S3FileSystem` takes") :])
    shell.good(f"s3fs.{right}.ls('my-first-bucket')")


def test_lines_of_a_configuration_file(shell: Shell, aws: EmbeddedAws) -> None:
    """All lines of a configuration file that a cell contains become lines for a notebook."""
    lines = "c.AwsProfileMagics.session_name = 'ann'\nc.AwsProfileMagics.protected = ['*Beta*']"
    text = shell.run(f"c = get_config()\n{lines}").text
    codes = code_in(text[text.index("This code is for") :])
    shell.good("\n".join(codes))
    assert isinstance(shell.refused("%aws_profile RoleBeta"), ProtectedProfile)


# Lines ------------------------------------------------------------------------------------------


def test_the_default_beside_a_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile beside `--default` gets a line for each of the two, with the limits."""
    error = shell.refused("%aws_profile RoleBeta --default --read-only")
    first, second = code_in(error.hint)
    assert second == "%aws_profile --default --read-only"
    shell.good(first)
    assert shell.names["session"].target.request.read_only


def test_a_role_beside_its_source(shell: Shell, aws: EmbeddedAws) -> None:
    """A role's name beside a profile gets the role's profile or, without one, its ARN."""
    (line,) = code_in(shell.refused("%aws_profile UserAlpha --role RoleBeta --read-only").hint)
    assert line == "%aws_profile RoleBeta --read-only"
    shell.good(line)
    aws.config_file.write_text(aws.config_file.read_text().replace("RoleBeta]", "Beta]"))
    (line,) = code_in(shell.refused("%aws_profile UserAlpha --role RoleBeta").hint)
    shell.good(line.replace("ACCOUNT", "123456789012"))


def test_the_name_of_an_account(shell: Shell, aws: EmbeddedAws) -> None:
    """The name of a listed account gets the profiles and roles in the account, with the limits."""
    organisation(aws)
    aws.sso.sign_in("corp")
    shell.good("%aws_profiles --sso")
    lines = code_in(shell.refused("%aws_profile 'Acme Prod' --read-only").hint)[1:]
    assert lines[0] == "%aws_profile prod-reader --read-only"
    shell.good(lines[1])
    assert shell.names["session"].arn.endswith("/ann")
    assert shell.names["session"].target.request.read_only
    (_, line) = code_in(shell.refused("%aws_profile Sandbox/ReadOnly").hint)
    assert line == "%aws_profile corp:Sandbox/ReadOnly"


def test_options_without_their_value(shell: Shell, aws: EmbeddedAws) -> None:
    """An option without its value gets what it takes, or the magic that doesn't need one."""
    error = shell.refused("%aws_profile RoleBeta --duration")
    assert error.hint.startswith("Write `--duration T`. Set the session's duration, such as 3600")
    assert code_in(shell.refused("%aws_profile --sso").hint) == ["%aws_profiles --sso"]


def test_an_account_as_a_pattern(shell: Shell, aws: EmbeddedAws) -> None:
    """In a cell for many profiles, an account's option becomes the pattern."""
    line = "%%aws_profiles --account 123456789012"
    (right,) = code_in(shell.refused(f"{line} --read-only\n1").hint)
    assert right == "%%aws_profiles 123456789012 --read-only"
    assert shell.good(f"{right}\n1").result["profile"].tolist() == ["RoleBeta"]


def test_expressions_as_patterns(shell: Shell, aws: EmbeddedAws) -> None:
    """A regular expression in a setting gets the pattern that protects the same profiles."""
    text = shell.good("%config AwsProfileMagics.protected = ['^Role.*$']").text
    assert "Patterns aren't regular expressions. Did you mean `Role*`?" in text
    shell.good("%config AwsProfileMagics.protected = ['Role*']")
    assert isinstance(shell.refused("%aws_profile RoleBeta"), ProtectedProfile)


# Files ------------------------------------------------------------------------------------------


def test_conflict_markers(shell: Shell, aws: EmbeddedAws) -> None:
    """Lines that Git couldn't merge are named as such, and the file works without them."""
    text = aws.config_file.read_text()
    ours = "<<<<<<< HEAD\n[profile x]\nregion = us-east-1\n=======\n"
    aws.config_file.write_text(f"{text}\n{ours}[profile x]\nregion = us-west-1\n>>>>>>> main\n")
    error = shell.refused("%aws_profile RoleBeta")
    assert isinstance(error, ConfigFileError)
    assert "The line is a conflict marker of Git." in str(error)
    number = text.count("\n") + 2
    assert f"line {number}" in str(error)
    aws.config_file.write_text(f"{text}\n[profile x]\nregion = us-west-1\n")
    shell.good("%aws_profile RoleBeta")


def test_a_sign_in_as_a_source(shell: Shell, aws: EmbeddedAws) -> None:
    """The name of an [sso-session] as `source_profile` gets the name of a profile."""
    role_arn = "arn:aws:iam::123456789012:role/X"
    aws.write_profile("Chained", source_profile="corp", role_arn=role_arn, region="us-west-2")
    with aws.config_file.open("a") as file:
        file.write("[sso-session corp]\nsso_start_url = https://d-0.awsapps.com/start\n")
        file.write("sso_region = us-east-1\n")
    error = shell.refused("%aws_profile Chained")
    assert isinstance(error, InvalidProfile)
    assert "`corp` is an [sso-session]" in error.hint
    assert "with `sso_session = corp`, `sso_account_id` and `sso_role_name`." in error.hint
    aws.write_profile("Person", sso_session="corp", sso_account_id="1" * 12, sso_role_name="A")
    assert "such as `Person`." in shell.refused("%aws_profile Chained").hint


def test_the_name_of_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """A name that is no sign-in's gets the names of the sign-ins."""
    aws.write_profile("Person", sso_session="corp", sso_account_id="1" * 12, sso_role_name="A")
    with aws.config_file.open("a") as file:
        file.write("[sso-session corp]\nsso_start_url = https://d-0.awsapps.com/start\n")
        file.write("sso_region = us-east-1\n")
    shell.good("from ipy_awsprofile import list_assigned_roles")
    hint = shell.refused("list_assigned_roles('Analytics')").hint
    assert hint.startswith("Use the name of a sign-in in the config file: `corp`.")


def test_the_region_of_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """An [sso-session] with `region` in place of `sso_region` gets the setting."""
    aws.write_profile("Person", sso_session="corp", sso_account_id="1" * 12, sso_role_name="A")
    with aws.config_file.open("a") as file:
        file.write("[sso-session corp]\nsso_start_url = https://d-0.awsapps.com/start\n")
        file.write("region = us-east-1\n")
    hint = shell.refused("%aws_profile Person").hint
    assert "In [sso-session corp], write `sso_region` instead of `region`." in hint


def test_settings_of_granted(shell: Shell, aws: EmbeddedAws) -> None:
    """Granted's settings get the names that AWS's tools read, unless Granted's program is used."""
    own = {"sso_account_id": "1" * 12, "sso_role_name": "A", "sso_region": "us-east-1"}
    settings: dict[str, Any] = {f"granted_{name}": value for name, value in own.items()}
    aws.write_profile("Person", **settings)
    hint = shell.refused("%aws_profile Person").hint
    for name in own:
        assert f"`granted_{name}` isn't an AWS setting, so it is ignored." in hint
        assert f"Did you mean `{name}`?" in hint
    aws.write_profile("Program", credential_process="true", granted_sso_role_name="A")
    assert "granted_sso_role_name` isn't" not in shell.good("%aws_profile --explain Program").text


def test_session_names_with_variables(shell: Shell, aws: EmbeddedAws) -> None:
    """A session's name with a variable is a mistake to `--explain`, and to a switch."""
    aws.write_profile(
        "Named",
        source_profile="UserAlpha",
        role_arn="arn:aws:iam::123456789012:role/RoleBeta",
        role_session_name="$USER",
        region="us-west-2",
    )
    says = "`role_session_name` can contain only the letters a-z and A-Z, digits and the char"
    assert says in shell.good("%aws_profile --explain Named").text
    error = shell.refused("%aws_profile Named")
    assert isinstance(error, InvalidOption)
    assert says in error.hint
    shell.good("%aws_profile Named --session-name ann@example.com")


@pytest.mark.parametrize("name", ["x_security_token_expires", "aws_expiration", "expiration"])
def test_when_keys_expire(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """Keys whose tool has written that they have expired are a mistake to `--explain`."""
    keys = {"aws_access_key_id": "ASIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    for delta, is_over in ((timedelta(hours=-1), True), (timedelta(hours=1), False)):
        profile = f"Temporary{is_over}"
        settings: dict[str, Any] = {**keys, name: f"{now + delta}", "region": "us-west-2"}
        aws.write_profile(profile, **settings)
        text = shell.good(f"%aws_profile --explain {profile}").text
        assert ("The temporary keys expired at" in text) is is_over
        hint = shell.refused(f"%aws_profile {profile}").hint
        assert ("with the tool that wrote them" in hint) is is_over


def test_a_token_beside_long_term_keys(shell: Shell, aws: EmbeddedAws) -> None:
    """A token that is left beside new long-term keys is the line to remove."""
    user = aws.iam.create_user("Eve", account=USER_ACCOUNT)
    keys = {
        "aws_access_key_id": user.access_key_id,
        "aws_secret_access_key": user.secret_access_key,
    }
    aws.write_profile("Eve", region="us-west-2")
    text = aws.credentials_file.read_text()
    aws.write_profile("Eve", file=aws.credentials_file, **keys, aws_session_token="former")
    hint = shell.refused("%aws_profile Eve").hint
    assert "`aws_session_token` belongs to other keys" in hint
    assert "Remove the line" in shell.good("%aws_profile --explain Eve").text
    aws.credentials_file.write_text(text)
    aws.write_profile("Eve", file=aws.credentials_file, **keys)
    assert "user/Eve" in shell.good("%aws_profile Eve").text
