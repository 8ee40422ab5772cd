"""Record who signed a request that AWS refused, and renew a session that AWS rejects.

AWS can end a session before it expires, for example if the user signs out elsewhere or an
administrator revokes the session. This module treats a session that AWS has ended as expired.
botocore repeats the rejected call once with the renewed session.

https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

# ruff: noqa: SLF001  # botocore has no public API for the credentials of a client

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import botocore  # the package alone, which imports nothing else

from ipy_awsprofile.gate import PROCESS, identity_of
from ipy_awsprofile.label import Signature

#: The entries in a request's context: who signed it, the access key ID before that, and whether its
#: session was renewed.
_SIGNATURE = "ipy_awsprofile signature"
_KEY = "ipy_awsprofile key"
_IS_RENEWED = "ipy_awsprofile renewed"

#: The HTTP statuses with which AWS refuses a request because of who signed it.
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

#: How much AWS's clock can differ from this machine's.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
_SKEW = timedelta(minutes=5)

#: What botocore's event has: the HTTP response and the parsed one, or None without a response.
_Response = tuple[object, Mapping[str, Any]] | None


def listen(events: Any, *, is_awaited: bool) -> None:
    """Register the event handlers with a session or a client.

    ``is_awaited`` is true for sessions and clients of aiobotocore.
    """
    after = _after_response_later if is_awaited else _after_response
    events.register("before-sign", _note_signature, unique_id=f"{__name__}.signature")
    events.register("needs-retry", after, unique_id=f"{__name__}.response")


def _note_signature(
    request: Any,
    request_signer: Any,
    signing_name: str = "",
    signature_version: object = None,
    **_: object,
) -> None:
    """Record who signs a request. This function handles botocore's event ``before-sign``."""
    credentials = request_signer._credentials
    credentials = getattr(credentials, "_credentials", credentials)  # aiobotocore's contain ours
    if signature_version in {botocore.UNSIGNED, "bearer"}:
        credentials = None
    variable = _token_variable(signing_name) if signature_version == "bearer" else ""
    request.context[_SIGNATURE] = Signature(credentials, identity_of(credentials), variable)
    # The properties without an underscore can renew the credentials.
    request.context[_KEY] = getattr(credentials, "_access_key", "")


def _token_variable(signing_name: str) -> str:
    """Return the name of the variable that has a service's API key, or "" if it isn't set.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-auth-schemes.html
    """
    name = f"AWS_BEARER_TOKEN_{re.sub('[ -]', '_', signing_name).upper()}"
    return name if name in os.environ else ""


def _after_response(response: _Response, request_dict: dict[str, Any], **_: object) -> float | None:
    """Renew a rejected session, and return 0 so that botocore repeats the call immediately.

    Otherwise, return None. This function handles botocore's event ``needs-retry``.
    """
    if not _is_refused(response):
        return None
    credentials = _rejected_credentials(response, request_dict)
    if credentials is None:
        return None
    credentials.get_frozen_credentials()  # renews them, or asks the user
    return 0


async def _after_response_later(
    response: _Response, request_dict: dict[str, Any], **_: object
) -> float | None:
    """Do the same as `_after_response` for aiobotocore, without blocking the event loop."""
    if not _is_refused(response):
        return None
    import asyncio  # aiobotocore has imported it

    return await asyncio.to_thread(_after_response, response, request_dict)


def _is_refused(response: _Response) -> bool:
    if response is None or not PROCESS.watched:
        return False
    return _status_of(response[1]) in _REFUSED


def _status_of(parsed: Mapping[str, Any]) -> object:
    return parsed.get("ResponseMetadata", {}).get("HTTPStatusCode")


def _rejected_credentials(response: _Response, request_dict: dict[str, Any]) -> Any:
    """Record a refusal.

    Return the credentials if AWS rejected their session and the session can be renewed, and
    otherwise None.

    Ignore refusals of this package's own calls, because the code that makes these calls handles the
    refusals.
    """
    from ipy_awsprofile.credentials.botocore_session import rejection_of  # it imports botocore
    from ipy_awsprofile.credentials.error_table import ENDED, EXPIRED
    from ipy_awsprofile.credentials.providers import reject, renewing_of
    from ipy_awsprofile.credentials.sts import OWN_CALL

    context = request_dict["context"]
    signature = context.get(_SIGNATURE)
    if response is None or signature is None or OWN_CALL in context:
        return None
    parsed = response[1]
    PROCESS.refusals.append((parsed, signature))
    credentials = signature.credentials
    if renewing_of(credentials) is None or context.get(_IS_RENEWED):
        return None
    error = parsed.get("Error", {})
    code = str(error.get("Code"))
    if code == str(HTTPStatus.BAD_REQUEST.value):  # a response without a body, as S3's to HEAD
        code = rejection_of(credentials)
    if code not in EXPIRED | ENDED:
        return None
    if has_wrong_clock(code, str(error.get("Message")), parsed):
        return None
    if not reject(credentials, context[_KEY] or credentials._access_key):
        return None
    context[_IS_RENEWED] = True
    return credentials


def has_wrong_clock(code: str, message: str, parsed: Mapping[str, Any] | None = None) -> bool:
    """Return whether AWS refused a request because this machine's clock is wrong.

    A request can also expire because it took too long, so this function compares the time in AWS's
    response with this machine's time.
    """
    from ipy_awsprofile.credentials.error_table import WRONG_CLOCK  # it imports botocore

    if re.search(WRONG_CLOCK, f"{code}: {message}"):
        return True
    if code != "RequestExpired" or parsed is None:
        return False
    headers = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    with suppress(TypeError, ValueError):
        answered = parsedate_to_datetime(headers.get("date"))
        return abs(answered - datetime.now(UTC)) > _SKEW
    return False


_CODE = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)


def code_and_message(body: str) -> tuple[str, str]:
    """Return AWS's error code and message from the body of an S3 response, or empty strings."""
    code = _CODE.search(body)
    message = _MESSAGE.search(body)
    return code[1] if code else "", message[1] if message else ""


def is_address_of_aws(url: str) -> bool:
    """Return whether a URL belongs to AWS or to an S3-compatible server in the settings."""
    host = urlsplit(url).hostname or ""
    if re.search(r"\.amazonaws\.com(\.cn)?$", host):
        return True
    endpoints = [PROCESS.effects.get("S3 endpoint")]  # of the profile
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        endpoints.append(os.environ.get(name))
    servers = [urlsplit(each).netloc for each in endpoints if isinstance(each, str)]
    return urlsplit(url).netloc in servers
