"""The endpoint of STS, as the files and the environment configure it.

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

#: The domains of AWS's partitions; in isolated partitions, they begin with a letter and ``2s``.
_AWS = re.compile(r"(.*\.)?(amazonaws\.(com|com\.cn|eu)|api\.aws|\w2s\.\S+)")


def is_aws(url: str) -> bool:
    """Return whether an endpoint is AWS's own."""
    try:
        return bool(_AWS.fullmatch(urlsplit(url).hostname or ""))
    except ValueError:
        return False


def foreign_sts(
    config: Mapping[str, Any], profile: str, environ: Mapping[str, str] | None = None
) -> str:
    """Return the endpoint of STS for a profile if it isn't AWS's own, otherwise an empty text.

    It is returned without a password. `configured_sts` describes the arguments.
    """
    url = configured_sts(config, profile, environ)
    return "" if is_aws(url) else redacted_urls(url).rstrip("/")


def configured_sts(
    config: Mapping[str, Any], profile: str, environ: Mapping[str, str] | None = None
) -> str:
    """Return the URL that a setting or variable names for STS, otherwise an empty text.

    It can have a password, and can be AWS's own. Settings for which botocore can't create a client
    have no endpoint. ``config`` has the form of botocore's ``Session.full_config``.
    """
    environ = os.environ if environ is None else environ
    own = config["profiles"].get(profile, {})
    file = own.get("ignore_configured_endpoint_urls", "")
    if str(environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", file)).lower() == "true":
        return ""
    try:
        url = ConfiguredEndpointProvider(config, own, "sts", environ).provide()
    except Exception:  # noqa: BLE001  # values of another form raise any exception
        return ""
    return url if isinstance(url, str) else ""
