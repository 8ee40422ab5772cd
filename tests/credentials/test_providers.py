"""A profile's credentials come from botocore's providers, in botocore's order."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import pytest
from botocore.credentials import create_credential_resolver

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials import providers
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.credentials.person import CodePrompter, Person
from ipy_awsprofile.credentials.providers import Renewing, create_provider_chain
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.session import open_session, who_am_i

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario


def test_same_providers_as_botocore(shared_files: tuple[Path, Path]) -> None:
    """A profile has all providers of botocore's own chain, with the same names and in its order."""
    shared_files[0].write_text("[profile p]\nregion = us-east-1\n")
    target = target_of(SessionRequest(profile="p"))
    session, codes = ProfileBotocoreSession(target), CodePrompter(Person, target)
    renewing = Renewing(target, codes=codes, sign_in=lambda: None, check=lambda *_: None)
    ours = create_provider_chain(session, target, {}, renewing).providers
    botocores = create_credential_resolver(session).providers
    names = [(each.METHOD, each.CANONICAL_NAME) for each in ours]
    assert names == [(each.METHOD, each.CANONICAL_NAME) for each in botocores]


def write_process(aws: EmbeddedAws, tmp_path: Path, code: str) -> None:
    """Write the profile Process, whose credential_process runs this code."""
    (tmp_path / "process.py").write_text(code)
    command = f"{sys.executable} {tmp_path / 'process.py'} hush"
    aws.write_profile("Process", credential_process=command, region="us-west-2")


def test_credential_process(aws: EmbeddedAws, scenario: Scenario, tmp_path: Path) -> None:
    """A credential_process supplies the keys of a profile."""
    keys = {
        "Version": 1,
        "AccessKeyId": scenario.user.access_key_id,
        "SecretAccessKey": scenario.user.secret_access_key,
    }
    write_process(aws, tmp_path, f"print({json.dumps(keys)!r})")
    assert who_am_i(open_session("Process")).arn == scenario.user.arn


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit('hush')",
        "print('hush')",
        "print('[]')",
        'print(\'{"Version": 1, "AccessKeyId": "hush"}\')',
    ],
)
def test_credential_process_that_fails(aws: EmbeddedAws, tmp_path: Path, code: str) -> None:
    """If a process doesn't print credentials, the error says so and quotes nothing."""
    write_process(aws, tmp_path, code)
    with pytest.raises(CredentialsUnavailable, match="credential_process of `Process`") as caught:
        open_session("Process")
    assert caught.value.hint.startswith("Run its command in a terminal")
    assert "hush" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


@pytest.mark.parametrize("command", ["/no/such/command", "'"])
def test_credential_process_that_cannot_run(aws: EmbeddedAws, command: str) -> None:
    """A missing program or quotation mark is the same error."""
    aws.write_profile("Process", credential_process=command, region="us-west-2")
    with pytest.raises(CredentialsUnavailable, match="credential_process of `Process`"):
        open_session("Process")


def test_credential_process_that_hangs(
    aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that waits for too long is ended."""
    monkeypatch.setattr(providers, "PROCESS_TIMEOUT", 1.0)
    write_process(
        aws,
        tmp_path,
        f"import pathlib, time\ntime.sleep(3)\npathlib.Path({str(tmp_path / 'ran')!r}).touch()",
    )
    with pytest.raises(CredentialsUnavailable, match="credential_process of `Process`"):
        open_session("Process")
    time.sleep(3)
    assert not (tmp_path / "ran").exists()
