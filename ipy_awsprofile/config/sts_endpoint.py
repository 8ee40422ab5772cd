"""Find the STS endpoint that the files and the environment configure.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.configprovider import ConfiguredEndpointProvider

from ipy_awsprofile.text import redacted_urls

#: The domains of AWS's partitions. In isolated partitions, they begin with a letter and ``2s``.
_AWS = re.compile(r"(.*\.)?(amazonaws\.(com|com\.cn|eu)|api\.aws|\w2s\.\S+)")


def is_aws(url: str) -> bool:
    """Return whether an endpoint belongs to AWS."""
    try:
        return bool(_AWS.fullmatch(urlsplit(url).hostname or ""))
    except ValueError:
        return False


def foreign_sts(
    config: Mapping[str, Any], profile: str, environ: Mapping[str, str] | None = None
) -> str:
    """Return a profile's STS endpoint if it doesn't belong to AWS, otherwise an empty text.

    The endpoint is returned without passwords. See `configured_sts` for the arguments.
    """
    url = configured_sts(config, profile, environ)
    return "" if is_aws(url) else redacted_urls(url).rstrip("/")


def configured_sts(
    config: Mapping[str, Any], profile: str, environ: Mapping[str, str] | None = None
) -> str:
    """Return the STS endpoint URL from a setting or variable, otherwise an empty text.

    The URL can contain a password, and can belong to AWS. If botocore can't create a client with
    the settings, return an empty text. ``config`` has the form of botocore's
    ``Session.full_config``.
    """
    environ = os.environ if environ is None else environ
    own = config["profiles"].get(profile, {})
    file = own.get("ignore_configured_endpoint_urls", "")
    if str(environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", file)).lower() == "true":
        return ""
    try:
        url = ConfiguredEndpointProvider(config, own, "sts", environ).provide()
    except Exception:  # noqa: BLE001  # malformed values can raise any exception
        return ""
    return url if isinstance(url, str) else ""
