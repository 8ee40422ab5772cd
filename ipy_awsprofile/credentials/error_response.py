"""Error responses of AWS and AWS-compatible servers, and the meanings of their codes.

AWS-compatible servers can omit an error's code or message.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ipy_awsprofile.text import one_line, shortened

#: Texts without an explanation: numbers, UUIDs, and words such as ``None`` or ``null``.
_WORDLESS = re.compile(r"[\d.,:_-]*|[\da-f-]{32,}|true|false|none|null", re.IGNORECASE)


def in_words(text: str) -> str:
    """Return a text, or an empty text if it is a number, a UUID or similar."""
    return "" if _WORDLESS.fullmatch(text) else text


EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
REJECTED = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
DENIED = {
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "Forbidden",
    "ForbiddenException",
    "UnauthorizedOperation",
}
_UNKNOWN_OPERATION = {
    "InvalidAction",
    "MethodNotAllowed",
    "NotImplemented",
    "UnknownOperationException",
    "UnsupportedOperation",
}
#: The start of an HTML page or a document, even after a byte order mark.
_DOCUMENT = re.compile(r"\W*[<{\[]")


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An error response. Missing parts are empty or 0."""

    code: str
    message: str
    operation: str
    status: int

    @classmethod
    def of(cls, error: ClientError) -> ErrorResponse:
        """Return the error response in a botocore exception."""
        # Some servers, such as Ceph, return the code at the top level of the response.
        content: Any = error.response.get("Error") or error.response
        metadata: Any = error.response.get("ResponseMetadata") or {}
        message = str(content.get("Message") or "")
        return cls(
            code=shortened(str(content.get("Code") or ""), 100),
            # Other sessions use a body that botocore can't parse, such as HTML, as the message.
            message="" if _DOCUMENT.match(message) else in_words(one_line(message, 500)),
            operation=error.operation_name,
            status=int(metadata.get("HTTPStatusCode") or 0),
        )

    @property
    def is_unknown_operation(self) -> bool:
        """Whether the server doesn't support the operation. Ceph's RGW may return status 405."""
        return self.code in _UNKNOWN_OPERATION

    @property
    def rejects_signature(self) -> bool:
        """Whether AWS rejects the keys. Some services then quote headers that contain a token."""
        return self.code in REJECTED
