"""A denied call keeps the principal, action, resource and reason from AWS's message."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from ipy_awsprofile.calls.denials import Denied, outcome_of

ROLE = "arn:aws:sts::123456789012:assumed-role/R/s"


def error(code: str, message: str, status: int = 403) -> ClientError:
    """Return botocore's error for a response with this code, message and status."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "GetObject")


@pytest.mark.parametrize(
    ("message", "reason", "denied"),
    [
        (
            f"User: {ROLE} is not authorized to perform: s3:GetObject on resource: "
            '"arn:aws:s3:::lake/people/jane.csv" because no identity-based policy allows the '
            "s3:GetObject action",
            ": because no identity-based policy allows the s3:GetObject action",
            Denied(ROLE, "s3:GetObject", "arn:aws:s3:::lake/people/*"),
        ),
        (
            f"User: {ROLE} is not authorized to perform: dynamodb:GetItem on resource: "
            "arn:aws:dynamodb:us-east-1:123456789012:table/t with an explicit deny in a service "
            "control policy",
            ": with an explicit deny in a service control policy",
            Denied(ROLE, "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:123456789012:table/t"),
        ),
        (
            f"User: {ROLE} is not authorized to perform: sts:AssumeRole",
            "",
            Denied(ROLE, "sts:AssumeRole", ""),
        ),
        ("Access Denied", "", None),
        ("<html>hush</html>", "", None),
    ],
)
def test_denied(message: str, reason: str, denied: Denied | None) -> None:
    """AWS's message is parsed, and the text of any other message is left out."""
    assert outcome_of(error("AccessDenied", message)) == ("denied", f"AccessDenied{reason}", denied)


@pytest.mark.parametrize(
    ("raised", "text"),
    [
        (error("ValidationException", "hush isn't a number", 400), "ValidationException"),
        (error("SignatureDoesNotMatch", "token hush"), "SignatureDoesNotMatch"),
        (error("", "hush", 503), "503"),
        (ParamValidationError(report="hush"), "ParamValidationError"),
        (KeyboardInterrupt("hush"), "KeyboardInterrupt"),
    ],
)
def test_other_errors(raised: BaseException, text: str) -> None:
    """For every other error, only the code or the exception's name is kept."""
    assert outcome_of(raised) == ("failed", text, None)
