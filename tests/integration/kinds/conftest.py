"""An embedded AWS with the resources that each kind of profile needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from tests.demo.clients import Clock
from tests.kinds import create_ann, prepared, sign_in


@pytest.fixture
def clock() -> Clock:
    """Return a stopped clock for the embedded AWS; botocore's clock keeps running."""
    return Clock()


@pytest.fixture
def aws(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS without the scenario, and point the environment to its files."""
    with EmbeddedAws(clock=clock) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        yield aws


@pytest.fixture
def values(aws: EmbeddedAws) -> dict[str, str]:
    """Create the resources that the texts of the kinds name, and return their values."""
    ann = create_ann(aws)
    sign_in(aws, ann)
    return prepared(aws, ann)
