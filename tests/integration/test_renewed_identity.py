"""Renewed credentials keep the identity on the card, and a rejected cached session is replaced."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from botocore.utils import LoginTokenLoader

from ipy_awsprofile import open_session
from ipy_awsprofile.demo.shared_files import append_section, write_private
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import IdentityChanged, SignInRequired
from tests.rotation import keys_of, session_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

LIST_BUCKETS = "s3:ListAllMyBuckets"


def with_tool(aws: EmbeddedAws) -> Callable[[str], None]:
    """Write a profile `P` with a tool, and return a function that chooses the tool's user."""
    output = aws.home / "output.json"
    users = {
        name: aws.create_user(name, account=account, policy=allow("*"))
        for name, account in (("ann", USER_ACCOUNT), ("bob", "111111111111"))
    }

    def choose(name: str) -> None:
        write_private(output, json.dumps(_output(session_keys(aws, users[name]))))

    aws.write_profile("P", credential_process=f"cat {output}", region="us-west-2")
    return choose


def _output(keys: dict[str, str]) -> dict[str, object]:
    return {
        "Version": 1,
        "AccessKeyId": keys["aws_access_key_id"],
        "SecretAccessKey": keys["aws_secret_access_key"],
        "SessionToken": keys["aws_session_token"],
        "Expiration": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
    }


def with_sign_in(aws: EmbeddedAws) -> Callable[[str], None]:
    """Write an SSO profile `P`, and return a function that signs in as a user."""
    for user in ("ann", "bob"):
        aws.sso.assign(USER_ACCOUNT, "Reader", policy=allow("*"), user=user)
    with aws.config_file.open("a") as config:
        config.write(
            f"\n[sso-session corp]\nsso_start_url = {aws.sso.start_url}\n"
            "sso_region = us-east-1\nsso_registration_scopes = sso:account:access\n"
        )
    aws.write_profile(
        "P",
        sso_session="corp",
        sso_account_id=USER_ACCOUNT,
        sso_role_name="Reader",
        region="us-west-2",
    )

    def choose(name: str) -> None:
        aws.sso.sign_in("corp", user=name)

    return choose


SOURCES = {"credential_process": with_tool, "IAM Identity Center": with_sign_in}


def signers(shell: Shell, aws: EmbeddedAws, cell: str) -> set[str | None]:
    """Run a cell, and return who listed buckets in it."""
    aws.calls.clear()
    shell.good(cell)
    return {call.arn for call in aws.calls if call.action == LIST_BUCKETS}


@pytest.mark.parametrize("source", SOURCES)
def test_another_identity(shell: Shell, aws: EmbeddedAws, source: str) -> None:
    """A renewal with another user's credentials is refused until the hint's command is run."""
    choose = SOURCES[source](aws)
    choose("ann")
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        shell.good("%aws_profile P\ns3 = session.client('s3')\nimport boto3")
        (ann,) = signers(shell, aws, "s3.list_buckets() and None")
        clock.shift(timedelta(minutes=55))
        choose("ann")
        assert signers(shell, aws, "s3.list_buckets() and None") == {ann}
        clock.shift(timedelta(minutes=55))
        choose("bob")
        aws.calls.clear()
        for cell in ("s3.list_buckets()", "boto3.client('s3').list_buckets()", "%aws_profile"):
            refused = shell.refused(cell)
            assert isinstance(refused, IdentityChanged)
            assert f"not to {ann}" in str(refused)
            assert "`%aws_profile P`" in refused.hint
        assert LIST_BUCKETS not in {call.action for call in aws.calls}
        shell.good("%aws_profile P")
        (bob,) = signers(shell, aws, "session.client('s3').list_buckets() and None")
        assert str(bob).endswith("/bob")
        assert str(bob) in shell.good("%aws_profile").text


def test_a_cached_session_that_aws_rejects(shell: Shell, aws: EmbeddedAws) -> None:
    """If AWS has ended a cached session of a sign-in, a switch replaces it without a sign-in."""
    with_sign_in(aws)("ann")
    shell.good("%aws_profile P\n%aws_profile --off")
    for cell in ("%aws_profile P\n%aws_profile --off", "%%aws_profile P\npass"):
        assert aws.expire_sessions() == 1
        shell.good(cell)


