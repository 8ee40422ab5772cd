"""Sessions are renewed while you work, for the same identity only."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from ipy_awsprofile.demo.aws import append_section
from ipy_awsprofile.demo.iam import Signer
from ipy_awsprofile.demo.identity_center import write_private
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import IdentityChanged, SignInRequired
from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.aws import EmbeddedAws
from tests.identity_center import write_session
from tests.rotation import OF_TOOLS, session_keys, write_keys
from tests.shells import Shell, printing

LIST_BUCKETS = "s3:ListAllMyBuckets"


# Keys in the credentials file, which a tool renews ------------------------------------------------

#: Everything that signs in a notebook: old objects, new objects and child processes.
SIGNERS = (
    "s3.list_buckets() and None",
    "session.client('s3').list_buckets() and None",
    "boto3.client('s3').list_buckets() and None",
    f'!"{{sys.executable}}" -m awscli s3api list-buckets --output json > {os.devnull}',
)


@pytest.fixture
def user(aws: EmbeddedAws) -> Signer:
    """Create a user with the profile `P`, which has session keys and the settings of tools."""
    user = aws.iam.create_user("Worker", account=USER_ACCOUNT, policy=allow("*"))
    aws.write_profile("P", region="us-west-2")
    write_keys(aws, "P", session_keys(aws, user) | OF_TOOLS)
    return user


def test_a_day_with_session_keys(shell: Shell, aws: EmbeddedAws, user: Signer) -> None:
    """After each renewal, AWS sees the keys in the file, even from clients created before."""
    shell.good("import boto3, sys\n%aws_profile P\ns3 = session.client('s3')")
    for _ in range(2):
        aws.iam.expire_sessions()
        key = write_keys(aws, "P", session_keys(aws, user) | OF_TOOLS)
        for cell in SIGNERS:
            aws.calls.clear()
            shell.good(cell)
            signed = [call for call in aws.calls if call.action == LIST_BUCKETS]
            assert [call.access_key_id for call in signed] == [key], cell
            assert {call.arn for call in aws.calls} == {user.arn}
        assert user.arn in shell.good("%aws_profile").text
        assert "still signs" not in shell.good("%aws_profile P").text
    shell.good("%aws_profile --off")
    key = write_keys(aws, "P", user.settings())
    shell.good("s3.list_buckets() and None")  # the user's own client keeps working
    assert aws.calls[-1].access_key_id == key


def test_shown_expiry(shell: Shell, aws: EmbeddedAws, user: Signer) -> None:
    """Session keys in a file have an unknown expiry, and long-term keys have none."""
    for line in ("%aws_profile P", "%aws_profile", "%%aws_profile P\n%aws_profile"):
        ran = shell.good(line)
        assert "expires: unknown" in ran.text
        assert "expires: unknown" in ran.html
    heard: list[Any] = []
    Conversation(running_switcher(), lambda state, _buffers: heard.append(state)).show()
    assert heard[0]["identity"]["seconds_left"] is None
    assert "expires: unknown" in heard[0]["html"]
    write_keys(aws, "P", user.settings())
    assert "no expiry" in shell.good("%aws_profile").text
    write_keys(aws, "P", session_keys(aws, user))
    assert "expires: unknown" in shell.good("%aws_profile").text


def test_keys_of_another_identity(shell: Shell, aws: EmbeddedAws, user: Signer) -> None:
    """Keys of another identity are refused in two lines, and the hint's command works.

    With the first identity's keys, the session works again.
    """
    other = aws.iam.create_user("Other", account=USER_ACCOUNT, policy=allow("*"))
    shell.good("%aws_profile P\ns3 = session.client('s3')")
    write_keys(aws, "P", session_keys(aws, other))
    line = "belong to .*Other now, not to .*Worker. Child processes already use them."
    assert re.search(line, shell.good("shown = 'before the cell'").text)
    for cell in (
        "boto3.client('s3').list_buckets()",
        "s3fs.S3FileSystem(skip_instance_cache=True).ls('')",
    ):
        assert isinstance(shell.run(f"import boto3, s3fs; {cell}").error, IdentityChanged)
    write_keys(aws, "P", user.settings())
    shell.good("s3.list_buckets() and None")
    key = write_keys(aws, "P", other.settings())
    shell.good("shown = 'before the cell'")
    aws.calls.clear()
    for cell in ("s3.list_buckets()", "s3.list_buckets()", "%aws_profile"):
        refused = shell.refused(cell)
        assert isinstance(refused, IdentityChanged)
    calls = {(call.action, call.access_key_id) for call in aws.calls}
    assert calls == {("sts:GetCallerIdentity", key)}
    assert other.arn in shell.good(refused.hint.split("`")[1]).text
    aws.calls.clear()
    shell.good("session.client('s3').list_buckets() and None")
    assert {call.arn for call in aws.calls} == {other.arn}
    stale = shell.run("s3.list_buckets()")  # it was created for the previous identity
    assert isinstance(stale.error, IdentityChanged)
    assert "signs ListBuckets as P as arn:aws:iam::" in stale.text


def test_expected_account(shell: Shell, aws: EmbeddedAws, user: Signer) -> None:
    """A session that must be in one account never signs in another account."""
    shell.good(f"%aws_profile P --expect-account {USER_ACCOUNT}")
    elsewhere = aws.iam.create_user("Elsewhere", account="999988887777", policy=allow("*"))
    write_keys(aws, "P", elsewhere.settings())
    aws.calls.clear()
    assert "Child processes already use them." in shell.good("shown = 'before the cell'").text
    shell.refused("session.client('s3').list_buckets()")
    shell.refused("%aws_profile --refresh")
    assert set(aws.actions) == {"sts:GetCallerIdentity"}


def test_filesystems(
    shell: Shell, aws: EmbeddedAws, user: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An s3fs filesystem uses the current keys, from the file or after a refresh."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    aws.create_bucket("filesystems", account=USER_ACCOUNT, region="us-west-2")
    shell.good("import s3fs\n%aws_profile P\nfs = s3fs.S3FileSystem()\nfs.ls('filesystems')")
    for change in ("pass", "%aws_profile --refresh"):
        aws.iam.expire_sessions()
        key = write_keys(aws, "P", session_keys(aws, user))
        shell.good(change)
        aws.calls.clear()
        shell.good("fs.ls('filesystems', refresh=True)")
        assert {call.access_key_id for call in aws.calls} == {key}


# Sources that can return another identity ---------------------------------------------------------


def with_tool(aws: EmbeddedAws) -> Callable[[str], object]:
    """Write a profile `P` with a tool, and return a function that chooses the tool's user."""
    output = aws.home / "output.json"
    aws.write_profile("P", credential_process=printing(output), region="us-west-2")
    users = {
        name: aws.iam.create_user(name, account=USER_ACCOUNT, policy=allow("*"))
        for name in ("ann", "bob")
    }

    def choose(name: str) -> None:
        keys = session_keys(aws, users[name])
        credentials = {
            "Version": 1,
            "AccessKeyId": keys["aws_access_key_id"],
            "SecretAccessKey": keys["aws_secret_access_key"],
            "SessionToken": keys["aws_session_token"],
            "Expiration": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }
        write_private(output, json.dumps(credentials))

    return choose


