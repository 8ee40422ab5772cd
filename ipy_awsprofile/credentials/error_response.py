"""An error response of AWS, or of a server that is compatible with AWS, and what its code means.

Such servers can leave out an error's code or message.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ipy_awsprofile.text import in_words, one_line, shortened

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
#: How a page or document begins, even after a byte order mark.
_DOCUMENT = re.compile(r"\W*[<{\[]")


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An error response; a part that is missing is empty or 0."""

    code: str
    message: str
    operation: str
    status: int

    @classmethod
    def of(cls, error: ClientError) -> ErrorResponse:
        """Return the error response in an error of botocore."""
        # Some servers, such as Ceph's, write the code at the top level of their answer.
        content: Any = error.response.get("Error") or error.response
        metadata: Any = error.response.get("ResponseMetadata") or {}
        message = one_line(content.get("Message") or "")
        return cls(
            code=shortened(str(content.get("Code") or ""), 100),
            # A session that isn't ours takes what it can't read, such as a page, for the message.
            message="" if _DOCUMENT.match(message) else in_words(shortened(message)),
            operation=error.operation_name,
            status=int(metadata.get("HTTPStatusCode") or 0),
        )

    @property
    def is_unknown_operation(self) -> bool:
        """Whether the server doesn't know the operation: Ceph's RGW answers some with 405."""
        return self.code in _UNKNOWN_OPERATION

    @property
    def rejects_signature(self) -> bool:
        """Whether AWS doesn't accept the keys; some services then quote headers with a token."""
        return self.code in REJECTED
