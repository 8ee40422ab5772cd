"""The timeouts of clients, and their number of attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3

from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def test_give_up_soon() -> None:
    """A client of a switch waits for the timeout, and makes at most two attempts."""
    config: Any = give_up_soon(3.5)
    assert (config.connect_timeout, config.read_timeout) == (3.5, 3.5)
    assert config.retries["total_max_attempts"] == 2


def test_users_clients_keep_the_defaults(aws: EmbeddedAws) -> None:
    """The timeout applies to the package's own calls, and the user's clients keep the default."""
    config = open_session("RoleBeta", timeout=1.5).client("s3").meta.config
    assert (
        config.read_timeout == boto3.Session().client("sts", "us-east-1").meta.config.read_timeout
    )
