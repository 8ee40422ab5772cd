"""Access keys in a shared file, which are read again when the file has changed.

botocore reads keys once for each session; the AWS CLI reads them at each command. A kernel lives
for days, and tools that renew session keys write the credentials file every hour.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from botocore.credentials import (
    ConfigProvider,
    Credentials,
    SharedCredentialProvider,
)
from botocore.exceptions import BotoCoreError

from ipy_awsprofile.config.shared_files import version_of
from ipy_awsprofile.config.stays_in_process import StaysInProcess
from ipy_awsprofile.credentials.secret_redaction import RedactedCredentials
from ipy_awsprofile.credentials.validation import UnusableCredentialsError, require_usable
from ipy_awsprofile.errors import AwsProfileError, IdentityChanged

#: Seconds before keys are checked again that couldn't be used: AWS may not know them yet.
CHECK_AGAIN = 5.0

#: Gets the keys from before and those in the file. Raises IdentityChanged if these have another
#: identity, and any other AwsProfileError if AWS doesn't accept them.
Check = Callable[[RedactedCredentials, RedactedCredentials], None]

_Load = Callable[[], Credentials | None]


class FileCredentials(StaysInProcess, Credentials):
    """The keys of a profile in a shared file, as they are in the file now.

    If the file can't be read, or doesn't have the profile's keys any more, the keys from before are
    kept: another program may be writing it. If there is a ``check``, new keys are used after it; if
    AWS doesn't know them yet, those from before are kept for a while.
    """

    # The base class has attributes of these names, which it reads one by one.
    access_key = property(lambda self: self.get_frozen_credentials().access_key)
    secret_key = property(lambda self: self.get_frozen_credentials().secret_key)
    token = property(lambda self: self.get_frozen_credentials().token)
    account_id = property(lambda self: self.get_frozen_credentials().account_id)

    def __init__(self, load: _Load, path: Path, version: object, loaded: Credentials) -> None:
        self.method = loaded.method
        self.check: Check | None = None
        self._load = load
        self._path = path
        self._version = version
        self._use(RedactedCredentials(*loaded.get_frozen_credentials()))
        self._refused: tuple[str, str] | None = None  # what the error says
        self._failed: object = None
        self._check_at = 0.0
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._path}>"

    def get_frozen_credentials(self) -> RedactedCredentials:
        """Return the keys; the name is botocore's. Raises IdentityChanged."""
        if version_of(self._path) != self._version:
            with self._lock:
                self._read_again()
        if self._refused:
            raise IdentityChanged(*self._refused)
        return self._keys

    def _read_again(self) -> None:
        version = version_of(self._path)  # before it is read: it can be written meanwhile
        if version == self._version:
            return  # another thread was first
        if version == self._failed and time.monotonic() < self._check_at:
            return
        keys = self._keys_in_file()
        refused = None
        if keys is not None and keys != self._keys:
            try:
                if self.check:
                    self.check(self._keys, keys)
                self._use(keys)
            except IdentityChanged as error:
                refused = str(error), error.hint
            except AwsProfileError:
                self._failed, self._check_at = version, time.monotonic() + CHECK_AGAIN
                return
        self._refused, self._version = refused, version

    def _use(self, keys: RedactedCredentials) -> None:
        self._keys = keys
        self._access_key = keys.access_key  # as botocore calls the key that is known without a call

    def _keys_in_file(self) -> RedactedCredentials | None:
        """Return the keys that are in the file now; None if there are none that can be used."""
        try:
            loaded = self._load()
            keys = RedactedCredentials(*loaded.get_frozen_credentials()) if loaded else None
            require_usable(keys._asdict() if keys else None)
        except (BotoCoreError, OSError, ValueError, UnusableCredentialsError):
            return None
        return keys


class SharedFileProvider(SharedCredentialProvider):
    """botocore's provider of keys in the credentials file, which are read again."""

    def load(self) -> Any:
        """Return the profile's credentials, or None."""
        return _watched(super().load, self._creds_filename)  # type: ignore[attr-defined]


class ConfigFileProvider(ConfigProvider):
    """botocore's provider of keys in the config file, which are read again."""

    def load(self) -> Any:
        """Return the profile's credentials, or None."""
        return _watched(super().load, self._config_filename)  # type: ignore[attr-defined]


def _watched(load: Any, file: str) -> FileCredentials | None:
    path = Path(file).expanduser()
    version = version_of(path)
    loaded = load()
    return FileCredentials(load, path, version, loaded) if loaded else None
