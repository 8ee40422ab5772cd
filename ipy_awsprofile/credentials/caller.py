"""The caller identity that STS reports for a set of credentials.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ipy_awsprofile.credentials.retries import retry_throttled


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The ARN and user ID that STS returns for a set of credentials.

    ``cached`` is True if they come from an earlier STS response in the AWS CLI's cache.
    """

    arn: str
    user_id: str
    cached: bool = False

    @property
    def principal(self) -> str:
        """The ARN without the role session name, which can differ for each session."""
        head, _, name = self.arn.rpartition("/")
        return head if ":assumed-role/" in head else f"{head}/{name}"


def caller_identity(sts: Any) -> CallerIdentity:
    """Return the caller identity of an STS client's credentials. Raises botocore's errors."""
    response = retry_throttled(sts).get_caller_identity()
    return CallerIdentity(response["Arn"], response["UserId"])
