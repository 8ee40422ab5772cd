"""Translate network errors: connection failures, timeouts, TLS and proxy errors.

https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as botocore

from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.deadline import DeadlineExceededError
from ipy_awsprofile.credentials.error_response import in_words
from ipy_awsprofile.errors import EndpointUnreachable
from ipy_awsprofile.text import one_line

_TIMEOUTS = (botocore.ConnectTimeoutError, botocore.ReadTimeoutError, DeadlineExceededError)


def unreachable(error: Any, chain: ChainNames) -> EndpointUnreachable:
    """Return the exception for an endpoint that didn't respond or can't be reached."""
    details = getattr(error, "kwargs", {})
    if isinstance(error, botocore.ProxyConnectionError):
        return _proxy(details, chain)
    endpoint = _server(details.get("endpoint_url"))
    if isinstance(error, botocore.SSLError):
        return _tls(endpoint, str(details.get("error", "")), chain)
    slow = isinstance(error, _TIMEOUTS)
    problem = "didn't respond in time" if slow else "can't be reached"
    return EndpointUnreachable(
        f"{endpoint} {problem} for `{chain.asked_for}`.",
        "Check the network (VPN, proxy) and the profile's `endpoint_url`, then run the cell again.",
    )


def _server(address: object) -> str:
    """Return the scheme, host and port of a URL, without a user name and password."""
    url = urlsplit(str(address or ""))
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}" if url.netloc else "AWS"


def _proxy(details: dict[str, Any], chain: ChainNames) -> EndpointUnreachable:
    proxy = _server(details.get("proxy_url"))
    hint = "Check HTTPS_PROXY and HTTP_PROXY, or add the host to NO_PROXY."
    refusal = re.compile(r"(?:Tunnel connection failed: |^)(\d{3}[\w ]*)")
    refused = refusal.search(str(details.get("error", "")))
    if refused is None:
        return EndpointUnreachable(
            f"The proxy {proxy} can't be reached for `{chain.asked_for}`.", hint
        )
    return EndpointUnreachable(
        f"The proxy {proxy} refuses the connection for `{chain.asked_for}`: {refused[1].strip()}.",
        f"The proxy requires a name and a password, or doesn't allow this host. {hint}",
    )


#: Patterns of OpenSSL's messages, with our message and hint for each.
_TLS_PROBLEMS = (
    (
        "No such file|Errno|X509|PEM|NO_CERTIFICATE",
        "The file with CA certificates can't be used",
        "Correct the path in `ca_bundle` or AWS_CA_BUNDLE; the file is in PEM format.",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED|certificate verify failed|match",
        "The certificate of {} isn't accepted",
        "If a proxy of your network inspects TLS, set `ca_bundle` in the profile, or "
        "AWS_CA_BUNDLE, to a file with its CA certificate.",
    ),
    (
        "WRONG_VERSION_NUMBER|wrong version|HTTP_REQUEST",
        "{} doesn't answer with TLS",
        "If it is a server without TLS, its `endpoint_url` begins with http://.",
    ),
)


def _tls(endpoint: str, reason: str, chain: ChainNames) -> EndpointUnreachable:
    known = (what for pattern, *what in _TLS_PROBLEMS if re.search(pattern, reason))
    problem, hint = next(known, ["TLS with {} failed", "Check the network (VPN, proxy)."])
    # Show only the words of `[SSL: CODE] words (_ssl.c:1006)`.
    words = re.sub(r"^\[[^]]*\]\s*|\s*\(_ssl\.c:\d+\)", "", reason)
    words = re.sub(r"certificate verify failed: ", "", words)
    return EndpointUnreachable(
        f"{problem.format(endpoint)} for `{chain.asked_for}`: {one_line(words, 200)}.",
        hint,
    )


def reason_of_container(message: str) -> str:
    """Return the reason in botocore's message about a container's response, or "".

    Quote only JSON from the service, and nothing that repeats the request's token.
    """
    found = re.search(r"non 200 response (\d+) from container metadata: (.*)", message, re.DOTALL)
    if not found:
        return "it can't be reached" if "Received error" in message else ""
    status, body = f"HTTP {found[1]}", found[2]
    try:
        told = json.loads(body)
    except ValueError:
        return status
    if not isinstance(told, dict) or _repeats_token(body):
        return status
    by_name = {str(name).lower(): value for name, value in told.items()}
    texts = [by_name[name] for name in ("code", "message") if isinstance(by_name.get(name), str)]
    words = filter(None, map(in_words, texts))
    return f"{status}, {one_line(' '.join(words), 200)}".rstrip(", .")


def _repeats_token(body: str) -> bool:
    environ = user_environment()
    token = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    with suppress(OSError, ValueError):
        token = Path(environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "")).read_text() or token
    words = [word for word in token.split() if word not in {"Basic", "Bearer"}]
    return any(word in body or word in json.dumps(body) for word in words)
