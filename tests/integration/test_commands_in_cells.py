"""Commands in cells: a line says which identity a command uses, and what to write instead."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import add_role, seed_organisation
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.processes import posix
from tests.shells import Shell

pytestmark = posix

ASKS = "aws sts get-caller-identity --query Arn --output text"
ASKS_IN_PYTHON = f"subprocess.run({ASKS.split()!r}, capture_output=True, text=True).stdout.strip()"


@pytest.fixture
def cells(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a notebook whose shell finds the AWS CLI."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    add_role(aws, "prod-admin", "s3:*")
    aws.write_profile("staging", region="us-west-2")
    shell.good("import boto3, os, subprocess\n%aws_profile RoleBeta")
    return shell


def write_keys(aws: EmbeddedAws) -> None:
    """Write keys into the config file, which a switch then doesn't copy."""
    aws.write_profile("Keys", aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x")


# Profiles without credentials ---------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", " --read-only"])
@pytest.mark.parametrize(
    "command",
    [
        f"arn = !{ASKS} --profile staging",
        f"arn = !AWS_PROFILE=staging {ASKS}",
        f"arn = subprocess.check_output({[*ASKS.split(), '--profile', 'staging']!r}, text=True)",
    ],
)
def test_a_profile_without_credentials(cells: Shell, command: str, options: str) -> None:
    """A command that names a profile without credentials gets a line with the identity it uses."""
    cells.good(f"%aws_profile RoleBeta{options}")
    text = cells.good(command).text
    assert ":assumed-role/RoleBeta/" in str(cells.names["arn"])
    name = cells.names["session"].profile_name + (", read-only" if options else "")
    assert text.endswith(f"`staging` has no credentials, so commands that name it run as `{name}`.")
    assert "doesn't limit" not in text


def test_a_variable_without_effect(cells: Shell, aws: EmbeddedAws) -> None:
    """If AWS_PROFILE names a profile without credentials, the line says which identity is used.

    SDKs refuse incomplete credentials instead of using others.
    """
    text = cells.good("%env AWS_PROFILE=staging").text
    assert "so `boto3.Session()` and child processes still use `RoleBeta`." in text
    assert "switch to `staging`" not in text
    asked = cells.good("boto3.Session().client('sts').get_caller_identity()['Arn']").result
    assert ":assumed-role/RoleBeta/" in asked
    assert ":assumed-role/RoleBeta/" in cells.good(f"!{ASKS}").text
    (line,) = [code for code in code_in(text) if code.startswith("%")]
    cells.good(line)
    assert os.environ["AWS_PROFILE"] == "RoleBeta"
    aws.write_profile("half", role_arn="arn:aws:iam::123456789012:role/RoleBeta")
    assert "still use" not in cells.good("%env AWS_PROFILE=half").text
    assert "assumed-role" not in cells.good(f"!{ASKS}").text


# Profiles that aren't copied ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        f"!{ASKS} --profile prod-admin",
        f"!AWS_PROFILE=prod-admin {ASKS}",
        f"%%bash --no-raise-error\n{ASKS} --profile=prod-admin",
        f"print(subprocess.run({[*ASKS.split(), '--profile', 'prod-admin']!r}).returncode)",
    ],
)
def test_a_profile_that_isnt_copied(cells: Shell, aws: EmbeddedAws, command: str) -> None:
    """If commands can't find a profile, a line says why, and its cell runs the command limited."""
    write_keys(aws)
    cells.good("%aws_profile RoleBeta --read-only")
    text = cells.run(command).text
    assert "your config file, which isn't copied because it contains access keys." in text
    assert "doesn't limit" not in text
    first, left_out = code_in(text)[-2:]
    assert first == "%%aws_profile prod-admin --read-only"
    aws.calls.clear()
    cells.run(f"{first}\n{command.replace(left_out, '')}")
    (caller,) = [call.arn for call in aws.calls if call.action == "sts:GetCallerIdentity"]
    assert ":assumed-role/prod-admin/" in str(caller)
    denied = cells.run(f"{first}\n!aws s3 mb s3://new-bucket")
    assert "session policy" in denied.text


