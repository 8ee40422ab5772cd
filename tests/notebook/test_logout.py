"""Signing out at AWS, in the AWS CLI's files and in the notebook."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.refusals import Refusal
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from ipy_awsprofile.errors import SignInRequired
from tests.identity_center import PROD, organisation, write_session
from tests.sessions.traces import cached_roles

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    organisation(aws)
    aws.sso.sign_in("corp")


def tokens(aws: EmbeddedAws) -> list[Path]:
    """Return the token files of all sign-ins."""
    folders = (aws.home / ".aws" / name / "cache" for name in ("sso", "login"))
    return [file for folder in folders for file in folder.glob("*.json")]


def is_valid(aws: EmbeddedAws, token: str) -> bool:
    """Return whether AWS accepts the access token."""
    try:
        return bool(aws.sso.tokens.user(token))
    except Refusal:
        return False


def access_token(file: Path) -> str:
    """Return the access token in the file."""
    token: str = json.loads(file.read_text())["accessToken"]
    return token


def test_all_sign_ins(shell: Shell, aws: EmbeddedAws) -> None:
    """Signing out revokes and deletes all tokens, including `aws login`'s, and ends the switch."""
    user = aws.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    aws.write_profile("Ann", login_session=user.arn, region="us-west-2")
    aws.signin.login(user)
    write_session(aws, "other")
    aws.write_profile("other-reader", sso_session="other", endpoint_url=aws.endpoint_url)
    aws.sso.sign_in("other")
    valid = [access_token(file) for file in tokens(aws) if file.parent.parent.name == "sso"]
    assert [is_valid(aws, token) for token in valid] == [True, True]
    shell.good("%aws_profiles --sso corp")
    shell.good("%aws_profile prod-reader")
    assert cached_roles(aws)
    ran = shell.good("%aws_profile --logout")
    assert [is_valid(aws, token) for token in valid] == [False, False]
    assert tokens(aws) == []
    assert cached_roles(aws) == set()
    assert list((aws.home / ".cache/ipy_awsprofile").glob("roles-*")) == []
    assert ran.text.startswith("Signed out of ")
    assert all(name in ran.text.splitlines()[0] for name in ("corp", "other", "Ann"))
    assert "prod-reader is no longer active" in ran.text
    assert "session" not in shell.names
    assert [secret for secret in aws.secrets() if secret in ran.text + ran.html] == []
    assert "No profile is active" in shell.good("%aws_profile").text
    for line in ("%aws_profile prod-reader", "%aws_profiles --sso corp", "%aws_profile Ann"):
        assert isinstance(shell.refused(line), SignInRequired)
    assert "You aren't signed in" in shell.good("%aws_profile --logout").text


@pytest.mark.parametrize("line", ["--sso corp --logout", "prod-reader --logout"])
def test_one_sign_in(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """Only the named sign-in ends; an identity of another sign-in stays active."""
    write_session(aws, "other")
    aws.write_profile(
        "other-reader", sso_session="other", sso_account_id=PROD, sso_role_name="Reader"
    )
    kept = aws.sso.sign_in("other")
    shell.good("%aws_profile other-reader --region us-west-2")
    ran = shell.good(f"%aws_profile {line}")
    assert ran.text.splitlines()[0] == "Signed out of corp"
    assert "isn't active" not in ran.text
    assert tokens(aws) == [kept]
    assert is_valid(aws, access_token(kept))
    assert shell.good("%aws_profile --refresh").text.startswith("other-reader")


@pytest.mark.slow
def test_without_a_connection(shell: Shell, aws: EmbeddedAws) -> None:
    """If AWS can't be reached, the token is deleted, and the card says that AWS wasn't told."""
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace(aws.endpoint_url, "http://127.0.0.1:1"))
    (file,) = tokens(aws)
    token = access_token(file)
    ran = shell.good("%aws_profile --sso corp --logout")
    assert "The tokens of `corp` couldn't be revoked" in ran.text
    assert token not in ran.text + ran.html
    assert tokens(aws) == []
    assert is_valid(aws, token)
