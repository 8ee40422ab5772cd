"""What a user does out of habit gets the line or the sentence that leads on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import add_role, allow
from tests.aws import EmbeddedAws
from tests.shells import Shell


def test_a_helper_of_an_earlier_cell(shell: Shell, aws: EmbeddedAws) -> None:
    """In a run, a function of an earlier cell that uses `session` works for each profile."""
    add_role(aws, "RoleGamma", "s3:*", region="us-west-2")
    shell.good("%aws_profile RoleBeta\nfrom ipy_awsprofile import who_am_i")
    shell.good("def who():\n    return who_am_i(session).arn.split('/')[1]")
    frame = shell.good("%%aws_profiles Role* --no-progress\nwho()").result
    assert list(frame["value"]) == list(frame["profile"]) == ["RoleBeta", "RoleGamma"]
    assert shell.good("who()").result == "RoleBeta"


def test_a_policy_after_a_change_of_folder(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh reads the policy's file again, even if the notebook is in another folder now."""
    monkeypatch.chdir(tmp_path)
    Path("draft.json").write_text(json.dumps(allow("s3:ListAllMyBuckets")))
    shell.good("%aws_profile RoleBeta --policy draft.json")
    monkeypatch.chdir(aws.home)
    assert f"session policy {tmp_path / 'draft.json'}" in shell.good("%aws_profile --refresh").text


def test_a_header_of_the_other_file(shell: Shell, aws: EmbeddedAws) -> None:
    """`[profile X]` in the credentials file gets the right header."""
    with aws.credentials_file.open("a") as credentials:
        credentials.write("\n[profile Keys]\naws_access_key_id = x\naws_secret_access_key = y\n")
    hint = shell.refused("%aws_profile Keys").hint
    assert hint.startswith("Write [Keys] instead of [profile Keys] in ")
