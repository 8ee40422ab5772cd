"""Settings and variables with a wrong value: the error names them, and its hint works."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import Scenario
from ipy_awsprofile.errors import CredentialsUnavailable, InvalidOption, InvalidProfile
from tests.aws import EmbeddedAws
from tests.integration.test_followed_hints import put_lines, role_lines
from tests.integration.test_hints import code_in
from tests.kinds import sts_of
from tests.shells import Shell


def add_role(aws: EmbeddedAws, *lines: str) -> None:
    """Add the profile ``etl``, which assumes RoleBeta and has additional lines."""
    put_lines(aws.config_file, "[profile etl]", *role_lines(aws), *lines)


def replace_line(aws: EmbeddedAws, hint: str, line: str) -> None:
    """Replace the line of the config file that a hint names."""
    number = int(hint.rpartition("See config:")[2].rstrip("."))
    lines = aws.config_file.read_text().splitlines()
    lines[number - 1] = line
    aws.config_file.write_text("\n".join([*lines, ""]))


@pytest.mark.parametrize("wrong", ["2030-01-01T10:00:00", "2030-01-01", "in 1 hour"])
def test_expiration_without_a_time_zone(
    shell: Shell, aws: EmbeddedAws, scenario: Scenario, tmp_path: Path, wrong: str
) -> None:
    """The error about a program whose keys don't expire at a clear time names `Expiration`."""
    program = tmp_path / "program.py"
    keys = sts_of(aws, scenario.user).get_session_token()["Credentials"]
    program.write_text(f"print(open({str(tmp_path / 'keys.json')!r}).read())")

    def print_keys(expiration: str) -> None:
        output = {"Version": 1, **keys, "Expiration": expiration}
        (tmp_path / "keys.json").write_text(json.dumps(output))

    print_keys(wrong)
    aws.write_profile("etl", credential_process=f"{sys.executable} {program}", region="us-west-2")
    assert "(no problems found)" in shell.good("%aws_profile --explain etl").text
    error = shell.refused("%aws_profile etl")
    assert isinstance(error, CredentialsUnavailable)
    assert "`Expiration` in the output of the credential_process of `etl`" in str(error)
    assert keys["SecretAccessKey"] not in f"{error}{error.hint}"
    print_keys(code_in(error.hint)[-1])
    assert shell.good("%aws_profile etl").text.startswith("etl ")


#: A wrong line of a profile, and the line to write instead.
LINES = {
    "max_attempts = three": "max_attempts = 3",
    "max_attempts = 10  # more": "max_attempts = 10",
    "max_attempts =": "",
    "retry_mode = fast": "retry_mode = standard",
    "retry_mode =": "",
}


@pytest.mark.parametrize(("wrong", "right"), LINES.items())
def test_settings_of_clients(shell: Shell, aws: EmbeddedAws, wrong: str, right: str) -> None:
    """A setting that botocore reads when it creates a client is named by its error and its line."""
    add_role(aws, wrong)
    card = shell.good("from ipy_awsprofile import list_buckets\n%aws_profile etl").text
    error = shell.refused("list_buckets(session)")
    assert error.hint in card
    assert f"`{wrong.split(maxsplit=1)[0]}`" in error.hint
    explained = shell.good("%aws_profile --explain etl").text
    assert "(1 warning)" in explained
    assert error.hint in explained.replace("\n", " ")
    replace_line(aws, error.hint, right)
    assert "max_attempts" not in shell.good("%aws_profile etl\nlist_buckets(session)").text
    assert "(no problems found)" in shell.good("%aws_profile --explain etl").text


VARIABLES = [
    ("AWS_MAX_ATTEMPTS", ""),
    ("AWS_MAX_ATTEMPTS", "ten"),
    ("AWS_RETRY_MODE", "fast"),
]


