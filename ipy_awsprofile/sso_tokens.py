"""The AWS CLI's files for the tokens of IAM Identity Center, one a sign-in.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from botocore.utils import JSONFileCache


def token_files() -> JSONFileCache:
    """Give the files in ``~/.aws/sso/cache``, for botocore's own reading and writing (0600).

    botocore fixes the folder when it is imported; here it is that of the home of now.
    """
    return JSONFileCache(str(Path("~/.aws/sso/cache").expanduser()), dumps_func=_dumps)


def _dumps(token: object) -> str:
    return json.dumps(token, default=_timestamp)


def _timestamp(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"a token holds no {type(value).__name__}")
