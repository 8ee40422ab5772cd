"""The card of the active identity, even without a connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import EndpointUnreachable, MfaUnavailable
from tests.mfa_role import answer_with_codes

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


def files_of(aws: EmbeddedAws) -> tuple[str, str]:
    """Return the texts of the shared files, which are deleted when the embedded AWS stops."""
    return aws.config_file.read_text(), aws.credentials_file.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("minutes", "badge"), [(120, "expired"), (57, "3 minutes left")])
def test_without_a_connection(
    aws: EmbeddedAws,
    shell: Shell,
    shared_files: tuple[Path, Path],
    minutes: int,
    badge: str,
) -> None:
    """Offline, the card shows the last identity, its time left, the reason, and what to do."""
    for file, text in zip(shared_files, files_of(aws), strict=True):
        file.write_text(text)
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        shell.good("%aws_profile RoleBeta")
        aws.stop()
        clock.shift(timedelta(minutes=minutes))
        card = " ".join(shell.good("%aws_profile").text.split())
        assert f"RoleBeta ← UserAlpha ({badge}) account {ROLE_ACCOUNT}" in card
        reason = "The session couldn't be renewed: AWS can't be reached for `RoleBeta`:"
        assert reason in card
        assert "Check the network" in card
        assert "renews by itself" not in card
        assert "Traceback" not in card
        assert isinstance(shell.refused("%aws_profile --refresh"), EndpointUnreachable)


def test_refused(
    aws: EmbeddedAws, auditor: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card says that a renewal needs an MFA code; if the code is missing, the magic fails."""
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        with monkeypatch.context() as attended:
            answer_with_codes(aws, auditor, attended)
            card = shell.good("%aws_profile Auditor").text
        assert "renews with an MFA code" in card
        clock.shift(timedelta(hours=2))
        assert isinstance(shell.refused("%aws_profile"), MfaUnavailable)
