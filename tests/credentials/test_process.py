"""A credential_process supplies credentials, or raises an error that doesn't quote its output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario


def test_credential_process(aws: EmbeddedAws, scenario: Scenario, tmp_path: Path) -> None:
    """A credential_process supplies the keys of a profile."""
    keys = {
        "Version": 1,
        "AccessKeyId": scenario.user.access_key_id,
        "SecretAccessKey": scenario.user.secret_access_key,
    }
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    aws.write_profile(
        "Process", credential_process=f"cat {tmp_path / 'keys.json'}", region="us-west-2"
    )
    assert who_am_i(open_session("Process")).arn == scenario.user.arn


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("false", "The credential_process of `Process` failed with status 1"),
        ("echo hush", "The credential_process of `Process` didn't print JSON"),
        ('echo {"Version":2}', "The credential_process of `Process` didn't print JSON"),
        ("/no/such/command", "No such file or directory"),
    ],
)
def test_credential_process_that_fails(aws: EmbeddedAws, command: str, message: str) -> None:
    """If a process fails or doesn't print credentials, the error doesn't quote its output."""
    aws.write_profile("Process", credential_process=command, region="us-west-2")
    with pytest.raises(CredentialsUnavailable, match=message) as caught:
        open_session("Process")
    assert "hush" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
