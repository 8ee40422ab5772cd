"""What a user does out of habit gets the line or the sentence that leads on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, add_role
from tests.aws import EmbeddedAws
from tests.shells import Shell

ROLE = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"


def test_a_helper_of_an_earlier_cell(shell: Shell, aws: EmbeddedAws) -> None:
    """In a run, a function of an earlier cell that uses `session` works for each profile."""
    add_role(aws, "RoleGamma", "s3:*", region="us-west-2")
    shell.good("%aws_profile RoleBeta\nfrom ipy_awsprofile import who_am_i")
    shell.good("def who():\n    return who_am_i(session).arn.split('/')[1]")
    frame = shell.good("%%aws_profiles Role* --no-progress\nwho()").result
    assert list(frame["value"]) == list(frame["profile"]) == ["RoleBeta", "RoleGamma"]
    assert shell.good("who()").result == "RoleBeta"


def test_what_the_user_changes_between_switches(shell: Shell, aws: EmbeddedAws) -> None:
    """A cell that changes a variable of the switch says so, once, and `--off` says what stays."""
    shell.good("import os\n%aws_profile RoleBeta")
    changed = shell.good("os.environ['AWS_PROFILE'] = 'UserAlpha'").text
    assert changed.startswith("`AWS_PROFILE` was changed after the switch:")
    assert shell.good("1").text == "Out[0]: 1"
    default = shell.good("import boto3; boto3.setup_default_session(profile_name='UserAlpha')")
    assert default.text.startswith("`boto3.DEFAULT_SESSION` was changed after the switch:")
    shell.good("%aws_profile RoleBeta")
    assert (
        "except for what you have changed since: `AWS_PROFILE`"
        in shell.good("%aws_profile --off").text
    )
    assert shell.good("os.environ['AWS_PROFILE']").result == "UserAlpha"


def test_a_policy_after_a_change_of_folder(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh reads the policy's file again, even if the notebook is in another folder now."""
    monkeypatch.chdir(tmp_path)
    statement = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    Path("draft.json").write_text(json.dumps(policy))
    shell.good("%aws_profile RoleBeta --policy draft.json")
    monkeypatch.chdir(aws.home)
    assert f"session policy {tmp_path / 'draft.json'}" in shell.good("%aws_profile --refresh").text


def test_a_name_with_refresh(shell: Shell, aws: EmbeddedAws) -> None:
    """`NAME --refresh` switches with new credentials, even if cached ones are valid."""
    for _ in range(2):
        aws.calls.clear()
        shell.good("%aws_profile RoleBeta --refresh")
        assert "sts:AssumeRole" in aws.actions


def test_a_duration_with_a_unit(shell: Shell, aws: EmbeddedAws) -> None:
    """The explanation says that botocore ignores `duration_seconds = 30m`."""
    aws.write_profile(
        "Long",
        source_profile="UserAlpha",
        role_arn=ROLE,
        duration_seconds="30m",
        region="us-west-2",
    )
    shell.good("%aws_profile Long")
    assert "botocore ignores" in shell.good("%aws_profile --explain Long").text


#: Lines of a profile, and what the explanation says about them.
LINES = {
    "aws_region = us-west-2": "Did you mean `region`?",
    "export AWS_ACCESS_KEY_ID = AKIAIOSFODNN7EXAMPLE": "Did you mean `aws_access_key_id`?",
    "credential_source = EC2Instance": "`Ec2InstanceMetadata`",
}


@pytest.mark.parametrize("line", LINES)
def test_lines_of_other_tools(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """`--explain` names the setting that is meant, or what ignores the line."""
    with aws.config_file.open("a") as config:
        config.write(f"\n[profile Habit]\nrole_arn = {ROLE}\n{line}\n")
    assert LINES[line] in shell.good("%aws_profile --explain Habit").text


def test_a_header_of_the_other_file(shell: Shell, aws: EmbeddedAws) -> None:
    """`[profile X]` in the credentials file gets the right header."""
    with aws.credentials_file.open("a") as credentials:
        credentials.write("\n[profile Keys]\naws_access_key_id = x\naws_secret_access_key = y\n")
    hint = shell.refused("%aws_profile Keys").hint
    assert hint.startswith("Write [Keys] instead of [profile Keys] in ")
