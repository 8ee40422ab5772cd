"""AWS errors that the embedded AWS returns, in the form of each AWS protocol.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUERY = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    "<Code>{code}</Code><Message>{message}</Message></Error>"
    "<RequestId>0</RequestId></ErrorResponse>"
)
_EC2 = (
    "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    "<RequestId>0</RequestId></Response>"
)

# The code of the same error in other protocols.
_JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "ExpiredToken": "ExpiredTokenException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}
_EC2_CODES = {
    "AccessDenied": "UnauthorizedOperation",
    "InvalidClientTokenId": "AuthFailure",
    "SignatureDoesNotMatch": "AuthFailure",
}


class Refusal(HTTPException):
    """An AWS error: `aws_code` such as `AccessDenied`, a message, and the HTTP status `code`.

    It is an HTTPException because moto sends HTTPExceptions unchanged.
    """

    def __init__(self, aws_code: str, message: str, status: int = 403) -> None:
        super().__init__()
        self.aws_code = aws_code
        self.message = message
        self.code = status
        self.content_type = "text/xml"
        self.description = _QUERY.format(code=aws_code, message=escape(message))

    def __str__(self) -> str:
        return f"{self.aws_code}: {self.message}"

    @property
    def parts(self) -> tuple[str, str]:
        """The code and the message."""
        return self.aws_code, self.message

    def in_protocol_of(self, service: str, headers: Mapping[str, str]) -> Refusal:
        """Change the code and the body to the service's protocol; return the error."""
        if _is_json(service, headers):
            self.aws_code = _JSON_CODES.get(self.aws_code, self.aws_code)
            self.content_type = "application/x-amz-json-1.1"
            self.description = json.dumps({"__type": self.aws_code, "message": self.message})
        elif service == "ec2":
            self.aws_code = _EC2_CODES.get(self.aws_code, self.aws_code)
            self.description = _EC2.format(code=self.aws_code, message=escape(self.message))
        return self

    # Both moto and werkzeug build the response from these two.
    def get_headers(self, *_: object, **__: object) -> list[tuple[str, str]]:
        """Return the headers of the response."""
        return [("Content-Type", self.content_type), ("X-Amzn-ErrorType", self.aws_code)]

    def get_body(self, *_: object, **__: object) -> str:
        """Return the body of the response."""
        return self.description or ""


def _is_json(service: str, headers: Mapping[str, str]) -> bool:
    """Return whether the response is JSON; without a body, the service's model decides."""
    content_type = headers.get("Content-Type", "")
    if "X-Amz-Target" in headers or content_type:
        return "X-Amz-Target" in headers or "json" in content_type
    try:
        return "json" in get_service_model(service).protocol
    except UnknownServiceError:  # only JSON services have a different name in the signature
        return True


def invalid(message: str) -> Refusal:
    """Return a ValidationError."""
    return Refusal("ValidationError", message, status=400)


def denied(arn: str, action: str, resource: str = "", reason: str = "") -> Refusal:
    """Return an AccessDenied error with AWS's message.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    on = f" on resource: {resource}" if resource else ""
    return Refusal(
        "AccessDenied", f"User: {arn} is not authorized to perform: {action}{on}{reason}"
    )


def not_emulated(what: str) -> Refusal:
    """Return the error for something that isn't emulated; botocore doesn't retry a 501."""
    return Refusal("NotImplemented", f"The embedded AWS doesn't emulate {what}.", status=501)


def missing_signature() -> Refusal:
    """Return the error for an unsigned request."""
    return Refusal("MissingAuthenticationToken", "Request is missing Authentication Token")
