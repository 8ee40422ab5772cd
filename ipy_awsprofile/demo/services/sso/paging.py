"""The pages in which the access portal returns its lists.

https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_ListAccounts.html
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.endpoints import json_answer, json_refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.wrappers import Request, Response

    from ipy_awsprofile.demo.refusals import Refusal

#: The default and the maximum number of items on a page.
_USUAL, _MOST = 20, 100


def page_of(name: str, items: Sequence[dict[str, Any]], request: Request) -> Response:
    """Return the page that a request selects with ``max_result`` and ``next_token``.

    Raises InvalidRequestException for values that AWS doesn't accept.
    """
    size = _size(request.args.get("max_result"))
    start = _start(request.args.get("next_token"))
    page: dict[str, Any] = {name: list(items[start : start + size])}
    if start + size < len(items):
        page["nextToken"] = urlsafe_b64encode(f"{name}:{start + size}".encode()).decode()
    return json_answer(page)


def _size(text: str | None) -> int:
    if text is None:
        return _USUAL
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise _invalid("maxResults")
    return int(text)


def _start(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(urlsafe_b64decode(token).decode().partition(":")[2])
    except ValueError:
        raise _invalid("nextToken") from None


def _invalid(what: str) -> Refusal:
    return json_refusal("InvalidRequestException", {"message": f"Invalid {what}"}, 400)
