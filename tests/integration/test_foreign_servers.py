"""On servers that aren't AWS, a switch works, and the card says which facts are unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.errors import ServiceError, UnexpectedAccount
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.sessions.session import open_session, who_am_i
from tests.servers import acting_server
from tests.shells import Shell

CONFIG = """
[profile role]
region = default
role_arn = arn:aws:iam:::role/Analyst
source_profile = user
endpoint_url = {url}

[profile user]
region = default
endpoint_url = {url}
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = hush
"""
#: The response of Ceph's RGW, without an AssumedRoleId, and with nanoseconds in its time.
#: https://docs.ceph.com/en/latest/radosgw/STS/
ASSUMED = """<AssumeRoleResponse><AssumeRoleResult><Credentials>
<AccessKeyId>rgwkey</AccessKeyId><Expiration>2099-01-01T00:00:00.123456789Z</Expiration>
<SecretAccessKey>hush</SecretAccessKey><SessionToken>hush</SessionToken></Credentials>
<AssumedRoleUser><Arn>arn:aws:sts::{account}:assumed-role/Analyst/me</Arn>
<AssumeRoleId>4fd0:me</AssumeRoleId></AssumedRoleUser><PackedPolicySize>0</PackedPolicySize>
</AssumeRoleResult></AssumeRoleResponse>"""
NOT_ALLOWED = (405, "<Error><Code>MethodNotAllowed</Code><RequestId>tx0</RequestId></Error>")
RGW = {
    "AssumeRole": (200, ASSUMED.format(account="")),
    "GetCallerIdentity": NOT_ALLOWED,
    "": (204, ""),
}
POLICY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
NOT_TOLD = "unknown: the server doesn't report it"
IGNORED = "isn't AWS, and may ignore the session policy"


def test_role_and_user(shell: Shell, shared_files: tuple[Path, Path]) -> None:
    """AssumeRole's response identifies a role, but the owner of a user's keys is unknown."""
    with acting_server(RGW) as url:
        shared_files[0].write_text(CONFIG.format(url=url))
        assert explain(SessionRequest(profile="role")).error is None
        card = shell.good("%aws_profile role").text
        assert "assumed-role/Analyst/me" in card
        assert card.count(NOT_TOLD) == 1
        assert shell.good("%aws_profile user").text.count(NOT_TOLD) == 2
        assert who_am_i(open_session("role")).account == ""
        for name in ("role", "user"):
            error = shell.refused(f"%aws_profile {name} --expect-account 123456789012")
            assert isinstance(error, UnexpectedAccount)
            assert f"`{name}` is in an account that the server doesn't report" in str(error)


def test_role_in_an_account_of_rgw(shell: Shell, shared_files: tuple[Path, Path]) -> None:
    """You can expect an account in RGW's format, which differs from AWS's."""
    account = "RGW00889737169837717"
    answers = RGW | {"AssumeRole": (200, ASSUMED.format(account=account))}
    with acting_server(answers) as url:
        config = CONFIG.format(url=url)
        shared_files[0].write_text(config.replace("iam:::role/", f"iam::{account}:role/team/"))
        assert explain(SessionRequest(profile="role")).error is None
        assert account in shell.good(f"%aws_profile role --expect-account {account}").text
        assert who_am_i(open_session("role")).account == account


@pytest.mark.parametrize("option", ["--read-only", f"--policy {POLICY}", "--policy policy.json"])
def test_session_policies(
    shell: Shell,
    shared_files: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
) -> None:
    """The card says that another server may ignore a session policy."""
    monkeypatch.chdir(tmp_path)
    Path("policy.json").write_text('{"Version": "2012-10-17", "Statement": []}')
    with acting_server(RGW) as url:
        shared_files[0].write_text(CONFIG.format(url=url))
        assert IGNORED in shell.good(f"%aws_profile role {option}").text
        assert IGNORED in shell.good("%aws_profile").text
        assert IGNORED not in shell.good("%aws_profile role").text


def test_nothing_is_tried_out(shell: Shell, aws: EmbeddedAws) -> None:
    """A switch doesn't call AWS to find out whether the server enforces the session policy."""
    assert IGNORED in shell.good("%aws_profile RoleBeta --read-only").text
    assert [call.action for call in aws.calls] == ["sts:AssumeRole"]


def test_any_other_server(shell: Shell, shared_files: tuple[Path, Path]) -> None:
    """An HTML page instead of such a server's response is still an error."""
    with acting_server({"": (405, "<html>Method Not Allowed</html>")}) as url:
        shared_files[0].write_text(CONFIG.format(url=url))
        assert isinstance(shell.refused("%aws_profile user"), ServiceError)
