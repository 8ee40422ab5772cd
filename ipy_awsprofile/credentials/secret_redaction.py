"""Error messages with secrets of the request or the response are replaced before anyone sees them.

Portals and proxies put the request that they refuse into their error page, with its tokens, and
botocore takes a response that it can't read, which can be credentials, as the error's message.

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

from ipy_awsprofile.config.stays_in_process import StaysInProcess
from ipy_awsprofile.text import parse_json

#: Where botocore keeps the sent request for the duration of a call.
_SENT = "ipy_awsprofile_sent"

_HEADERS = ("X-Amz-Security-Token", "x-amz-sso_bearer_token")

#: Of STS and of the OIDC services of IAM Identity Center and ``aws login``; in lower case.
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

#: Shorter secrets are searched as whole numbers.
_SHORT = 12

_HIDDEN = "the response repeats the request, so it isn't shown"


class _Sent:
    """A request's headers and body, which no repr shows.

    The body can be a large upload: its secrets are looked for only after an error.
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
    """Keep the request until `redact_error`: a handler of ``request-created``."""
    request.context[_SENT] = _Sent(request)


def redact_error(parsed: Any, http_response: Any, context: Any, **_: Any) -> None:
    """Remove what can be secret from an error's texts: a handler of ``after-call``.

    A body that botocore can't read isn't AWS's; it can be credentials, and botocore takes it for
    the message. A text that has one of the request's secrets is replaced.
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
    """Yield the names and texts of a request's body: a form, or JSON."""
    if isinstance(data, bytes | str):
        try:
            data = parse_json(data)
        except ValueError:
            return
    if isinstance(data, dict):
        yield from ((name, text) for name, text in data.items() if isinstance(text, str))


def _repeats(text: str, secrets: set[Any]) -> bool:
    compact = "".join(text.split())
    for secret in filter(None, map(str, secrets)):
        if len(secret) < _SHORT:
            # An account's number may contain an MFA code.
            if re.search(rf"(?<!\d){re.escape(secret)}(?!\d)", text):
                return True
        elif any(form in compact for form in _written(secret)):
            return True
    return False


def _written(secret: str) -> Iterator[str]:
    """Yield how a secret can be written in a text: as it is, quoted, in base64.

    It was quoted already if it was sent in a form.
    """
    for sent in {secret, quote_plus(secret)}:
        yield from (sent, quote(sent), quote(sent, safe=""), html.escape(sent))
        yield json.dumps(sent)[1:-1]
        for encode in (b64encode, urlsafe_b64encode):
            for shift in range(3):  # where it begins in the bytes that were encoded
                encoded = encode(b"\0" * shift + sent.encode()).decode().rstrip("=")
                yield encoded[(0, 2, 3)[shift] : len(encoded) - 1]


class RedactedCredentials(StaysInProcess, ReadOnlyCredentials):
    """Credentials that a traceback with its variables doesn't show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
