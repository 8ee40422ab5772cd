"""The AWS CLI's cache of role sessions, ``~/.aws/cli/cache``, and the identities in it.

As in the AWS CLI, the key of a cached session depends neither on the STS endpoint nor on the
credentials that assumed the role.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.utils import JSONFileCache


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The ARN and user ID that STS returns for a set of credentials.

    ``cached`` is True if they come from an earlier STS response in the AWS CLI's cache.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """

    arn: str
    user_id: str
    cached: bool = False

    @property
    def principal(self) -> str:
        """The ARN without the role session name, which can differ for each session."""
        head, _, name = self.arn.rpartition("/")
        return head if ":assumed-role/" in head else f"{head}/{name}"


def ask_caller(sts: Any) -> CallerIdentity:
    """Call STS for the identity of a client's credentials. Raises botocore's errors."""
    response = sts.get_caller_identity()
    return CallerIdentity(response["Arn"], response["UserId"])


class RoleCache(JSONFileCache):
    """The cache of role sessions.

    ``callers`` receives the identity of each set of credentials that the cache reads or writes, by
    access key ID. With ``fresh``, the cache ignores entries that this object didn't write.
    ``variant`` is added to botocore's key, which doesn't depend on session policies and endpoints.
    ``has_read`` is True after the cache has returned a session that another object wrote. A file
    that can't be read or written is no error, because botocore assumes the role again.
    """

    def __init__(
        self,
        callers: dict[str, CallerIdentity] | None = None,
        *,
        fresh: bool = False,
        variant: str = "",
    ) -> None:
        super().__init__(str(Path("~/.aws/cli/cache").expanduser()))
        self.callers = {} if callers is None else callers
        self.fresh = fresh
        self.has_read = False
        self.written: set[str] = set()
        self._suffix = f"-{variant}" if variant else ""

    def __contains__(self, key: object) -> bool:
        with suppress(KeyError):
            return bool(self[str(key)])
        return False

    def __getitem__(self, key: str) -> Any:
        if self.fresh and key not in self.written:
            raise KeyError(key)
        document = super().__getitem__(key + self._suffix)
        with suppress(AttributeError, TypeError):  # the AWS CLI didn't write the file
            if document["Credentials"].keys() >= _FIELDS:
                self._note_caller(document, cached=True)
                self.has_read |= key not in self.written
                return document
        raise KeyError(key)

    def __setitem__(self, key: str, document: Any) -> None:
        self._note_caller(document, cached=False)
        self.written.add(key)
        with suppress(OSError):
            self.save(key, document)

    def save(self, key: str, document: Any) -> None:
        """Write a session's file. Raises OSError."""
        super().__setitem__(key + self._suffix, document)

    def _note_caller(self, document: Any, *, cached: bool) -> None:
        role = document.get("AssumedRoleUser") or {}  # AWS-compatible servers can omit it
        key = document["Credentials"]["AccessKeyId"]
        if role.get("Arn") and not (cached and key in self.callers):
            self.callers[key] = CallerIdentity(role["Arn"], role.get("AssumedRoleId", ""), cached)


_FIELDS = {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}


def parse_time(text: str) -> datetime:
    """Parse a time (UTC) in the formats of AWS, the AWS CLI and botocore. Raises ValueError."""
    time = datetime.fromisoformat(re.sub(r"UTC\Z", "Z", text))
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
