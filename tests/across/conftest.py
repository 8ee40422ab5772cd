"""A fixture with an organisation of six accounts."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import seed_organisation
from tests.aws import EmbeddedAws


@pytest.fixture
def names(aws: EmbeddedAws) -> tuple[str, ...]:
    """Create six accounts in two Regions, each with a role profile; return the profiles' names."""
    return seed_organisation(aws, 6)
