"""Credentials without a profile, and role sessions with tags and a source identity."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest

from ipy_awsprofile import across_profiles, open_session, using_profile, who_am_i
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, allow
from ipy_awsprofile.errors import AccessDenied, CredentialsUnavailable, ProtectedProfile
from tests.aws import EmbeddedAws
from tests.shells import Shell, run_aws_cli


def role(aws: EmbeddedAws, name: str, principal: dict[str, str]) -> str:
    """Create a role that a service or another role can assume, and return its ARN."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    return aws.iam.create_role(name, account=ROLE_ACCOUNT, trust=trust, policy=allow("*"))


@pytest.fixture
def without_profiles(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delete the profiles, and set the endpoint and the Region in the environment."""
    aws.config_file.write_text("")
    aws.credentials_file.write_text("")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


@pytest.mark.usefixtures("without_profiles")
def test_on_an_instance(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """An EC2 instance's role is active everywhere, and assumes other roles.

    The docs' pages do the same in a container, with a web identity token and with keys in
    variables.
    """
    assert isinstance(shell.refused("%aws_profile --default"), CredentialsUnavailable)
    machine = role(aws, "Machine", {"Service": "ec2.amazonaws.com"})
    after_machine = role(aws, "AfterMachine", {"AWS": machine})
    arn = f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/Machine/i-0abcdef1234567890"
    with aws.on_instance(machine) as environment:
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        for _ in range(2):
            ran = shell.good("%aws_profile --default")
            assert ran.text.startswith("EC2 instance")
            assert arn in ran.text
            assert "eu-west-1" in ran.text
            shell.good("%aws_profile --refresh")
        assert boto3.client("sts").get_caller_identity()["Arn"] == arn
        ran = shell.good(f"%aws_profile --role-arn {after_machine} --read-only")
        assert ran.text.startswith(f"{after_machine} ← EC2 instance")
        with using_profile(default=True) as session:
            assert who_am_i(session).arn == arn
        shell.good(f"%aws_profile --off\n%config AwsProfileMagics.protected = ['{ROLE_ACCOUNT}']")
        assert isinstance(shell.refused("%aws_profile --default"), ProtectedProfile)


ALL = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


@pytest.fixture
def audited(aws: EmbeddedAws) -> str:
    """Write profiles of a role that requires a tag and a source identity, and return its ARN."""
    user = aws.iam.create_user("Ann", account=USER_ACCOUNT, policy=allow("sts:*"))
    aws.write_profile("Ann", region="us-west-2", **user.settings())
    condition = {"StringEquals": {"sts:SourceIdentity": "ann", "aws:RequestTag/team": "red"}}
    statement = {"Effect": "Allow", "Action": ALL, "Principal": {"AWS": user.arn}}
    arn = aws.iam.create_role(
        "Audited",
        account=ROLE_ACCOUNT,
        trust={"Statement": [statement | {"Condition": condition}]},
        policy=allow("*"),
    )
    role: Any = {"role_arn": arn, "source_profile": "Ann", "region": "us-west-2"}
    aws.write_profile("Audited", **role)
    aws.write_profile(
        "Vault",
        **role,
        source_identity="ann",
        session_tags="team=red, cost=7",
        transitive_session_tags="team",
    )
    return arn


GIVEN = "source_identity='ann', tags={'team': 'red'}, transitive_tags=['team']"


def test_tags_and_source_identity(shell: Shell, aws: EmbeddedAws, audited: str) -> None:
    """AWS gets the source identity and the tags, which the role requires, in children, too."""
    assert isinstance(shell.refused("%aws_profile Audited"), AccessDenied)
    shell.good("from ipy_awsprofile import open_session, using_profile, who_am_i")
    for role in ("'Audited'", f"role_arn={audited!r}, source_profile='Ann'"):
        shell.good(f"with using_profile({role}, {GIVEN}) as own: pass")
    arn = who_am_i(shell.names["own"]).arn
    card = shell.good(f"with using_profile({role}, {GIVEN}):\n    %aws_profile").text
    assert re.search(r"\n  source identity +ann\n  tags +team=red\n", card)
    shell.names["run"] = run_aws_cli
    code = "child = run('sts', 'get-caller-identity', '--output', 'json').stdout"
    shell.good(f"with using_profile({role}, {GIVEN}):\n    {code}")
    assert json.loads(shell.names["child"])["Arn"] == arn
    shell.good(f"open_session('Audited', {GIVEN})")
    aws.calls.clear()
    shell.good(f"open_session('Audited', {GIVEN})")  # from the cache entry that only these use
    assert "sts:AssumeRole" not in aws.actions
    assert isinstance(shell.refused("%aws_profile Audited"), AccessDenied)


def test_actions_that_a_trust_policy_lacks(shell: Shell, aws: EmbeddedAws, audited: str) -> None:
    """If AWS denies a role, the hint names the actions that this request needs, and no others."""
    aws.iam.roles[audited].trust["Statement"][0]["Action"] = "sts:AssumeRole"
    shell.good("from ipy_awsprofile import open_session")
    actions: dict[str, list[str]] = {
        "open_session('Audited')": ALL[:1],
        "open_session('Audited', tags={'team': 'red'})": ALL[:2],
        "open_session('Audited', source_identity='ann')": ALL[::2],
        "open_session('Vault')": ALL,
    }
    for call, needed in actions.items():
        assert re.findall(r"sts:\w+", shell.refused(call).hint) == needed
    aws.iam.roles[audited].trust["Statement"][0]["Action"] = needed
    shell.good("%aws_profile Vault")


def test_settings_of_a_profile(shell: Shell, audited: str) -> None:
    """aws-vault's settings work like the options, even for many profiles."""
    shell.good("%aws_profile Vault")
    frame = across_profiles(["Vault"], lambda session: who_am_i(session).arn, progress=False)
    assert "assumed-role/Audited/" in frame["value"][0]
    with pytest.raises(AccessDenied):
        open_session("Vault", tags={"team": "blue"})
