"""Read and write the AWS CLI's caches, which other programs can change at any time.

Assumed roles are in ``~/.aws/cli/cache``, IAM Identity Center tokens in ``~/.aws/sso/cache``, and
``aws login`` credentials in ``~/.aws/login/cache``. As in the AWS CLI, the key of a cached role
depends neither on the STS endpoint nor on the credentials that assumed the role.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from botocore.exceptions import LoginTokenLoadError, SSOTokenLoadError
from botocore.utils import (
    JSONFileCache,
    LoginTokenLoader,
    SSOTokenLoader,
    get_login_token_cache_directory,
)

from ipy_awsprofile.config.private import replace_file
from ipy_awsprofile.credentials.caller import CallerIdentity
from ipy_awsprofile.credentials.validation import (
    UnusableCredentialsError,
    is_login,
    is_renewable_login,
    is_sso_token,
    parse_time,
    require_usable,
)
from ipy_awsprofile.text import Arn

#: Writes a file of a cache.
WriteFile = Callable[[Path, bytes], None]


class _Documents(threading.local):
    """The documents that a thread has read ahead."""

    def __init__(self) -> None:
        self.by_key: dict[str, Any] = {}


class _ReadAhead:
    """A cache that reads a document when a thread tests for it.

    botocore tests with ``in`` and reads with ``[]``. The file can be removed in between.
    """

    def __init__(self) -> None:
        self._ahead = _Documents()

    def _read(self, key: str) -> Any:
        """Return the document. Raises KeyError if it is missing or botocore can't use it."""
        raise NotImplementedError

    def __contains__(self, key: str) -> bool:
        self._ahead.by_key.pop(key, None)
        try:
            self._ahead.by_key[key] = self._read(key)
        except KeyError:
            return False
        return True

    def __getitem__(self, key: str) -> Any:
        return self._ahead.by_key.pop(key, None) or self._read(key)


class RoleCache(_ReadAhead):
    """The AWS CLI's cache of assumed roles, with the dict operations that botocore needs.

    ``callers`` receives the identity of each set of credentials that the cache reads or writes, by
    access key ID. With ``fresh``, the cache ignores entries that this object didn't write.
    ``variant`` is added to botocore's key, which doesn't depend on session policies. ``has_read``
    is True after the cache has returned a valid session that another object wrote. If a file can't
    be read or written, or has a session of a different role than ``roles`` expects for the key, the
    cache raises no error, and botocore assumes the role again. ``write`` is `replace_file`, or
    writes no file.
    """

    def __init__(
        self,
        directory: Path,
        callers: dict[str, CallerIdentity] | None = None,
        *,
        fresh: bool = False,
        variant: str = "",
        write: WriteFile = replace_file,
    ) -> None:
        super().__init__()
        self.callers = {} if callers is None else callers
        self.roles: dict[str, str] = {}
        self.has_read = False
        self._directory = directory
        self._files = JSONFileCache(str(directory))
        self._fresh = fresh
        self._write = write
        self._suffix = f"-{variant}" if variant else ""
        self._written: set[str] = set()
        self._unsaved: dict[str, Any] = {}

    def _read(self, key: str) -> Any:
        if key in self._unsaved:
            return self._unsaved[key]
        if self._fresh and key not in self._written:
            raise KeyError(key)
        try:
            document = self._files[key + self._suffix]
            expiry = _require_usable(document["Credentials"])
            if other_role(document, self.roles.get(key, "")):
                raise KeyError(key)
            self._note_caller(document, cached=True)
        except (TypeError, KeyError, ValueError, RecursionError, UnusableCredentialsError):
            raise KeyError(key) from None  # the AWS CLI didn't write it
        self.has_read |= key not in self._written and expiry > datetime.now(UTC)
        return document

    def ignore_other_entries(self) -> None:
        """Ignore the entries that this object didn't write, like with ``fresh``."""
        self._fresh = True

    def __setitem__(self, key: str, document: Any) -> None:
        with suppress(KeyError):  # AWS-compatible servers can omit the identity
            self._note_caller(document, cached=False)
        self._written.add(key)
        self._unsaved[key] = document
        with suppress(OSError):
            text = json.dumps(document, default=_time_as_botocore)
            self._write(self._directory / f"{key}{self._suffix}.json", text.encode())
            del self._unsaved[key]

    def _note_caller(self, document: Any, *, cached: bool) -> None:
        access_key = document["Credentials"]["AccessKeyId"]
        role = document.get("AssumedRoleUser")
        if role and role["Arn"]:
            arn, user_id = role["Arn"], role.get("AssumedRoleId", "")  # Ceph's RGW has no ID
            if Arn.parse(arn) is None or not isinstance(user_id, str):
                raise KeyError("Arn")
            caller = CallerIdentity(arn, user_id, cached)
            if not cached or access_key not in self.callers:  # prefer an uncached response
                self.callers[access_key] = caller


