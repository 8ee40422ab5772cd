"""Paths that bypass moto: services with requests that have a token and no signature."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from ipy_awsprofile.demo.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.wrappers import Request


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The function that answers one path; `action` is the name of its requests in the call list."""

    action: str
    answer: Callable[[Request], Response]


#: The key is the method and the path.
Endpoints = dict[tuple[str, str], Endpoint]


def find(endpoints: Endpoints, environ: Mapping[str, Any]) -> Endpoint | None:
    """Return the endpoint of a WSGI request, or None; moto answers all signed requests."""
    if environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-"):
        return None
    return endpoints.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))


def json_answer(document: Mapping[str, Any]) -> Response:
    """Return a response with a JSON document."""
    return Response(json.dumps(document), content_type="application/json")


def json_refusal(code: str, document: Mapping[str, Any], status: int) -> Refusal:
    """Return an error with this JSON document as its body and `code` in its header."""
    refusal = Refusal(code, str(document.get("message", "")), status)
    refusal.content_type = "application/json"
    refusal.description = json.dumps(document)
    return refusal
