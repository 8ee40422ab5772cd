"""An embedded AWS with what the kinds of profiles need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from tests.demo.clients import Clock
from tests.kinds import create_ann, prepared, sign_in


@pytest.fixture
def clock() -> Clock:
    """Stop the embedded AWS's clock; botocore's goes on."""
    return Clock()


@pytest.fixture
def aws(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS without the scenario, to whose files the environment points."""
    with EmbeddedAws(clock=clock) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        yield aws


@pytest.fixture
def values(aws: EmbeddedAws) -> dict[str, str]:
    """Make what the texts of the kinds name."""
    ann = create_ann(aws)
    sign_in(aws, ann)
    return prepared(aws, ann)
