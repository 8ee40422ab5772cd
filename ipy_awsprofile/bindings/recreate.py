"""Code to recreate the clients, resources, sessions and filesystems of a notebook.

The code contains the object's own arguments, but never a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import botocore.client
from boto3.resources.base import ServiceResource

from ipy_awsprofile.bindings.filesystems import CREDENTIALS
from ipy_awsprofile.bindings.owner import DefaultProfile
from ipy_awsprofile.text import redacted_urls


def code_to_recreate(value: Any, session: str, region: str | None) -> str:
    """Return an expression that recreates an object, or "" if its arguments aren't known.

    ``session`` is the session's variable, and ``region`` is the Region of the session that the
    object was created with. The expression names the Region of a client only if it differs.
    """
    kind = type(value)
    if issubclass(kind, botocore.client.BaseClient):
        arguments = _arguments([value.meta.service_model.service_name], _region(value, region))
        return f"{session}.client({arguments})"
    if issubclass(kind, ServiceResource):
        meta = value.meta
        if "secret" in meta.identifiers:  # an AccessKeyPair of IAM
            return ""
        arguments = _arguments([meta.service_name], _region(meta.client, region))
        return f"{session}.resource({arguments}){_part(value)}"
    if (kind.__module__, kind.__name__) == ("s3fs.core", "S3FileSystem"):
        return _filesystem(value)
    return session


def _region(client: Any, region: str | None) -> dict[str, str]:
    own = client.meta.region_name
    # Services without Regions, such as IAM, have a Region such as aws-global.
    return {} if own == region or own.endswith("-global") else {"region_name": own}


#: Parts of a service whose class has a different name than the method that creates them.
_METHODS = {"KeyPairInfo": "KeyPair"}


def _part(resource: Any) -> str:
    """Return the code for a part of a service, such as ``.Bucket('b')``."""
    _, _, name = type(resource).__name__.partition(".")
    if name == "ServiceResource":
        return ""
    identifiers = [getattr(resource, identifier) for identifier in resource.meta.identifiers]
    return f".{_METHODS.get(name, name)}({_arguments(identifiers, {})})"


def _filesystem(filesystem: Any) -> str:
    options = {
        name: value
        for name, value in filesystem.storage_options.items()
        if not isinstance(value, DefaultProfile)
    }
    if (
        (CREDENTIALS - {"anon"}) & options.keys()
        or filesystem.storage_args
        or not _is_plain(options)
    ):
        return ""
    return f"s3fs.S3FileSystem({_arguments([], options)})"


def _arguments(values: Sequence[object], named: Mapping[str, object]) -> str:
    return ", ".join([*map(repr, values), *(f"{name}={value!r}" for name, value in named.items())])


#: Words in the names of arguments that can be secrets.
_SECRET = ("key", "secret", "token", "password", "credential", "auth")


def _is_plain(value: object) -> bool:
    """Return whether a value's repr is code without a secret."""
    if isinstance(value, dict):
        names = [name for name in value if isinstance(name, str)]
        return (
            len(names) == len(value)
            and not any(word in name.lower() for name in names for word in _SECRET)
            and all(map(_is_plain, value.values()))
        )
    if type(value) is str:
        return redacted_urls(value) == value
    return value is None or type(value) in {bool, int, float}
