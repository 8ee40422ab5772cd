"""What the notebook's variables hold that signs requests.

Objects are only looked at: none of their code runs, and no credentials are resolved or renewed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3.session
import botocore.client
import botocore.session
from boto3.resources.base import ServiceResource

from ipy_awsprofile.bindings.owners import DefaultProfile


@dataclass(frozen=True, slots=True)
class Signer:
    """An object that signs requests.

    ``recreate`` is code with ``{name}`` for the variable and ``{session}`` for the session's.
    ``profile`` is the name by which a filesystem finds its credentials when it is used.
    """

    credentials: Any
    recreate: str
    profile: DefaultProfile | None = None


def signer_of(value: Any) -> Signer | None:
    """Return how an object signs, or None if it doesn't, or hasn't found its credentials yet."""
    kind = type(value)
    if issubclass(kind, botocore.client.BaseClient):
        service = value.meta.service_model.service_name
        return _client(value, f"{{name}} = {{session}}.client({service!r})")
    if issubclass(kind, ServiceResource):
        service = value.meta.service_name
        return _client(value.meta.client, f"{{name}} = {{session}}.resource({service!r})")
    if issubclass(kind, boto3.session.Session):
        return _session(value._session)  # noqa: SLF001
    if issubclass(kind, botocore.session.Session):
        return _session(value)
    if (kind.__module__, kind.__name__) == ("s3fs.core", "S3FileSystem"):
        return _filesystem(value)
    return None


def _client(client: Any, recreate: str) -> Signer | None:
    """Return how a client signs; botocore has no public attribute for its credentials."""
    credentials = client._request_signer._credentials  # noqa: SLF001
    return Signer(credentials, recreate) if credentials else None


def _session(session: Any) -> Signer | None:
    credentials = session._credentials  # noqa: SLF001
    return Signer(credentials, "{name} = {session}") if credentials else None


def _filesystem(filesystem: Any) -> Signer | None:
    given = filesystem.kwargs.get("profile")
    profile = given if isinstance(given, DefaultProfile) else None
    client = filesystem._s3  # noqa: SLF001  # None until its first request
    credentials = client._request_signer._credentials if client else None  # noqa: SLF001
    if filesystem.anon or not (credentials or profile):
        return None
    return Signer(credentials, "import s3fs; {name} = s3fs.S3FileSystem()", profile)
