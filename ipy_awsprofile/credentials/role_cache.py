"""The AWS CLI's cache of assumed roles.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.utils import JSONFileCache

from ipy_awsprofile.credentials.validation import parse_time


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """Who STS says the holder of some credentials is."""

    arn: str
    user_id: str


class RoleCache:
    """The AWS CLI's cache of assumed roles; notes what STS said about each set of credentials.

    botocore asks for ``in``, reading and writing. ``fresh`` makes it see only what it wrote.
    ``variant`` keeps apart what botocore's key doesn't tell apart, such as session policies. A
    file that can't be read or written is no error: the role is then assumed again.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
    """

    def __init__(
        self,
        directory: Path,
        callers: dict[str, CallerIdentity] | None = None,
        *,
        fresh: bool = False,
        variant: str = "",
    ) -> None:
        self.callers = {} if callers is None else callers
        self._directory = directory
        self._files = JSONFileCache(str(directory))
        self._fresh = fresh
        self._suffix = f"-{variant}" if variant else ""
        self._own: set[str] = set()
        self._unwritten: dict[str, Any] = {}

    def __contains__(self, key: str) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def __getitem__(self, key: str) -> Any:
        if key in self._unwritten:
            return self._unwritten[key]
        if self._fresh and key not in self._own:
            raise KeyError(key)
        document = self._files[key + self._suffix]
        try:
            _require_complete(document["Credentials"])
            self._note(document)
        except (TypeError, KeyError, ValueError):
            raise KeyError(key) from None  # not a document of the CLI's: as good as none
        return document

    def __setitem__(self, key: str, document: Any) -> None:
        with suppress(KeyError):  # AWS-compatible servers answer less: STS is asked who it is
            self._note(document)
        self._own.add(key)
        self._unwritten[key] = document
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files[key + self._suffix] = document
            del self._unwritten[key]

    def _note(self, document: Any) -> None:
        access_key = document["Credentials"]["AccessKeyId"]
        role = document.get("AssumedRoleUser")
        if role and role["Arn"] and role["AssumedRoleId"]:
            self.callers[access_key] = CallerIdentity(role["Arn"], role["AssumedRoleId"])


def _require_complete(credentials: Any) -> None:
    """Raise for credentials in which botocore would stumble: KeyError, TypeError or ValueError."""
    for name in ("SecretAccessKey", "SessionToken", "Expiration"):
        if not isinstance(credentials[name], str):
            raise TypeError(name)
    if parse_time(credentials["Expiration"]) is None:
        raise ValueError("Expiration")
