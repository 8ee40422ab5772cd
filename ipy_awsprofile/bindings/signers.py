"""What the notebook's variables hold that signs requests, also inside other objects.

Objects are only looked at: none of their code runs, and no credentials are resolved or renewed.
"""

from __future__ import annotations

import gc
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import FrameType, FunctionType, ModuleType, TracebackType
from typing import Any

import boto3.session
import botocore.client
import botocore.session
from boto3.resources.base import ServiceResource

from ipy_awsprofile.bindings.namespace import variables

#: How many objects are looked at for one variable, and for all of them.
_OF_ONE, _OF_ALL = 500, 5_000

#: Objects of these packages hold the shell, and with it everything.
_FOREIGN = ("IPython.", "ipykernel.", "ipy_awsprofile.", "ipywidgets.", "traitlets.")


@dataclass(frozen=True, slots=True)
class Signer:
    """An object that signs requests.

    ``again`` is code that makes it again, with ``{name}`` for the variable and ``{session}`` for
    the session's. ``profile`` is the profile of an object that has no credentials yet.
    """

    kind: str
    credentials: Any
    again: str
    profile: str | None = None


def signers(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Signer, bool]]:
    """Yield the name of each variable, the signer, and whether it is inside another object.

    A signer that is a variable isn't yielded again for others that hold it. Only so many objects
    are looked at that a switch doesn't become slow.
    """
    values = variables(namespace)
    direct = {name: found for name, value in values.items() if (found := _signer(value))}
    for name, found in direct.items():
        yield name, found, False
    seen = {id(namespace), *(id(values[name]) for name in direct)}
    budget = _OF_ALL
    for name, value in values.items():
        if name in direct or _is_foreign(value):
            continue
        for inside in islice(_inside(value, seen), min(_OF_ONE, budget)):
            budget -= 1
            if inside:
                yield name, inside, True


def _inside(value: Any, seen: set[int]) -> Iterator[Signer | None]:
    """Yield how each object inside another one signs, the nearest first; None if it doesn't.

    What signers hold isn't looked at.
    """
    waiting = deque([value])
    while waiting:
        for held in _held(waiting.popleft()):
            if id(held) not in seen and gc.is_tracked(held) and not _is_foreign(held):
                seen.add(id(held))
                if (signer := _signer(held)) is None:
                    waiting.append(held)
                yield signer


def _held(holder: Any) -> Iterable[Any]:
    """Return what an object refers to, but not the globals of a function."""
    if type(holder) is FunctionType:
        return (holder.__closure__, holder.__defaults__, holder.__kwdefaults__, holder.__dict__)
    if issubclass(type(holder), type):
        return list(vars(holder).values())
    return gc.get_referents(holder)


def _is_foreign(value: Any) -> bool:
    """Return whether an object isn't the notebook's own, or leads to everything else."""
    if issubclass(type(value), type):
        return bool(value.__module__ != "__main__")
    if issubclass(type(value), (ModuleType, FrameType, TracebackType, AbstractEventLoop)):
        return True
    return f"{type(value).__module__}.".startswith(_FOREIGN) and _signer(value) is None


def _signer(value: Any) -> Signer | None:
    """Return how an object signs, or None if it doesn't."""
    kind = type(value)
    if issubclass(kind, botocore.client.BaseClient):
        service = value.meta.service_model.service_name
        return _client("client", value, f"{{name}} = {{session}}.client({service!r})")
    if issubclass(kind, ServiceResource):
        service = value.meta.service_name
        again = f"{{name}} = {{session}}.resource({service!r})"
        return _client("resource", value.meta.client, again)
    if issubclass(kind, boto3.session.Session):
        return _session(value._session)  # noqa: SLF001
    if issubclass(kind, botocore.session.Session):
        return _session(value)
    if (kind.__module__, kind.__name__) == ("s3fs.core", "S3FileSystem"):
        return _filesystem(value)
    return None


def _client(kind: str, client: Any, again: str) -> Signer | None:
    """Return how a client signs; botocore has no public attribute for its credentials."""
    credentials = client._request_signer._credentials  # noqa: SLF001
    return Signer(kind, credentials, again) if credentials else None


def _session(session: Any) -> Signer | None:
    """Return how a botocore session signs; one that hasn't needed credentials yet doesn't."""
    credentials = session._credentials  # noqa: SLF001
    return Signer("session", credentials, "{name} = {session}") if credentials else None


def _filesystem(filesystem: Any) -> Signer | None:
    """Return how a filesystem of s3fs signs, unless it has found its profile by itself."""
    profile = filesystem.kwargs.get("profile")
    if filesystem.anon or not profile:
        return None
    client = filesystem._s3  # noqa: SLF001  # None until its first request
    credentials = client._request_signer._credentials if client else None  # noqa: SLF001
    return Signer("filesystem", credentials, "import s3fs; {name} = s3fs.S3FileSystem()", profile)


def key_of(credentials: Any) -> str | None:
    """Return the access key that credentials have now, without renewing them: it could call AWS."""
    values = vars(credentials) if credentials else {}
    return values.get("_access_key") or values.get("access_key")
