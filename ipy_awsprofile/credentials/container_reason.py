"""Why a container's credential service gave no credentials, in words that can be shown.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

from ipy_awsprofile.config.environment import user_environment
from ipy_awsprofile.text import in_words, one_line, parse_json, shortened


def reason_of_container(message: str) -> str:
    """Return the reason in botocore's message about a response; empty if it has none.

    Only what a service says in JSON is quoted, and nothing that repeats the request's token.
    """
    found = re.search(r"non 200 response (\d+) from container metadata: (.*)", message, re.DOTALL)
    if not found:
        return "it can't be reached" if "Received error" in message else ""
    status, body = f"HTTP {found[1]}", found[2]
    try:
        told = parse_json(body)
    except ValueError:
        return status
    if not isinstance(told, dict) or _repeats_token(body):
        return status
    by_name = {str(name).lower(): value for name, value in told.items()}
    texts = [by_name[name] for name in ("code", "message") if isinstance(by_name.get(name), str)]
    words = filter(None, map(in_words, texts))
    return f"{status}, {shortened(one_line(' '.join(words)), 200)}".rstrip(", .")


def _repeats_token(body: str) -> bool:
    environ = user_environment()
    token = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    with suppress(OSError, ValueError):
        token = Path(environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "")).read_text() or token
    words = [word for word in token.split() if word not in {"Basic", "Bearer"}]
    return any(word in body or word in json.dumps(body) for word in words)
