"""Fixtures for a lent session and a folder for temporary files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.bindings.credential_server import Address, CredentialServer
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Create an empty folder, and use it for temporary files."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def server() -> Iterator[CredentialServer]:
    """Create a server, and close it after the test."""
    server = CredentialServer()
    yield server
    server.close()


@pytest.fixture
def address(aws: EmbeddedAws, server: CredentialServer) -> Address:
    """Lend a session of RoleBeta, and return its address."""
    return server.lend(open_session("RoleBeta", session_name="kernel"))
