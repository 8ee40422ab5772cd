"""HTTP endpoints beside moto's: AWS services that are asked with a token instead of a signature."""

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
    """What answers one path; `action` is how the list of calls names a request to it."""

    action: str
    answer: Callable[[Request], Response]


#: By method and path.
Endpoints = dict[tuple[str, str], Endpoint]


def find(endpoints: Endpoints, environ: Mapping[str, Any]) -> Endpoint | None:
    """Return what answers a WSGI request; a signed one is for moto, whatever its path is."""
    if environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-"):
        return None
    return endpoints.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))


def json_answer(document: Mapping[str, Any]) -> Response:
    """Answer with a JSON document."""
    return Response(json.dumps(document), content_type="application/json")


def json_refusal(code: str, document: Mapping[str, Any], status: int) -> Refusal:
    """Make an error whose body is this JSON document; `code` names it in its header."""
    refusal = Refusal(code, str(document.get("message", "")), status)
    refusal.content_type = "application/json"
    refusal.description = json.dumps(document)
    return refusal
