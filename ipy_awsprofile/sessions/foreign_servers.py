"""Servers that aren't AWS: what they can't tell, and whether they heed a session policy.

Ceph's RGW answers GetCallerIdentity with 405; RGW and SeaweedFS ignore session policies.

https://docs.ceph.com/en/latest/radosgw/STS/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ipy_awsprofile.config.sts_endpoint import is_aws
from ipy_awsprofile.credentials.aws_errors import DENIED, ErrorResponse
from ipy_awsprofile.credentials.deadline import DeadlineExceededError
from ipy_awsprofile.credentials.response_checks import guarded
from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.credentials.translation import translated

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import ProfileSession

#: Codes of servers that don't know an operation.
_UNKNOWN_OPERATION = {
    "InvalidAction",
    "MethodNotAllowed",
    "NotImplemented",
    "UnknownOperationException",
    "UnsupportedOperation",
}

#: A bucket that doesn't exist.
_NO_BUCKET = "ipy-awsprofile-9f0c6d0e2b7a4f5e8d31"


def cannot_tell(error: ClientError, client: Any) -> bool:
    """Return whether a server that isn't AWS doesn't know the operation that it was asked for."""
    return ErrorResponse.of(error).code in _UNKNOWN_OPERATION and not is_aws(
        client.meta.endpoint_url
    )


def may_ignore_policy(session: ProfileSession) -> bool:
    """Return whether a read-only session can write, as far as is known.

    AWS heeds its session policy. Another server has to deny the session a call that would write:
    to delete an object in a bucket that doesn't exist. Raises a child of `AwsProfileError`.
    """
    config = give_up_soon(session.timeout).merge(Config(s3={"addressing_style": "path"}))
    with translated(session.chain):
        if is_aws(session.client("sts").meta.endpoint_url):
            return False
        s3 = guarded(session.client("s3", config=config))
        try:
            s3.delete_object(Bucket=_NO_BUCKET, Key="read-only")
        except ClientError as error:
            return ErrorResponse.of(error).code not in DENIED
        except (BotoCoreError, DeadlineExceededError):
            return True
    return True
