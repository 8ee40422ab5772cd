"""Session tags and source identities, as AWS enforces and records them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile import across_profiles
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow
from ipy_awsprofile.errors import AccessDenied
from ipy_awsprofile.sessions.session import who_am_i
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

ALL = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


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
    assert isinstance(shell.refused("%aws_profile Audited"), AccessDenied)
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
    assert isinstance(shell.refused("%aws_profile Vault --tag team=blue"), AccessDenied)
