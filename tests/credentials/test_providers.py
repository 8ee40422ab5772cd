"""A profile's credentials come from botocore's providers, in botocore's order."""

from __future__ import annotations

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
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws


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
