"""An embedded AWS without profiles, clients with explicit keys, and a clock that tests advance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import seed
from tests.demo.clients import Clients, Clock
from tests.demo.policies import HOME, allows, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from ipy_awsprofile.demo.stages.scenario import Scenario


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
def user(aws: EmbeddedAws) -> IamUser:
    """Create a user with all permissions."""
    return aws.create_user("Ann", account=HOME, policy=policy(allows("*")))


@pytest.fixture
def scenario(aws: EmbeddedAws) -> Scenario:
    return seed(aws)