def with_sign_in(aws: EmbeddedAws) -> Callable[[str], object]:
    """Write an SSO profile `P`, and return a function that signs in as a user."""
    for user in ("ann", "bob"):
        aws.sso.assign(USER_ACCOUNT, "Reader", policy=allow("*"), user=user)
    write_session(aws)
    settings: Any = {"sso_account_id": USER_ACCOUNT, "sso_role_name": "Reader"}
    aws.write_profile("P", sso_session="corp", region="us-west-2", **settings)
    return lambda name: aws.sso.sign_in("corp", user=name)


def signers(shell: Shell, aws: EmbeddedAws, cell: str) -> set[str | None]:
    """Run a cell, and return who listed buckets in it."""
    aws.calls.clear()
    shell.good(cell)
    return {call.arn for call in aws.calls if call.action == LIST_BUCKETS}


@pytest.mark.parametrize("source", [with_tool, with_sign_in])
def test_another_identity(
    shell: Shell,
    aws: EmbeddedAws,
    clock: time_machine.Traveller,
    source: Callable[[EmbeddedAws], Callable[[str], object]],
) -> None:
    """A renewal with another user's credentials is refused until the hint's command is run."""
    choose = source(aws)
    choose("ann")
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
    assert LIST_BUCKETS not in aws.actions
    shell.good("%aws_profile P")
    (bob,) = signers(shell, aws, "session.client('s3').list_buckets() and None")
    assert str(bob).endswith("/bob")
    assert str(bob) in shell.good("%aws_profile").text


# Sessions that have ended -------------------------------------------------------------------------


def test_cached_sessions_that_aws_rejects(shell: Shell, aws: EmbeddedAws) -> None:
    """If AWS has ended a cached session, a switch replaces it, even in the middle of a chain."""
    with_sign_in(aws)("ann")
    shell.good("%aws_profile P")
    user = aws.iam.create_user("Maria", account=USER_ACCOUNT, policy=allow("*"))
    first = aws.iam.create_role(
        "First", account=ROLE_ACCOUNT, trust=trusting(user.arn), policy=allow("*")
    )
    last = aws.iam.create_role(
        "Last", account=ROLE_ACCOUNT, trust=trusting(first), policy=allow("*")
    )
    append_section(aws.credentials_file, "Maria", user.settings())
    aws.write_profile("First", role_arn=first, source_profile="Maria", region="us-west-2")
    aws.write_profile("Last", role_arn=last, source_profile="First", region="us-west-2")
    shell.good("%aws_profile First\n%aws_profile --off")
    aws.iam.expire_sessions()
    shell.good("%aws_profile P")
    shell.good("%%aws_profile P\nassert session.client('s3').list_buckets()")
    aws.calls.clear()
    shell.good("%aws_profile Last")
    assert aws.actions == ["sts:AssumeRole"] * 3


def test_aws_login(shell: Shell, aws: EmbeddedAws, clock: time_machine.Traveller) -> None:
    """`aws login` is renewed with one call; if its file is gone, a renewal requires a sign-in."""
    ann = aws.iam.create_user("Ann", account=USER_ACCOUNT, policy=allow("*"))
    aws.write_profile("P", login_session=ann.arn, region="us-west-2")
    file = aws.signin.login(ann)
    list_buckets = "session.client('s3').list_buckets() and None"
    shell.good("%aws_profile P")
    clock.shift(timedelta(minutes=16))
    assert signers(shell, aws, list_buckets) == {ann.arn}
    assert aws.actions[0] == "signin:CreateOAuth2Token"
    file.unlink()
    clock.shift(timedelta(minutes=16))
    assert isinstance(shell.refused(list_buckets), SignInRequired)
    aws.signin.login(ann)
    shell.good(list_buckets)


# Short sessions -----------------------------------------------------------------------------------
