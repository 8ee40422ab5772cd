"""The AWS CLI's cache of assumed roles.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from botocore.utils import JSONFileCache

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.private_folders import make_private, replace_file
from ipy_awsprofile.credentials.caller import CallerIdentity
from ipy_awsprofile.credentials.found import Found
from ipy_awsprofile.credentials.origins import Origins, other_role
from ipy_awsprofile.credentials.validation import parse_time


class RoleCache:
    """The AWS CLI's cache of assumed roles, with the operations that botocore needs of a dict.

    ``callers`` gets the identity of each set of credentials that is read or written, by access key
    ID. With ``fresh``, only entries that this object has written are found. ``variant`` is added to
    botocore's key, which doesn't depend on session policies. ``origins`` decides about what depends
    on the key neither. A file that can't be read or written isn't an error, nor is one with a
    session of another role than the one in ``roles``, by key: the role is assumed again.
    """

    def __init__(
        self,
        directory: Path,
        callers: dict[str, CallerIdentity] | None = None,
        *,
        fresh: bool = False,
        variant: str = "",
        origins: Origins | None = None,
    ) -> None:
        self.callers = {} if callers is None else callers
        self.roles: dict[str, str] = {}
        self._directory = directory
        self._files = JSONFileCache(str(directory))
        self._fresh = fresh
        self._origins = origins
        self._suffix = f"-{variant}" if variant else ""
        self._written: set[str] = set()
        self._unsaved: dict[str, Any] = {}
        self._found = Found()

    def __contains__(self, key: str) -> bool:
        return self._found.keep(key, partial(self._read, key))

    def __getitem__(self, key: str) -> Any:
        return self._found.take(key) or self._read(key)

    def _read(self, key: str) -> Any:
        if key in self._unsaved:
            return self._unsaved[key]
        if self._fresh and key not in self._written:
            raise KeyError(key)
        try:
            document = self._files[key + self._suffix]
            _require_complete(document["Credentials"])
            if other_role(document, self.roles.get(key, "")):
                raise KeyError(key)
            if self._origins and not self._origins.takes(document):
                raise KeyError(key)
            self._note_caller(document, cached=True)
        except (TypeError, KeyError, ValueError, RecursionError):
            raise KeyError(key) from None  # the AWS CLI hasn't written this document
        return document

    def __setitem__(self, key: str, document: Any) -> None:
        with suppress(KeyError):  # AWS-compatible servers can leave out the identity
            self._note_caller(document, cached=False)
        if self._origins:
            document = self._origins.noted(document)
        self._written.add(key)
        self._unsaved[key] = document
        with suppress(OSError):
            make_private(self._directory)
            # botocore leaves its draft, with the credentials, if the disk is full.
            text = json.dumps(document, default=_time_as_botocore)
            replace_file(self._directory / f"{key}{self._suffix}.json", text.encode())
            del self._unsaved[key]

    def _note_caller(self, document: Any, *, cached: bool) -> None:
        access_key = document["Credentials"]["AccessKeyId"]
        role = document.get("AssumedRoleUser")
        if role and role["Arn"]:
            arn, user_id = role["Arn"], role.get("AssumedRoleId", "")  # Ceph's RGW has no ID
            if Arn.parse(arn) is None or not isinstance(user_id, str):
                raise KeyError("Arn")
            caller = CallerIdentity(arn, user_id, cached)
            if not cached or access_key not in self.callers:  # what STS itself has said counts more
                self.callers[access_key] = caller


def _time_as_botocore(value: object) -> str:
    """Return a time as botocore writes it, and any other object as a text."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S%Z")
    return str(value)


def _require_complete(credentials: Any) -> None:
    """Raise KeyError, TypeError or ValueError for credentials that botocore can't use."""
    for name in ("SecretAccessKey", "SessionToken", "Expiration"):
        if not isinstance(credentials[name], str):
            raise TypeError(name)
    if parse_time(credentials["Expiration"]) is None:
        raise ValueError("Expiration")
