"""`--default` and `--role-arn` without a profile, on an EC2 instance.

The docs' pages do the same in a container, with a web identity token and with keys in variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile import open_session, using_profile, who_am_i
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.errors import InvalidProfile, ProtectedProfile
from tests.kinds import ACCOUNT, create_ann, prepared, role
from tests.shells import Shell, run_aws_cli

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS without profiles, and set its endpoint in the environment."""
    with EmbeddedAws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        yield aws


def test_on_an_instance(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance's role is active everywhere, and assumes other roles, even after a switch."""
    after_machine = prepared(aws, create_ann(aws))["after_machine"]
    arn = role("Machine", "i-0abcdef1234567890")
    with aws.on_instance(f"arn:aws:iam::{ACCOUNT}:role/Machine") as environment:
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        for _ in range(2):
            ran = shell.good("%aws_profile --default")
            assert ran.text.startswith("EC2 instance")
            assert arn in ran.text
            assert "eu-west-1" in ran.text
            shell.good("%aws_profile --refresh")
        said = run_aws_cli("sts", "get-caller-identity", "--query", "Arn", "--output", "text")
        assert said.stdout.strip() == boto3.client("sts").get_caller_identity()["Arn"] == arn
        ran = shell.good(f"%aws_profile --role-arn {after_machine} --read-only")
        assert ran.text.startswith(f"{after_machine} ← EC2 instance")
        assert "assumed-role/AfterMachine/" in ran.text
        assert "/AfterMachine/" in who_am_i(open_session(role_arn=after_machine)).arn
        with using_profile(default=True) as session:
            assert who_am_i(session).arn == arn
        shell.good("%aws_profile --off")
        assert boto3.client("sts", "eu-west-1").get_caller_identity()["Arn"] == arn
        shell.good(f"%config AwsProfileMagics.protected = ['{ACCOUNT}']")
        assert isinstance(shell.refused("%aws_profile --default"), ProtectedProfile)


def test_nothing_there(shell: Shell, aws: EmbeddedAws) -> None:
    """Without credentials, `--default` fails, and no profile is active."""
    assert isinstance(shell.refused("%aws_profile --default"), InvalidProfile)
    assert shell.good("%aws_profile").text.startswith("No profile is active")
