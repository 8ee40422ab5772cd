"""Session tags, source identities, policies and default session names, as AWS enforces them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile import across_profiles
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow
from ipy_awsprofile.errors import AccessDenied
from ipy_awsprofile.sessions.session import open_session, who_am_i
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario
    from tests.shells import Shell

ALL = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
READ = {"Version": "2012-10-17", "Statement": [allow("s3:List*", "sts:*")["Statement"][0]]}


@pytest.fixture(autouse=True)
def audited(aws: EmbeddedAws) -> str:
    """Write profiles of a role that requires a tag and a source identity, and return its ARN."""
    user = aws.create_user("Ann", account=USER_ACCOUNT, policy=allow("sts:*"))
    aws.write_profile(
        "Ann",
        region="us-west-2",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )
    condition = {"StringEquals": {"sts:SourceIdentity": "ann", "aws:RequestTag/team": "red"}}
    statement = {"Effect": "Allow", "Action": ALL, "Principal": {"AWS": user.arn}}
    arn = aws.create_role(
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


GIVEN = "--source-identity ann --tag team=red --transitive-tag team"


@pytest.mark.slow
def test_options(shell: Shell, aws: EmbeddedAws, audited: str) -> None:
    """AWS gets the source identity and tags, the card shows them, and children use the session."""
    refused = shell.refused("%aws_profile Audited")
    assert isinstance(refused, AccessDenied)
    ran = shell.good(f"%aws_profile Audited {GIVEN}")
    assert "source identity  ann" in ran.text
    assert "team=red" in ran.text
    child = run_aws_cli("sts", "get-caller-identity", "--output", "json").stdout
    assert json.loads(child)["Arn"] == shell.names["session"].callers.popitem()[1].arn
    ran = shell.good(f"%aws_profile --role-arn {audited} --source-profile Ann {GIVEN}")
    assert "source identity  ann" in ran.text
    shell.good("%aws_profile --refresh")
    aws.calls.clear()
    shell.good(f"%aws_profile Audited {GIVEN}")  # from the cache entry that only these options use
    assert "sts:AssumeRole" not in [call.action for call in aws.calls]
    assert isinstance(shell.refused("%aws_profile Audited"), AccessDenied)


@pytest.mark.slow
def test_settings_of_a_profile(shell: Shell) -> None:
    """aws-vault's settings work like the options, even for many profiles and in child processes."""
    assert "cost=7" in shell.good("%aws_profile Vault").text
    account = run_aws_cli("sts", "get-caller-identity", "--query", "Account", "--output", "text")
    assert account.stdout.strip() == ROLE_ACCOUNT
    frame = across_profiles(["Vault"], lambda session: who_am_i(session).arn, progress=False)
    assert "assumed-role/Audited/" in frame["value"][0]
    assert "isn't an AWS setting" not in shell.good("%aws_profile --explain Vault").text
    refused = shell.refused("%aws_profile Vault --tag team=blue")
    assert isinstance(refused, AccessDenied)


@pytest.mark.slow
def test_policy(shell: Shell, tmp_path: Path) -> None:
    """A policy from a file or by ARN limits the session of the kernel and of its children."""
    file = tmp_path / "my policy.json"
    file.write_text(json.dumps(READ, indent=8))
    put = "session.client('s3').put_object(Bucket='my-first-bucket', Key='k')"
    shell.good("%aws_profile RoleBeta")
    arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    for policy in (f'"{file}"', arn):
        ran = shell.good(f"%aws_profile RoleBeta --policy {policy}")
        assert "limited by the session policy" in ran.text
        assert shell.good("len(session.client('s3').list_buckets()['Buckets'])").result
        assert "AccessDenied" in str(shell.run(put).error)
    put_object = ("s3api", "put-object", "--bucket", "my-first-bucket", "--key", "k")
    assert "AccessDenied" in run_aws_cli(*put_object).stderr
    with pytest.raises(AccessDenied, match="sts:GetScopedCredentials"):
        open_session("UserAlpha", policy=file)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("Audited --tag team", "`team` can't be the Tags"),
        (f"Audited --tag a={'x' * 257}", "Member must have length less than or equal to 256"),
        ("Audited --transitive-tag team", "must be included in the requested tags"),
        ("UserAlpha --tag team=red", "so its Tags can't be set"),
        ("UserAlpha --source-identity ann", "so its SourceIdentity can't be set"),
        ("Audited --source-identity a", "SourceIdentity, value: 1, valid min length: 2"),
        ('Audited --policy ""', "The policy `` can't be read"),
        (f"Audited {GIVEN} --tag aws:x=y", "can't begin with aws:"),
        ("RoleBeta --source-identity ann", "sts:SetSourceIdentity"),
        ("RoleBeta --tag team=red", "sts:TagSession"),
        ("--tag team=red", "The name of a profile is missing"),
    ],
)
def test_what_is_refused(shell: Shell, line: str, says: str) -> None:
    """If a tag or source identity is invalid, or AWS refuses it, the switch fails with an error."""
    error = shell.refused(f"%aws_profile {line}")
    assert says in str(error)
    assert "session" not in shell.names


@pytest.mark.slow
def test_default_session_name(shell: Shell, aws: EmbeddedAws, scenario: Scenario) -> None:
    """Role sessions use the configured name unless the option or the profile has another."""
    shell.good("%config AwsProfileMagics.session_name = 'ann-at-work'")
    assert "RoleBeta/ann-at-work" in shell.good("%aws_profile RoleBeta").text
    assert "RoleBeta/other" in shell.good("%aws_profile RoleBeta --session-name other").text
    child = run_aws_cli("sts", "get-caller-identity", "--output", "json").stdout
    assert json.loads(child)["Arn"].endswith("/other")
    aws.write_profile(
        "Named",
        role_arn=scenario.role_arn,
        source_profile="UserAlpha",
        role_session_name="own",
        region="us-west-2",
    )
    assert "RoleBeta/own" in shell.good("%aws_profile Named").text
    assert "user/UserAlpha" in shell.good("%aws_profile UserAlpha").text
    frame = across_profiles(["RoleBeta"], lambda session: who_am_i(session).arn, progress=False)
    assert frame["value"][0].endswith("RoleBeta/ann-at-work")
