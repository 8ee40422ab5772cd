"""A clock that a test moves, boto3 clients without an environment, and processes with one."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.accounts import IamUser


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        """Return the time it shows."""
        return self.now

    def advance(self, **how_long: float) -> None:
        """Go on by a timedelta's `minutes`, `seconds` and so on."""
        self.now += timedelta(**how_long)


class Clients:
    """boto3 clients of an embedded AWS that take nothing from the environment."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self._session: Any = boto3.Session()  # one, for reading botocore's models only once

    def of(
        self,
        service: str,
        who: IamUser | dict[str, Any],
        region: str = "us-east-1",
        config: Config | None = None,
    ) -> Any:
        """Make a client for a user, or for the Credentials of an STS answer."""
        if isinstance(who, dict):
            key, secret = who["AccessKeyId"], who["SecretAccessKey"]
            token = who.get("SessionToken")
        else:
            key, secret, token = who.access_key_id, who.secret_access_key, None
        return self._session.client(
            service,
            region_name=region,
            endpoint_url=self.aws.endpoint_url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}).merge(config or Config()),
        )

    def assume(self, who: IamUser | dict[str, Any], role_arn: str, **more: Any) -> dict[str, Any]:
        """Assume a role; return the Credentials."""
        parameters = {"RoleArn": role_arn, "RoleSessionName": "test"} | more
        credentials: dict[str, Any] = self.of("sts", who).assume_role(**parameters)["Credentials"]
        return credentials


def asks_sts(aws: EmbeddedAws, client: str, profile: str, **variables: str) -> Any:
    """Let a process of its own, with the embedded home, say who a profile is.

    botocore fixes the folder of SSO tokens when it is imported, so it has to be a new one.
    """
    ordinary = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, *_CLIENTS[client], profile],
        env=ordinary | aws.environment() | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


_CLIENTS = {
    "boto3": (
        "-c",
        "import boto3, sys\n"
        "session = boto3.Session(profile_name=sys.argv[1])\n"
        "print(session.client('sts').get_caller_identity()['Arn'])",
    ),
    "AWS CLI": (
        *("-m", "awscli", "sts", "get-caller-identity", "--output", "text"),
        *("--query", "Arn", "--profile"),
    ),
}
CLIENTS = tuple(_CLIENTS)