@pytest.mark.parametrize(
    "command",
    [
        f"!AWS_CONFIG_FILE={{file}} {ASKS} --profile prod-admin",
        f"%%bash --no-raise-error\nexport AWS_CONFIG_FILE={{file}}\n{ASKS} --profile prod-admin",
    ],
)
def test_a_command_with_another_config_file(cells: Shell, aws: EmbeddedAws, command: str) -> None:
    """If a command finds the profile in another file, the line doesn't say that it can't."""
    write_keys(aws)
    cells.good("%aws_profile RoleBeta --read-only")
    aws.calls.clear()
    text = cells.run(command.format(file=aws.config_file)).text
    assert any(":assumed-role/prod-admin/" in str(call.arn) for call in aws.calls)
    assert "`RoleBeta, read-only` doesn't limit a command that names a profile." in text
    assert "can't find" not in text
    assert "leave out `--profile prod-admin`, and don't change the command's variables." in text
    aws.calls.clear()
    cells.good(f"!{ASKS}")
    assert all(":assumed-role/RoleBeta/" in str(call.arn) for call in aws.calls)


def test_the_active_profile_isnt_copied(cells: Shell, aws: EmbeddedAws) -> None:
    """If a command names the active profile, the line leaves out the name."""
    write_keys(aws)
    cells.good("%aws_profile RoleBeta --read-only")
    text = cells.run(f"!{ASKS} --profile RoleBeta").text
    *_, left_out = code_in(text)
    assert f"Leave out `{left_out}`." in text
    assert left_out == "--profile RoleBeta"
    assert ":assumed-role/RoleBeta/" in cells.good(f"!{ASKS}").text


def test_a_variable_with_a_profile_that_isnt_copied(cells: Shell, aws: EmbeddedAws) -> None:
    """If programs can't find the profile in AWS_PROFILE, the line says why and how to switch."""
    write_keys(aws)
    cells.good("%aws_profile RoleBeta --read-only")
    text = cells.good("%env AWS_PROFILE=prod-admin").text
    assert "child processes use that" not in text
    assert "isn't copied because it contains access keys." in text
    *_, line = code_in(text)
    assert line == "%aws_profile prod-admin --read-only"
    cells.good(line)
    assert cells.names["session"].profile_name == "prod-admin"


@pytest.mark.parametrize(
    "command",
    [
        "!aws configure get region --profile prod-admin",
        "%%bash --no-raise-error\naws configure get region --profile prod-admin",
    ],
)
def test_a_setting_of_a_profile_that_isnt_copied(
    cells: Shell, aws: EmbeddedAws, command: str
) -> None:
    """If a command can't find the profile whose setting it reads, the line names the file."""
    write_keys(aws)
    cells.good("%aws_profile RoleBeta --read-only")
    text = cells.run(command).text
    assert "isn't copied because it contains access keys." in text
    *_, line = code_in(text)
    again = cells.good(line if line.startswith("!") else f"%%bash\n{line}").text
    assert again.strip() == "us-west-2"


@pytest.mark.parametrize(
    "code",
    [f"!{ASKS} --profile staging", "boto3.Session(profile_name='staging').client('sts')"],
)
def test_a_profile_that_isnt_copied_without_credentials(
    cells: Shell, aws: EmbeddedAws, code: str
) -> None:
    """The line doesn't switch to a profile that has no credentials."""
    write_keys(aws)
    cells.good("%aws_profile RoleBeta --read-only")
    text = cells.run(code).text
    assert "isn't copied because it contains access keys. `staging` has no credentials" in text
    assert "open_session" not in text
    assert "%aws_profile" not in text


