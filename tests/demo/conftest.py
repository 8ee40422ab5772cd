"""A clean environment for every test, an embedded AWS, and clients with explicit keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import seed
from tests.demo.clients import Clients, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.stages.scenario import Scenario


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def aws(clock: Clock) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(clock=clock) as aws:
        yield aws


@pytest.fixture
def clients(aws: EmbeddedAws) -> Clients:
    return Clients(aws)


@pytest.fixture
def scenario(aws: EmbeddedAws) -> Scenario:
    return seed(aws)
