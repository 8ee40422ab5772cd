"""AWS Regions, checked against botocore's data, and the endpoints that settings name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.text import did_you_mean

#: The domains of AWS's partitions. In isolated partitions, they begin with a letter and ``2s``.
_AWS = re.compile(r"(.*\.)?(amazonaws\.(com|com\.cn|eu)|api\.aws|\w2s\.\S+)")


@cache
def _regions_by_partition() -> dict[str, list[str]]:
    from botocore.loaders import create_loader

    partitions = create_loader().load_data("partitions")["partitions"]
    return {partition["id"]: sorted(partition["regions"]) for partition in partitions}


def known_regions() -> tuple[str, ...]:
    """Return botocore's Regions to choose from, without isolated partitions."""
    by_partition = _regions_by_partition()
    regions = (*by_partition["aws"], *by_partition["aws-us-gov"], *by_partition["aws-cn"])
    return tuple(name for name in regions if not name.endswith("-global"))


def unknown_region(name: str | None) -> str:
    """Return a sentence about a Region that botocore doesn't know, or an empty text.

    It suggests similar Regions. Nothing is refused because of it: AWS has newer Regions, and
    other servers have their own names.
    """
    if not name or any(name in regions for regions in _regions_by_partition().values()):
        return ""
    similar = did_you_mean(name, known_regions())
    return f"`{name}` isn't a Region that botocore knows. {similar}".rstrip()


def is_aws(url: str) -> bool:
    """Return whether an endpoint belongs to AWS."""
    return bool(_AWS.fullmatch(urlsplit(url).hostname or ""))


def endpoint_of(
    service: str, settings: Mapping[str, object], services: Mapping[str, object]
) -> str:
    """Return a service's endpoint of a setting or variable, or an empty text without one.

    ``settings`` are a profile's, and ``services`` the files' [services] sections.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    from botocore.configprovider import ConfiguredEndpointProvider
    from botocore.utils import ensure_boolean

    in_file = settings.get("ignore_configured_endpoint_urls")
    if ensure_boolean(user_environment().get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", in_file)):
        return ""
    try:
        provider = ConfiguredEndpointProvider({"services": services}, settings, service)
        return urlsplit(provider.provide() or "").geturl()
    except Exception:  # noqa: BLE001  # malformed values can raise any exception in botocore
        return ""