def other_role(document: Mapping[str, Any], role_arn: str) -> str:
    """Describe the role of a cached session if it isn't ``role_arn``; otherwise return "".

    Role names are unique in an account, even across paths. AWS-compatible servers can omit the role
    or the account.
    """
    user, expected = document.get("AssumedRoleUser"), Arn.parse(role_arn)
    cached = Arn.parse(str(user.get("Arn"))) if isinstance(user, dict) else None
    if cached is None or expected is None or not cached.resource.startswith("assumed-role/"):
        return ""
    name = cached.resource.split("/")[1]
    accounts = {cached.account, expected.account} - {""}
    if name == expected.role.rpartition("/")[2] and len(accounts) < 2:  # noqa: PLR2004
        return ""
    return f"the role {name} in account {cached.account}"


def _time_as_botocore(value: object) -> str:
    """Return a time in botocore's format, or any other object as a string."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S%Z")
    return str(value)


def _require_usable(credentials: Any) -> datetime:
    """Return when the credentials of a cached document expire.

    Raises KeyError, TypeError, ValueError or UnusableCredentialsError if botocore can't use them.
    """
    if not isinstance(credentials["SessionToken"], str):
        raise TypeError("SessionToken")
    expiry = parse_time(credentials["Expiration"])
    if expiry is None:
        raise ValueError("Expiration")
    require_usable({name: credentials[field] for name, field in _FIELDS.items()})
    return expiry


#: botocore's names of credentials, and their names in a cached document.
_FIELDS = {"access_key": "AccessKeyId", "secret_key": "SecretAccessKey", "token": "SessionToken"}


class _SignInFiles(_ReadAhead, JSONFileCache):
    """Files that botocore reads and writes, accessible to their owner only (mode 0600).

    A file that botocore can't use counts as missing, so that the user signs in again.
    """

    def __init__(
        self, directory: str, is_usable: Callable[[Any], bool], write: WriteFile = replace_file
    ) -> None:
        _ReadAhead.__init__(self)
        JSONFileCache.__init__(self, directory, dumps_func=_dumps)
        self._directory = Path(directory)
        self._is_usable = is_usable
        self._write = write

    def _read(self, key: str) -> Any:
        try:
            document = JSONFileCache.__getitem__(self, key)
        except RecursionError:  # the JSON is nested too deeply
            document = None
        if not self._is_usable(document):
            raise KeyError(key) from None
        return document

    def __setitem__(self, key: str, document: Any) -> None:
        self._write(self._directory / f"{key}.json", _dumps(document).encode())


class RequiredLoginFiles(_SignInFiles):
    """The cache of ``aws login`` for botocore, where missing credentials are an error.

    If another program deletes the file while a session uses it, for example ``aws logout``,
    botocore raises TypeError, and KeyError if fields are missing.
    """

    def __init__(self, write: WriteFile = replace_file) -> None:
        super().__init__(str(login_cache()), is_renewable_login, write)

    def __contains__(self, key: str) -> bool:
        if not super().__contains__(key):
            raise LoginTokenLoadError(error_msg="the sign-in is missing")
        return True


def role_cache(foreign_sts: str = "") -> Path:
    """Return the folder with sessions of assumed roles and IAM Identity Center roles.

    ``foreign_sts`` is the STS endpoint if it isn't AWS's. Its sessions are in a separate subfolder,
    because the same role ARN can exist on several servers.
    """
    folder = Path("~/.aws/cli/cache").expanduser()
    return folder / sha256(foreign_sts.encode()).hexdigest()[:16] if foreign_sts else folder


def sso_cache() -> Path:
    """Return the folder with IAM Identity Center tokens, ``~/.aws/sso/cache``.

    botocore determines this folder at import time. This function uses the current home directory.
    """
    return Path("~/.aws/sso/cache").expanduser()


def login_cache() -> Path:
    """Return the ``aws login`` folder: AWS_LOGIN_CACHE_DIRECTORY or ``~/.aws/login/cache``."""
    return Path(get_login_token_cache_directory())


def token_files(write: WriteFile = replace_file) -> JSONFileCache:
    """Return the cache of IAM Identity Center tokens."""
    return _SignInFiles(str(sso_cache()), is_sso_token, write)


def login_files() -> JSONFileCache:
    """Return the cache of ``aws login`` credentials."""
    return _SignInFiles(str(login_cache()), is_login)


def load_sso_token(start_url: str, session: str | None) -> dict[str, Any] | None:
    """Return a sign-in's token, even if it has expired; None if it is missing or unusable.

    ``session`` is the name of its [sso-session], if it has one.
    """
    loader: Any = SSOTokenLoader(cache=token_files())
    with suppress(SSOTokenLoadError):
        token: dict[str, Any] = loader(start_url, session_name=session)
        return token
    return None


def load_login(session: str) -> dict[str, Any] | None:
    """Return the credentials that ``aws login`` stored for a login_session; None if unusable."""
    files: Any = login_files()
    loader: Any = LoginTokenLoader(cache=files)
    login: dict[str, Any] | None = loader.load_token(session)
    return login


def _dumps(token: object) -> str:
    return json.dumps(token, default=_timestamp)


def _timestamp(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"a token can't contain {type(value).__name__}")
