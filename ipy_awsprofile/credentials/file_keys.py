"""Credentials that read a profile's keys from a shared file again when the file changes."""

# botocore has no public API to change how its credentials are renewed

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, PartialCredentialsError

from ipy_awsprofile.config.files import version_of
from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.credentials.caller import CallerIdentity, caller_of, note_caller
from ipy_awsprofile.credentials.sts import Keys, freeze_credentials
from ipy_awsprofile.errors import ConfigFileError

#: Gets what STS has reported of former keys, if anything, and new keys. Raises IdentityChanged, or
#: returns what STS reports of the new ones; None if that isn't known.
CheckIdentity = Callable[[CallerIdentity | None, Keys], CallerIdentity | None]


def _current_key(name: str) -> Any:
    """Return a property that returns one part of the current keys, such as the secret key."""

    def read(credentials: FileCredentials) -> Any:
        return getattr(credentials.get_frozen_credentials(), name)

    return property(read)


class FileCredentials(StaysInProcess, Credentials):
    """A profile's keys from a shared file, which this class reads again when the file changes.

    botocore reads keys once per session, and the AWS CLI reads them for each command. A kernel can
    run for days, and tools that renew temporary keys update the credentials file every hour. If the
    file can't be read or no longer has the profile's keys, the previous keys stay in use, because
    another program may be writing the file.
    """

    # The base class has attributes with these names, and reads them one at a time.
    access_key = _current_key("access_key")
    secret_key = _current_key("secret_key")
    token = _current_key("token")
    account_id = _current_key("account_id")

    _keys: Keys
    _access_key = ""  # botocore's name for a key that needs no call
    method = ""  # until the keys are read, because loading the extension can find it then

    def __init__(
        self,
        load: Callable[[], Credentials | None],
        path: Path,
        check: CheckIdentity,
    ) -> None:
        self._load = load
        self._path = path
        self._check = check

    def load(self) -> Self | None:
        """Read the keys. Return this object, or None if the file doesn't contain the keys."""
        version = version_of(self._path)  # before reading, because the file can change meanwhile
        loaded = self._load()
        if not loaded:
            return None
        keys = freeze_credentials(loaded)
        named = {"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key}
        for setting, key in named.items():
            if not key:  # as in a template
                raise PartialCredentialsError(provider=loaded.method, cred_var=setting)
        if self._access_key and self._keys != keys:
            caller = self._check(caller_of(self), keys)
            if caller:
                note_caller(self, keys.access_key, caller)
        self._keys = keys
        self._version = version
        self.method = loaded.method
        self._access_key = str(keys.access_key)
        return self

    def get_frozen_credentials(self) -> Keys:
        """Return the current keys. Raise IdentityChanged if new keys belong to another identity."""
        if version_of(self._path) != self._version:
            with suppress(BotoCoreError, ConfigFileError, OSError, ValueError):
                self.load()
        return self._keys
