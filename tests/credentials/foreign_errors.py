"""AWS and botocore errors for tests, and their translation."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AwsProfileError

CHAIN = ("RoleBeta", "UserAlpha")


def response(
    code: object = None, message: object = None, operation: str = "ListBuckets"
) -> ClientError:
    """Return the error that botocore raises for a response with this code and message."""
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(answer, operation)


def translate(error: Exception, chain: tuple[str, ...] = CHAIN) -> AwsProfileError:
    """Translate a foreign error, and return our error."""
    with pytest.raises(AwsProfileError) as caught, translated(chain):
        raise error
    return caught.value
