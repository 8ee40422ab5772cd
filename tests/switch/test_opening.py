"""A switch uses a role from the AWS CLI's cache, and checks it with STS where that matters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import EndpointUnreachable, UnexpectedAccount
from ipy_awsprofile.sessions.session import open_session
from ipy_awsprofile.switch.using_profile import using_profile
from tests.sessions.traces import actions, cached_roles, move_cached_roles

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

SAYS = "left, cached)"


@pytest.fixture(autouse=True)
def cached(aws: EmbeddedAws) -> None:
    """Put RoleBeta's session into the cache."""
    open_session("RoleBeta")
    aws.calls.clear()


def pretend(aws: EmbeddedAws, session_name: str) -> None:
    """Change the session name of the cached role."""
    (file,) = cached_roles(aws)
    document = json.loads(file.read_text())
    role = document["AssumedRoleUser"]["Arn"].rpartition("/")[0]
    document["AssumedRoleUser"]["Arn"] = f"{role}/{session_name}"
    file.write_text(json.dumps(document))


def test_the_card_says_that_the_role_is_cached(aws: EmbeddedAws, shell: Shell) -> None:
    """A switch to a cached role makes no call, and the card says `cached` until a refresh."""
    assert SAYS in shell.good("%aws_profile RoleBeta").text
    assert SAYS in shell.good("%aws_profile").text
    assert actions(aws) == []
    assert SAYS not in shell.good("%aws_profile --refresh").text
    assert actions(aws) == ["sts:AssumeRole"]


@pytest.mark.parametrize("how", ["--expect-account", "protected"])
def test_checks_with_sts(aws: EmbeddedAws, shell: Shell, how: str) -> None:
    """For an expected account or a protected profile, a switch checks the cached role with STS."""
    pretend(aws, "pretended")
    assert "RoleBeta/pretended" in shell.good("%aws_profile RoleBeta").text
    if how == "protected":
        shell.good('%config AwsProfileMagics.protected = ["Role*"]')
        card = shell.good("%aws_profile RoleBeta --yes").text
    else:
        assert isinstance(
            shell.refused("%aws_profile RoleBeta --expect-account 999999999999"), UnexpectedAccount
        )
        aws.calls.clear()
        card = shell.good(f"%aws_profile RoleBeta --expect-account {ROLE_ACCOUNT}").text
    assert actions(aws) == ["sts:GetCallerIdentity"]
    assert ROLE_ACCOUNT in card
    assert "pretended" not in card
    assert SAYS not in card


def test_a_session_that_has_ended_is_replaced(aws: EmbeddedAws, shell: Shell) -> None:
    """If AWS doesn't accept the cached keys any more, the role is assumed again."""
    aws.expire_sessions()
    assert SAYS not in shell.good(f"%aws_profile RoleBeta --expect-account {ROLE_ACCOUNT}").text
    assert actions(aws) == ["sts:GetCallerIdentity", "sts:AssumeRole"]
    shell.good("session.client('s3').list_buckets()")


@pytest.mark.slow
def test_sts_is_unreachable(aws: EmbeddedAws, shell: Shell) -> None:
    """If STS is unreachable, `--expect-account` doesn't trust the cache."""
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace(aws.endpoint_url, "http://127.0.0.1:9"))
    move_cached_roles(aws, "http://127.0.0.1:9")
    assert SAYS in shell.good("%aws_profile RoleBeta").text
    error = shell.refused(f"%aws_profile RoleBeta --expect-account {ROLE_ACCOUNT}")
    assert isinstance(error, EndpointUnreachable)


def test_expected_account(aws: EmbeddedAws, shell: Shell) -> None:
    """An expected account can be a number without leading zeros, and can't be empty."""
    with using_profile("RoleBeta", expect_account=int(ROLE_ACCOUNT)):
        pass
    with pytest.raises(UnexpectedAccount, match="not in 000000000012"):
        using_profile("RoleBeta", expect_account=12).__enter__()
    aws.calls.clear()
    assert "is empty" in str(shell.refused('%aws_profile RoleBeta --expect-account ""'))
    assert actions(aws) == []
