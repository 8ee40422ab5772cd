"""Reload access keys from a shared file when the file changes.

botocore reads keys once per session, and the AWS CLI reads them for each command. A kernel can run
for days, and tools that renew temporary keys update the credentials file every hour.

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

from ipy_awsprofile.config.files import read_credentials, version_of
from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.credentials.secret_redaction import RedactedCredentials, freeze_credentials
from ipy_awsprofile.credentials.validation import UnusableCredentialsError, require_usable
from ipy_awsprofile.errors import AwsProfileError, ConfigFileError, IdentityChanged
from ipy_awsprofile.text import one_line

#: Seconds before unusable keys are checked again, because AWS may not recognize new keys yet.
CHECK_AGAIN = 5.0

#: Receives the old keys and the keys in the file. Raises IdentityChanged if the new keys belong to
#: a different identity, and any other AwsProfileError if AWS rejects them.
Check = Callable[[RedactedCredentials, RedactedCredentials], None]

_Load = Callable[[], Credentials | None]


class FileCredentials(StaysInProcess, Credentials):
    """The current keys of a profile in a shared file.

    If the file can't be read or no longer has the profile's keys, the old keys stay in use, because
    another program may be writing the file. If ``check`` is set, new keys are used only after it
    succeeds. If AWS doesn't recognize them yet, the old keys stay in use until the next check.
    """

    # The base class has attributes with these names, and reads them one at a time.
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
        self._use(freeze_credentials(loaded))
        self._refused: tuple[str, str] | None = None  # the message and hint of the error
        self._failed: object = None
        self._check_at = 0.0
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {one_line(self._path)}>"

    def get_frozen_credentials(self) -> RedactedCredentials:
        """Return the current keys. Raises IdentityChanged."""
        if version_of(self._path) != self._version:
            with self._lock:
                self._read_again()
        if self._refused:
            raise IdentityChanged(*self._refused)
        return self._keys

    def _read_again(self) -> None:
        version = version_of(self._path)  # before reading, because the file can change meanwhile
        if version == self._version:
            return  # another thread has reloaded the keys
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
        self._access_key = keys.access_key  # botocore's name for a key that needs no call

    def _keys_in_file(self) -> RedactedCredentials | None:
        """Return the keys that are in the file now; None if they are missing or unusable."""
        try:
            loaded = self._load()
            keys = freeze_credentials(loaded) if loaded else None
            require_usable(keys._asdict() if keys else None)
        except (BotoCoreError, OSError, ValueError, ConfigFileError, UnusableCredentialsError):
            return None
        return keys


class SharedFileProvider(SharedCredentialProvider):
    """botocore's provider for the credentials file, which reloads keys after changes."""

    def __init__(self, profile: str, file: str) -> None:
        # Sessions share the sections. botocore would parse the file for each session.
        parse: Any = read_credentials
        super().__init__(file, profile, lambda name: parse(Path(name).expanduser()))

    def load(self) -> Any:
        """Return the profile's credentials, or None."""
        return _watched(super().load, self._creds_filename)  # type: ignore[attr-defined]


class ConfigFileProvider(ConfigProvider):
    """botocore's provider for the config file, which reloads keys after changes."""

    def load(self) -> Any:
        """Return the profile's credentials, or None."""
        return _watched(super().load, self._config_filename)  # type: ignore[attr-defined]


def _watched(load: Any, file: str) -> FileCredentials | None:
    path = Path(file).expanduser()
    version = version_of(path)
    loaded = load()
    return FileCredentials(load, path, version, loaded) if loaded else None