@pytest.mark.parametrize(("variable", "value"), VARIABLES)
def test_variables_of_clients(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A variable that botocore reads when it creates a client is named, and can be removed."""
    monkeypatch.setenv(variable, value)
    card = shell.good("from ipy_awsprofile import list_buckets\n%aws_profile RoleBeta").text
    assert f"`{variable}` must be" in card
    error = shell.refused("list_buckets(session)")
    named, *_, line = code_in(error.hint)
    assert named == variable
    assert named in shell.good("%aws_profile --explain RoleBeta").text
    shell.good(f"{line}\nlist_buckets(session)")
    assert "(no problems found)" in shell.good("%aws_profile --explain RoleBeta").text


@pytest.mark.parametrize("setting", ["mfa_serial", "external_id"])
def test_empty_settings_of_a_role(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """An empty setting is named without a prompt, by the error and by its explanation."""
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", asked.append)
    monkeypatch.setattr("getpass.getpass", asked.append)
    add_role(aws, f"{setting} =")
    error = shell.refused("%aws_profile etl")
    assert isinstance(error, InvalidOption)
    assert error.hint.startswith(f"`{setting}` is empty. Write a value, or remove the line. ")
    assert f"`{setting}` is empty." in shell.good("%aws_profile --explain etl").text
    assert asked == []
    replace_line(aws, error.hint, "")
    shell.good("%aws_profile etl")


def test_role_in_another_partition(shell: Shell, aws: EmbeddedAws) -> None:
    """If a role and the Region are in different partitions, the error and `--explain` say so."""
    add_role(aws)
    text = aws.config_file.read_text()
    aws.config_file.write_text("arn:aws-cn:".join(text.rsplit("arn:aws:", 1)))
    error = shell.refused("%aws_profile etl")
    assert "`role_arn` is in AWS's partition `aws-cn`, but the Region `us-west-2`" in error.hint
    assert "partition `aws-cn`" in shell.good("%aws_profile --explain etl").text
    aws.config_file.write_text(text)
    shell.good("%aws_profile etl")
    assert "partition" not in shell.good("%aws_profile --explain etl").text


def test_sign_in_beside_a_role(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile with a role and SSO settings says that botocore uses only the role."""
    role, _, *rest = role_lines(aws)
    sign_in = ["sso_account_id = 123456789012", "sso_role_name = Reader", "sso_region = us-east-1"]
    put_lines(aws.config_file, "[profile etl]", role, *rest, *sign_in)
    error = shell.refused("%aws_profile etl")
    assert isinstance(error, InvalidProfile)
    assert "botocore doesn't use the SSO settings of a profile with a `role_arn`." in error.hint
    assert "botocore doesn't use the SSO" in shell.good("%aws_profile --explain etl").text
    text = aws.config_file.read_text()
    separate = f"source_profile = sso\n{rest[0]}\n{rest[1]}\n[profile sso]"
    aws.config_file.write_text(
        text.replace("\n".join([*rest, sign_in[0]]), f"{separate}\n{sign_in[0]}")
    )
    assert "SSO settings of a profile" not in shell.good("%aws_profile --explain etl").text


def test_folder_instead_of_a_config_file(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If AWS_CONFIG_FILE names a folder, the error says so, and its line restores the default."""
    monkeypatch.setenv("HOME", str(aws.home))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(aws.config_file.parent))
    error = shell.refused("%aws_profile RoleBeta")
    assert f"{aws.config_file.parent} is a folder, not a config file." in error.hint
    assert os.path.expanduser("~/.aws/config") == str(aws.config_file)
    shell.good(f"{code_in(error.hint)[-1]}\n%aws_profile RoleBeta")


@pytest.mark.parametrize("place", ["Frankfurt", "Ireland", "us"])
def test_place_instead_of_a_region(shell: Shell, aws: EmbeddedAws, place: str) -> None:
    """The card and `--explain` suggest the Region of a place, even if the server isn't AWS's."""
    lines = (
        f"%aws_profile RoleBeta --region {place}",
        f"%aws_profile --explain RoleBeta --region {place}",
        f"from ipy_awsprofile import open_session; open_session('RoleBeta', region='{place}');",
    )
    for line in lines:
        text = shell.good(line).text
        assert f"`{place}` isn't a Region that botocore knows. Did you mean `" in text
    region = code_in(text.partition("Did you mean")[2])[0]
    assert "isn't a Region" not in shell.good(f"%aws_profile RoleBeta --region {region}").text
    assert shell.names["session"].region_name == region
    add_role(aws)
    text = aws.config_file.read_text()
    aws.config_file.write_text(f"region = {place}".join(text.rsplit("region = us-west-2", 1)))
    for line in ("%aws_profile etl", "%aws_profile --explain etl"):
        assert f"`{place}` isn't a Region that botocore knows." in shell.good(line).text


def test_global_instead_of_a_region(shell: Shell, aws: EmbeddedAws) -> None:
    """A Region `global` gets a line without the internal Region `aws-global`."""
    text = shell.good("%aws_profile RoleBeta --region global").text
    assert "`global` isn't a Region that botocore knows. " in text
    assert "aws-global" not in text