def test_a_cached_source_that_aws_rejects(shell: Shell, aws: EmbeddedAws) -> None:
    """If AWS rejects a cached session in a role chain, both roles are assumed again."""
    user = aws.create_user("Maria", account=USER_ACCOUNT, policy=allow("*"))
    first = aws.create_role(
        "First", account=ROLE_ACCOUNT, trust=trusting(user.arn), policy=allow("*")
    )
    last = aws.create_role("Last", account=ROLE_ACCOUNT, trust=trusting(first), policy=allow("*"))
    append_section(aws.credentials_file, "Maria", keys_of(user))
    aws.write_profile("First", role_arn=first, source_profile="Maria", region="us-west-2")
    aws.write_profile("Last", role_arn=last, source_profile="First", region="us-west-2")
    shell.good("%aws_profile First")
    aws.expire_sessions()
    aws.calls.clear()
    shell.good("%aws_profile Last")
    assert [call.action for call in aws.calls] == ["sts:AssumeRole"] * 3


def test_rejected_keys(shell: Shell, aws: EmbeddedAws, scenario: object) -> None:
    """If nothing was cached, rejected keys aren't tried again."""
    aws.write_profile("Bad", aws_access_key_id="AKIA0000000000000000", aws_secret_access_key="x")
    aws.write_profile(
        "Role", role_arn=f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta", source_profile="Bad"
    )
    shell.refused("%aws_profile Role --region us-west-2")
    assert len([call for call in aws.calls if call.action == "sts:AssumeRole"]) == 1


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_text("{}")])
def test_a_missing_login(shell: Shell, aws: EmbeddedAws, damage: Callable[[Path], object]) -> None:
    """If the file of `aws login` is deleted or damaged, the next renewal requires a sign-in."""
    ann = aws.create_user("Ann", account=USER_ACCOUNT, policy=allow("*"))
    aws.write_profile("P", login_session=ann.arn, region="us-west-2")
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        file = aws.signin.login(ann)
        shell.good("%aws_profile P")
        damage(file)
        clock.shift(timedelta(minutes=16))
        assert isinstance(shell.refused("session.client('s3').list_buckets()"), SignInRequired)
        aws.signin.login(ann)
        shell.good("session.client('s3').list_buckets() and None")


def test_a_login_that_is_renewed(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """`aws login` is renewed with one call, or by the file that another program has renewed."""
    ann = aws.create_user("Ann", account=USER_ACCOUNT, policy=allow("*"))
    aws.write_profile("P", login_session=ann.arn, region="us-west-2")
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        file = aws.signin.login(ann)
        s3 = open_session("P").client("s3")
        clock.shift(timedelta(minutes=16))
        s3.list_buckets()
        renewed = ["signin:CreateOAuth2Token", LIST_BUCKETS]
        assert [call.action for call in aws.calls] == renewed
        assert aws.calls[-1].arn == ann.arn
        clock.shift(timedelta(minutes=16))
        read, former = LoginTokenLoader.load_token, [json.loads(file.read_text())]
        open_session("P")  # as the other program, which has renewed the file after we read it

        def load_token(self: LoginTokenLoader, name: str) -> Any:
            return former.pop() if former else read(self, name)

        monkeypatch.setattr(LoginTokenLoader, "load_token", load_token)
        aws.calls.clear()
        s3.list_buckets()
        assert [call.action for call in aws.calls] == renewed  # the first call was refused
        assert (
            aws.calls[-1].access_key_id
            == json.loads(file.read_text())["accessToken"]["accessKeyId"]
        )


def test_a_refresh_token_that_another_kernel_uses_first(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If AWS refuses a refresh token, a sign-in that another kernel has just stored is used."""
    with_sign_in(aws)("ann")
    file = aws.sso.sign_in("corp", user="ann", expires_in=-10)
    expired = file.read_text()
    open_session("P", fresh=True)  # as the other kernel
    renewed = file.read_text()
    file.write_text(expired)
    refresh = aws.sso.tokens.refresh

    def refuse(client: Any, token: str) -> Any:
        file.write_text(renewed)
        return refresh(client, token)

    monkeypatch.setattr(aws.sso.tokens, "refresh", refuse)
    aws.calls.clear()
    open_session("P", fresh=True)
    actions = [call.action for call in aws.calls]
    assert actions == ["sso-oidc:CreateToken", "sso:GetRoleCredentials"]
