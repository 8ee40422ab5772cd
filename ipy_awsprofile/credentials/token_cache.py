"""The AWS CLI's files for sign-ins: tokens of IAM Identity Center, and what `aws login` stores.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.utils import JSONFileCache, get_login_token_cache_directory

from ipy_awsprofile.credentials.validation import is_login, is_sso_token


class _SignIns(JSONFileCache):
    """Files for botocore's own reading and writing (0600).

    A file that can't be of use is as good as none: its person has to sign in again.
    """

    def __init__(self, directory: str, is_of_use: Callable[[Any], bool]) -> None:
        super().__init__(directory, dumps_func=_dumps)
        self._is_of_use = is_of_use

    def __contains__(self, key: str) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def __getitem__(self, key: str) -> Any:
        document = super().__getitem__(key)
        if not self._is_of_use(document):
            raise KeyError(key)
        return document


def token_files() -> JSONFileCache:
    """Give the files in ``~/.aws/sso/cache``.

    botocore fixes the folder when it is imported; here it is that of the home of now.
    """
    return _SignIns(str(Path("~/.aws/sso/cache").expanduser()), is_sso_token)


def login_files() -> JSONFileCache:
    """Give the files in ``~/.aws/login/cache``, or where AWS_LOGIN_CACHE_DIRECTORY says."""
    return _SignIns(get_login_token_cache_directory(), is_login)


def _dumps(token: object) -> str:
    return json.dumps(token, default=_timestamp)


def _timestamp(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"a token holds no {type(value).__name__}")
