"""Create AWS error responses in the format of each AWS protocol.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from xml.sax.saxutils import escape

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

#: The error codes that are different in JSON protocols.
_IN_JSON = {
    "AccessDenied": "AccessDeniedException",
    "ExpiredToken": "ExpiredTokenException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}
#: The HTTP status codes that are different in S3.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_IN_S3 = {"ExpiredToken": 400}
_IN_XML = {
    "ec2": "<Response><Errors>{}</Errors></Response>",
    "s3": "{}",
    "sts": "<ErrorResponse>{}</ErrorResponse>",
}


class Refused(Exception):
    """An AWS error with a code such as `AccessDenied`, a message, and an HTTP status.

    `document` is the JSON body of the response for services that have their own error format.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 403,
        document: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.document = document

    def response(self, service: str, headers: Headers) -> Response:
        """Return the error as a response in the format of a service, such as `s3`.

        `headers` contains the request's headers, which show whether the service uses JSON.
        """
        if self.document:
            return json_response(self.document, self.status, self.code)
        if "X-Amz-Target" in headers or "json" in headers.get("Content-Type", ""):
            code = _IN_JSON.get(self.code, self.code)
            return json_response({"__type": code, "message": str(self)}, self.status, code)
        code = self.code
        if service == "s3" and code == "InvalidClientTokenId":
            code = "InvalidAccessKeyId"
        error = f"<Error><Code>{code}</Code><Message>{escape(str(self))}</Message></Error>"
        body = _IN_XML.get(service, _IN_XML["sts"]).format(error)
        status = _IN_S3.get(code, self.status) if service == "s3" else self.status
        return Response(body, status, content_type="text/xml")


def json_response(
    document: Mapping[str, object], status: int = 200, error: str | None = None
) -> Response:
    """Return a response with a JSON body and, if `error` is set, a header with its value."""
    response = Response(json.dumps(document), status, content_type="application/json")
    if error:
        response.headers["X-Amzn-ErrorType"] = error
    return response


def denied(arn: str, action: str, resource: str | None = None, reason: str = "") -> Refused:
    """Return an AccessDenied error with the message that AWS uses."""
    on = ""
    if resource and action.startswith("s3:"):
        on = f' on resource: "{resource}"'
    elif resource:
        on = f" on resource: {resource}"
    message = f"User: {arn} is not authorized to perform: {action}{on}{reason}"
    return Refused("AccessDenied", message)


def invalid(message: str, code: str = "ValidationError") -> Refused:
    """Return the error for a request with an invalid parameter."""
    return Refused(code, message, 400)
