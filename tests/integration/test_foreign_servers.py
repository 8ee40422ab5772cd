"""On servers that aren't AWS, a switch works, and the card says which facts are unknown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.errors import UnexpectedAccount
from ipy_awsprofile.explain.explain import explain
from tests.aws import EmbeddedAws
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
<AssumedRoleUser><Arn>arn:aws:sts:::assumed-role/Analyst/me</Arn>
<AssumeRoleId>4fd0:me</AssumeRoleId></AssumedRoleUser><PackedPolicySize>0</PackedPolicySize>
</AssumeRoleResult></AssumeRoleResponse>"""
RGW = {
    "AssumeRole": (200, ASSUMED),
    "GetCallerIdentity": (405, "<Error><Code>MethodNotAllowed</Code></Error>"),
    "": (204, ""),
}
NOT_TOLD = "unknown: the server doesn't report it"
IGNORED = "It may ignore the session policy"


def test_address_in_a_variable(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If AWS_ENDPOINT_URL leads to an emulator, the card says that the account isn't AWS's."""
    config = aws.config_file.read_text()
    aws.config_file.write_text(re.sub("endpoint_url = .*\n", "", config))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    card = shell.good("%aws_profile RoleBeta").text
    assert "account   123456789012" in card
    assert f"server    {aws.endpoint_url}, not AWS" in card


def test_card(shell: Shell, shared_files: tuple[Path, Path]) -> None:
    """The card has what AssumeRole's response says, and warns if a policy may be ignored."""
    with acting_server(RGW) as url:
        shared_files[0].write_text(CONFIG.format(url=url))
        assert explain(SessionRequest(profile="role")).error is None
        card = shell.good("%aws_profile role").text
        assert "assumed-role/Analyst/me" in card
        assert f"server    {url}, not AWS\n" in card
        assert card.count(NOT_TOLD) == 1
        assert IGNORED not in card
        for option in ("--read-only", "--policy arn:aws:iam::aws:policy/ReadOnlyAccess"):
            assert IGNORED in shell.good(f"%aws_profile role {option}").text
            assert IGNORED in shell.good("%aws_profile").text
        assert shell.good("%aws_profile user").text.count(NOT_TOLD) == 2
        error = shell.refused("%aws_profile user --expect-account 123456789012")
        assert isinstance(error, UnexpectedAccount)
        assert "`user` is in an account that the server doesn't report" in str(error)