@pytest.mark.parametrize("profile", ["notebook", "notebook-agent"])
def test_a_shared_profile_before_sharing(cells: Shell, profile: str) -> None:
    """Before the notebook shares its identity, a line says what creates the profile."""
    text = cells.run(f"!{ASKS} --profile {profile}").text
    assert f"Only `%aws_profile --share` creates the profile `{profile}`" in text
    *_, left_out = code_in(text)
    assert left_out == f"--profile {profile}"
    assert ":assumed-role/RoleBeta/" in cells.good(f"!{ASKS}").text


# Commands without the profile's credentials -------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "!aws configure get region --profile prod-admin",
        "!aws configure list --profile prod-admin",
        "!aws --profile prod-admin configure get region",
        "!echo aws sso login --profile prod-admin",
    ],
)
def test_a_command_without_credentials(cells: Shell, command: str) -> None:
    """A command that calls no service with a profile's credentials gets no line about a limit."""
    cells.good("%aws_profile RoleBeta --read-only")
    assert "limit" not in cells.run(command).text


@pytest.mark.parametrize(
    ("command", "profile"),
    [
        ("!aws configure set region eu-west-1 --profile prod-admin", "prod-admin"),
        ("!aws configure set region eu-west-1", "RoleBeta"),
        ("%%bash\naws configure set region eu-west-1 --profile prod-admin", "prod-admin"),
    ],
)
def test_configuring(cells: Shell, aws: EmbeddedAws, command: str, profile: str) -> None:
    """`aws configure set` gets a line while commands use a copy, and the line changes the file."""
    assert "file" not in cells.good("!aws configure set cli_pager cat --profile prod-admin").text
    cells.good("%aws_profile RoleBeta --read-only")
    before = aws.config_file.read_text()
    text = cells.run(command).text
    assert aws.config_file.read_text() == before
    assert "so `aws configure set` doesn't change yours." in text
    *_, line = code_in(text)
    cells.good(line if line.startswith("!") else f"%%bash\n{line}")
    section = re.search(rf"\[profile {profile}\][^\[]*", aws.config_file.read_text())
    assert section
    assert "region = eu-west-1" in section[0]


def test_the_copy_is_restored(cells: Shell) -> None:
    """What a command writes to the copy of the config file is gone in the next cell."""
    cells.good("%aws_profile RoleBeta --read-only")
    copy = Path(os.environ["AWS_CONFIG_FILE"])
    before = copy.read_text()
    copy.chmod(0o600)  # the superuser doesn't need this
    cells.good("!aws configure set region eu-west-1 --profile prod-admin")
    assert cells.good("!aws configure get region --profile prod-admin").text == "us-west-2"
    assert copy.read_text() == before
    keys = cells.good("!aws configure set aws_secret_access_key hush --profile another").text
    assert keys == ""
    assert "hush" in Path("~/.aws/credentials").expanduser().read_text()


# Limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "left_out"),
    [
        ("['echo', 'ls', '--profile', 'prod-admin']", "'--profile', 'prod-admin'"),
        ('["echo", "--profile=prod-admin"]', "--profile=prod-admin"),
        ("'echo ls --profile prod-admin', shell=True", "--profile prod-admin"),
        (
            "['echo'], env={**os.environ, 'AWS_PROFILE': 'prod-admin'}",
            "'AWS_PROFILE': 'prod-admin'",
        ),
        ("['echo'], env=dict(os.environ, AWS_PROFILE='prod-admin')", "AWS_PROFILE='prod-admin'"),
        ("['echo', '--aws-profile', 'prod-admin']", "'--aws-profile', 'prod-admin'"),
        (
            '["echo", "dict(profile_name=\'prod-admin\')"]',
            "profile_name='prod-admin'",
        ),
    ],
)
def test_subprocess_names_a_profile(cells: Shell, code: str, left_out: str) -> None:
    """A call of `subprocess` that names a profile gets a line in a read-only notebook."""
    cell = f"subprocess.run({code});"
    assert "limit" not in cells.good(cell).text
    cells.good("%aws_profile RoleBeta --read-only")
    assert f"To keep the limit, leave out `{left_out}`." in cells.good(cell).text
    assert "limit" not in cells.good(cell.replace(left_out, "")).text


