"""The AWS CLI's files of sign-ins: tokens of IAM Identity Center, and what `aws login` stores.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from botocore.utils import JSONFileCache, get_login_token_cache_directory

from ipy_awsprofile.config.private_folders import make_private, replace_file
from ipy_awsprofile.credentials.found import Found
from ipy_awsprofile.credentials.validation import is_login, is_sso_token


class _SignInFiles(JSONFileCache):
    """Files that botocore reads and writes, for their owner only (mode 0600).

    A file that botocore can't use is treated as missing, so that the person signs in again.
    """

    def __init__(self, directory: str, is_usable: Callable[[Any], bool]) -> None:
        super().__init__(directory, dumps_func=_dumps)
        self._directory = Path(directory)
        self._is_usable = is_usable
        self._found = Found()

    def __contains__(self, key: str) -> bool:
        return self._found.keep(key, partial(self._read, key))

    def __getitem__(self, key: str) -> Any:
        return self._found.take(key) or self._read(key)

    def _read(self, key: str) -> Any:
        try:
            document = super().__getitem__(key)
        except RecursionError:  # JSON that is nested too deeply
            document = None
        if not self._is_usable(document):
            raise KeyError(key) from None
        return document

    def __setitem__(self, key: str, document: Any) -> None:
        make_private(self._directory)
        # botocore leaves its draft, with a token, if the disk is full.
        replace_file(self._directory / f"{key}.json", _dumps(document).encode())


def token_files() -> JSONFileCache:
    """Return the files in ``~/.aws/sso/cache``.

    botocore determines this folder when it is imported; here the present home is used.
    """
    return _SignInFiles(str(Path("~/.aws/sso/cache").expanduser()), is_sso_token)


def login_files() -> JSONFileCache:
    """Return the files in ``~/.aws/login/cache``, or in AWS_LOGIN_CACHE_DIRECTORY."""
    return _SignInFiles(get_login_token_cache_directory(), is_login)


def _dumps(token: object) -> str:
    return json.dumps(token, default=_timestamp)


def _timestamp(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"a token can't contain {type(value).__name__}")
