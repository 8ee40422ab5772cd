"""Redact error messages that contain secrets of the request or the response.

Portals and proxies can include the rejected request, with its tokens, in their error page. botocore
uses a response that it can't parse, which can contain credentials, as the error message.

https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, quote_plus

from botocore.credentials import ReadOnlyCredentials

from ipy_awsprofile.config.private import StaysInProcess

#: The key of the sent request in botocore's context for a call.
_SENT = "ipy_awsprofile_sent"

_HEADERS = ("X-Amz-Security-Token", "x-amz-sso_bearer_token")

#: Secret fields of STS and the OIDC services of IAM Identity Center and ``aws login``, lowercase.
_FIELDS = {
    "assertion",
    "clientsecret",
    "code",
    "codeverifier",
    "devicecode",
    "refreshtoken",
    "samlassertion",
    "subjecttoken",
    "tokencode",
    "webidentitytoken",
}

#: Shorter secrets match only whole numbers.
_SHORT = 12

_HIDDEN = "the response repeats the request, so it isn't shown"


class _Sent:
    """A request's headers and body, with a repr that doesn't show them.

    The body can be a large upload, so it is searched for secrets only after an error.
    """

    __slots__ = ("_data", "_headers")

    def __init__(self, request: Any) -> None:
        self._headers, self._data = request.headers, request.data

    def __repr__(self) -> str:
        return "<what was sent>"

    def secrets(self) -> set[Any]:
        """Return the request's secrets."""
        authorization = str(self._headers.get("Authorization", ""))
        return {
            *(self._headers.get(name) for name in _HEADERS),
            *re.findall(r"(?:Credential=|Signature=|Bearer )([^/,\s]+)", authorization),
            *(text for name, text in _fields(self._data) if name.lower() in _FIELDS),
        }


def remember_request(request: Any, **_: Any) -> None:
    """Handle ``request-created``: keep the request for `redact_error`."""
    request.context[_SENT] = _Sent(request)


def redact_error(parsed: Any, http_response: Any, context: Any, **_: Any) -> None:
    """Handle ``after-call``: remove possible secrets from an error's texts.

    botocore uses a body that it can't parse as the message. Such a body isn't an AWS error and can
    contain credentials, so remove it. Replace texts that contain one of the request's secrets.
    """
    sent = context.pop(_SENT, None)
    if sent is None or not ("Error" in parsed or _status(parsed) >= HTTPStatus.MULTIPLE_CHOICES):
        return
    secrets, body = sent.secrets(), http_response.content.decode(errors="replace")
    for part in (parsed, parsed.get("Error")):
        for name, text in list(part.items()) if isinstance(part, dict) else ():
            if not isinstance(text, str):
                continue
            if text and text == body:
                part[name] = ""
            elif _repeats(text, secrets):
                part[name] = _HIDDEN


def _status(parsed: Any) -> int:
    return int((parsed.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)


def _fields(data: Any) -> Iterator[tuple[str, str]]:
    """Yield the names and text values of a request's body, which is a form or JSON."""
    if isinstance(data, bytes | str):
        try:
            data = json.loads(data)
        except ValueError:
            return
    if isinstance(data, dict):
        yield from ((name, text) for name, text in data.items() if isinstance(text, str))


def _repeats(text: str, secrets: set[Any]) -> bool:
    compact = "".join(text.split())
    for secret in filter(None, map(str, secrets)):
        if len(secret) < _SHORT:
            # Don't match digits of a longer number, such as an account ID.
            if re.search(rf"(?<!\d){re.escape(secret)}(?!\d)", text):
                return True
        elif any(form in compact for form in _written(secret)):
            return True
    return False


def _written(secret: str) -> Iterator[str]:
    """Yield the forms of a secret in a text: plain, quoted, and base64-encoded.

    If the secret was sent in a form, it is already quoted.
    """
    for sent in {secret, quote_plus(secret)}:
        yield from (sent, quote(sent), quote(sent, safe=""), html.escape(sent))
        yield json.dumps(sent)[1:-1]
        for encode in (b64encode, urlsafe_b64encode):
            for shift in range(3):  # its offset in the encoded bytes
                encoded = encode(b"\0" * shift + sent.encode()).decode().rstrip("=")
                yield encoded[(0, 2, 3)[shift] : len(encoded) - 1]


class RedactedCredentials(StaysInProcess, ReadOnlyCredentials):
    """Credentials with a repr that keeps them out of tracebacks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def freeze_credentials(credentials: Any) -> RedactedCredentials:
    """Return a consistent copy of botocore credentials, which renews them if they are expiring.

    Tracebacks can print the variables of stack frames, so assign no other copy to a variable.
    """
    return RedactedCredentials(*credentials.get_frozen_credentials())