@pytest.mark.parametrize(
    ("cell", "left_out"),
    [
        ("!{python} -c '{code}'", 'profile_name="prod-admin"'),
        ("%%script {python}\n{code}", 'profile_name="prod-admin"'),
        ("%%bash\n{python} - <<'END'\n{code}\nEND", 'profile_name="prod-admin"'),
        (
            "env = dict(os.environ)\nenv['AWS_PROFILE'] = 'prod-admin'\n"
            "subprocess.run([{python!r}, '-c', {code!r}], env=env)",
            "env['AWS_PROFILE'] = 'prod-admin'",
        ),
    ],
)
def test_a_program_names_a_profile(
    cells: Shell, aws: EmbeddedAws, cell: str, left_out: str
) -> None:
    """A program that names a profile in the cell isn't limited, and a line says how to limit it."""
    code = (
        'import boto3; boto3.Session(profile_name="prod-admin").client("s3")'
        '.put_object(Bucket="my-first-bucket", Key="x")'
    )
    if "env" in left_out:
        code = code.replace('profile_name="prod-admin"', "")
    cell = cell.format(python=sys.executable, code=code)
    cells.good("%aws_profile RoleBeta --read-only")
    text = cells.good(cell).text
    assert f"To keep the limit, leave out `{left_out}`." in text
    writers = [str(call.arn) for call in aws.calls if call.action == "s3:PutObject"]
    assert ":assumed-role/prod-admin/" in writers.pop()
    cells.run(cell.replace(left_out, ""))
    writers = [str(call.arn) for call in aws.calls if call.action == "s3:PutObject"]
    assert ":assumed-role/RoleBeta/" in writers.pop()
    # Code of the kernel that names a profile is no command.
    reading = 'subprocess.run(["true"]); boto3.Session(profile_name="prod-admin").profile_name'
    assert "limit" not in cells.good(reading).text


def test_exporting_under_a_limit(cells: Shell) -> None:
    """A shell that only sets AWS_PROFILE gets one line."""
    cells.good("%aws_profile RoleBeta --read-only")
    text = cells.good("!export AWS_PROFILE=prod-admin").text
    assert text.count("\n") == 0
    assert text.endswith("run `%aws_profile prod-admin --read-only`.")
    assert "doesn't limit" in cells.good("!export AWS_PROFILE=prod-admin; echo aws s3 ls").text


# Many profiles ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        ASKS_IN_PYTHON,
        f"os.popen('{ASKS}').read().strip()",
        f'subprocess.run("{ASKS}", shell=True, capture_output=True, text=True).stdout.strip()',
    ],
)
def test_subprocess_for_many_profiles(cells: Shell, aws: EmbeddedAws, call: str) -> None:
    """A program in a cell for many profiles gets a line with code that uses each profile."""
    names = seed_organisation(aws, 2)
    head = f"%%aws_profiles {','.join(names)} --no-progress --into table"
    text = cells.run(f"{head}\n{call}").text
    assert "the AWS CLI doesn't use the session of the profile." in text
    *_, code = code_in(text)
    old = re.search(r"(?<=\()(\[.*?\]|(['\"])aws .*?\2)", call)
    assert old
    ran = cells.good(f"{head}\n{call.replace(old[0], code)}")
    assert "doesn't use the session" not in ran.text
    accounts = cells.names["table"]["value"].str.split(":").str[4]
    assert list(accounts) == list(cells.names["table"]["account"])
    limited = cells.run(f"{head} --read-only\n{call}").text
    assert "Use the clients of `session` instead." in limited
