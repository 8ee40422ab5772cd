"""The caller identity that STS reports for a set of credentials.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ipy_awsprofile.credentials.retries import retry_throttled


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The ARN and user ID that STS returns for some credentials.

    ``cached`` says that a file, the AWS CLI's cache, has them as an earlier answer of STS.
    """

    arn: str
    user_id: str
    cached: bool = False

    @property
    def principal(self) -> str:
        """The ARN without the name of a role's session, which each session chooses anew."""
        head, _, name = self.arn.rpartition("/")
        return head if ":assumed-role/" in head else f"{head}/{name}"


def caller_identity(sts: Any) -> CallerIdentity:
    """Return the identity whose credentials this STS client has. Raises botocore's errors."""
    response = retry_throttled(sts).get_caller_identity()
    return CallerIdentity(response["Arn"], response["UserId"])
