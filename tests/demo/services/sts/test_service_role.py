"""Roles that AWS services assume."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.policies import AWAY, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.demo.clients import Clients, Clock


@pytest.mark.parametrize(
    ("service", "principal"),
    [
        ("ec2.amazonaws.com", {"Service": "ec2.amazonaws.com"}),
        ("ecs-tasks.amazonaws.com", {"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}),
    ],
)
def test_a_service_gets_a_session(
    aws: EmbeddedAws, clients: Clients, clock: Clock, service: str, principal: Any
) -> None:
    """A service named in the trust policy gets credentials of the role."""
    role = aws.create_role("App", account=AWAY, trust=trusts(principal))
    credentials = aws.service_session(service, role, "i-0123", duration=900)
    assert set(credentials) == {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
    assert isinstance(credentials["Expiration"], datetime)
    assert (credentials["Expiration"] - clock.now).total_seconds() == 900
    assert credentials["Expiration"].tzinfo is UTC
    arn = clients.of("sts", credentials).get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{AWAY}:assumed-role/App/i-0123"


@pytest.mark.parametrize(
    "principal", [{"Service": "lambda.amazonaws.com"}, {"AWS": AWAY}, "*"], ids=str
)
def test_a_service_that_is_not_trusted(aws: EmbeddedAws, principal: Any) -> None:
    """A service can't assume a role that doesn't name it or that doesn't exist."""
    role = aws.create_role("App", account=AWAY, trust=trusts(principal))
    for arn in (role, role.replace("App", "Gone")):
        with pytest.raises(PermissionError, match=r"ec2\.amazonaws\.com is not authorized"):
            aws.service_session("ec2.amazonaws.com", arn, "i-0123")
