"""A clock that tests advance, boto3 clients, errors of their calls, and client processes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from ipy_awsprofile.demo.commands.environment import clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser


class Clock:
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        """Return the current time."""
        return self.now

    def advance(self, **how_long: float) -> None:
        """Advance the time by the `minutes`, `seconds` and other arguments of a timedelta."""
        self.now += timedelta(**how_long)


class AwsError(NamedTuple):
    """The error that AWS returned for a call."""

    code: str
    message: str
    status: int


def error_of(call: Callable[..., Any], *arguments: Any, **parameters: Any) -> AwsError:
    """Call a function that fails, and return AWS's error."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **parameters)
    error, metadata = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    return AwsError(error["Code"], error["Message"], metadata["HTTPStatusCode"])


def not_authorized(caller: str, role_arn: str, reason: str = "") -> AwsError:
    """Return the error for a caller who isn't allowed to assume a role."""
    message = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    return AwsError("AccessDenied", message + reason, 403)


@cache
def _session() -> Any:
    """Return one session for all clients, so that botocore reads its models only once."""
    return boto3.Session()


def unsigned_client(aws: EmbeddedAws, service: str) -> Any:
    """Return a client that doesn't sign its requests."""
    return _session().client(
        service,
        region_name="us-east-1",
        endpoint_url=aws.endpoint_url,
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )


class Clients:
    """boto3 clients of an embedded AWS that ignore the environment."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws

    def of(
        self,
        service: str,
        who: IamUser | dict[str, Any],
        region: str = "us-east-1",
        config: Config | None = None,
    ) -> Any:
        """Return a client for a user, or for the credentials in an STS response."""
        if isinstance(who, dict):
            key, secret = who["AccessKeyId"], who["SecretAccessKey"]
            token = who.get("SessionToken")
        else:
            key, secret, token = who.access_key_id, who.secret_access_key, None
        return _session().client(
            service,
            region_name=region,
            endpoint_url=self.aws.endpoint_url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}).merge(config or Config()),
        )

    def assume(self, who: IamUser | dict[str, Any], role_arn: str, **more: Any) -> dict[str, Any]:
        """Assume a role, and return its credentials."""
        parameters = {"RoleArn": role_arn, "RoleSessionName": "test"} | more
        credentials: dict[str, Any] = self.of("sts", who).assume_role(**parameters)["Credentials"]
        return credentials

    def assume_error(self, who: IamUser | dict[str, Any], role_arn: str, **more: Any) -> AwsError:
        """Return the error of an AssumeRole call, whose parameters boto3 doesn't validate."""
        parameters = {"RoleArn": role_arn, "RoleSessionName": "test"} | more
        sts = self.of("sts", who, config=Config(parameter_validation=False))
        return error_of(sts.assume_role, **parameters)


def caller_of(
    aws: EmbeddedAws, client: str, profile: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a client that prints the ARN of a profile, and return the finished process.

    A new process is necessary because botocore sets the folder of SSO tokens when it is imported.
    """
    return subprocess.run(
        [sys.executable, *_CLIENTS[client], profile],
        env=clean_environment(aws) | variables,
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
