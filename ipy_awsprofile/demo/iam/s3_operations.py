"""Find the operation of a request to S3 by its method, path, query and headers, as S3 does.

https://smithy.io/2.0/spec/http-bindings.html
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from botocore.loaders import Loader
from botocore.model import ServiceModel

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from botocore.model import OperationModel


@dataclass(frozen=True, slots=True)
class _Route:
    """The requests for an operation, with the names that they must have in each place."""

    operation: str
    method: str
    path: frozenset[str]
    query: frozenset[str]
    headers: frozenset[str]

    @property
    def specificity(self) -> int:
        """The number of required parameters and headers; the most specific route wins."""
        return len(self.query) + len(self.headers)


def find_operation(
    method: str, path: AbstractSet[str], query: AbstractSet[str], headers: AbstractSet[str]
) -> str | None:
    """Return an operation such as `PutBucketEncryption`, or None if S3 has none for the request.

    `path` has the names of the path's parts: `Bucket`, or `Bucket` and `Key`, or nothing.
    `query` and `headers` have the names of the parameters, and of the headers in lower case.
    """
    fitting = [
        route
        for route in _routes()
        if (route.method, route.path) == (method, path)
        and route.query <= query
        and route.headers <= headers
    ]
    best = max(fitting, key=lambda route: route.specificity, default=None)
    return best.operation if best else None


@cache
def _routes() -> tuple[_Route, ...]:
    """Return the routes in botocore's model."""
    model = ServiceModel(Loader().load_service_model("s3", "service-2"))
    return tuple(_route(model.operation_model(name)) for name in model.operation_names)


def _route(operation: OperationModel) -> _Route:
    # botocore's clients remove the bucket from a URI, but not from the members.
    query = operation.http["requestUri"].partition("?")[2]
    names = {"querystring": [name for name, _ in parse_qsl(query, keep_blank_values=True)]}
    if shape := operation.input_shape:
        for member in shape.required_members:
            place = shape.members[member].serialization
            names.setdefault(place.get("location", ""), []).append(place.get("name", ""))
    return _Route(
        operation=operation.name,
        method=operation.http["method"],
        path=frozenset(names.get("uri", ())),
        query=frozenset(names["querystring"]),
        headers=frozenset(name.lower() for name in names.get("header", ())),
    )
