"""Check names of Regions against botocore's data, and find endpoints in settings."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from ipy_awsprofile.config.settings import words
from ipy_awsprofile.text import LONGEST_NAME, did_you_mean, one_line

#: The domains of AWS's partitions. In isolated partitions, they begin with a letter and ``2s``.
_AWS = re.compile(r"(.*\.)?(amazonaws\.(com|com\.cn|eu)|api\.aws|\w2s\.\S+)")


@cache
def _partitions() -> list[dict[str, Any]]:
    from botocore.loaders import create_loader

    partitions: list[dict[str, Any]] = create_loader().load_data("partitions")["partitions"]
    return partitions


@cache
def _regions_by_partition() -> dict[str, list[str]]:
    return {partition["id"]: sorted(partition["regions"]) for partition in _partitions()}


def _regions_of_place(place: str) -> list[str]:
    """Return the Regions whose description contains the name of a place, such as `Oregon`."""
    regions: list[str] = []
    for partition in _partitions():
        for name, region in partition["regions"].items():
            description = region.get("description", "").casefold()
            if place.casefold() in (description, *re.findall(r"[\w.]+", description)):
                regions.append(name)
    return regions


def region_names_in(text: str) -> list[str]:
    """Return the names in a string that separates them with commas, semicolons or spaces.

    The string can also be a list in Python's notation.
    """
    return re.findall(r"[^\s,;'\"\[\]()]+", text)


def known_regions() -> tuple[str, ...]:
    """Return the Regions that botocore knows, except for those in isolated partitions."""
    by_partition = _regions_by_partition()
    regions = (*by_partition["aws"], *by_partition["aws-us-gov"], *by_partition["aws-cn"])
    return tuple(name for name in regions if not name.endswith("-global"))


def unknown_region(name: str | None) -> str:
    """Return a sentence about a Region that botocore doesn't know, or an empty string.

    The sentence suggests similar Regions. The sentence is only a warning, because AWS can have
    newer Regions, and other servers can have different Regions.
    """
    if not name or is_known_region(name):
        return ""
    zone = re.fullmatch(r"(.+\d)[a-z]", name)
    if zone and is_known_region(zone[1]):
        return f"`{name}` is an Availability Zone. Write the Region `{zone[1]}` instead."
    at_place = [region for region in _regions_of_place(name) if not region.endswith("-global")]
    if at_place:
        similar = f"Did you mean {' or '.join(f'`{region}`' for region in at_place[:3])}?"
    else:
        similar = did_you_mean(name, known_regions())
    similar = similar or "Check the name. If the Region is new, update boto3."
    return f"`{one_line(name, LONGEST_NAME)}` isn't a Region that botocore knows. {similar}"


def is_known_region(name: str) -> bool:
    """Return whether the installed botocore knows a Region."""
    return bool(partition_of(name))


def partition_of(region: str) -> str:
    """Return the partition of a Region, such as ``aws-cn``, or "" if botocore doesn't know it."""
    for partition, regions in _regions_by_partition().items():
        if region in regions:
            return partition
    return ""


def is_place(name: str | None) -> bool:
    """Return whether a name belongs to a place, such as `Frankfurt` or `us`, not to a Region."""
    return bool(name) and bool(_regions_of_place(str(name)))


def is_region_name(name: str) -> bool:
    """Return whether a string has the form that botocore requires for a Region's name."""
    from botocore.exceptions import InvalidRegionError
    from botocore.utils import validate_region_name

    try:
        validate_region_name(name)
    except InvalidRegionError:
        return False
    return True


#: Words for no value, which programs write if a variable isn't set.
_NO_VALUES = ("none", "null", "undefined")


def is_misspelled_region(name: str | None) -> bool:
    """Return whether a Region's name is invalid, or unknown but similar to an AWS Region's name.

    S3-compatible stores have Regions such as `us-central-1` and `us-west-004`, which aren't
    misspelled.
    """
    if not name or is_known_region(name):
        return False
    if not is_region_name(name) or name.casefold() in _NO_VALUES:
        return True
    if len(name) == 1:  # as in the usage, `--region R`
        return True
    return bool(difflib.get_close_matches(name.casefold(), known_regions(), n=1, cutoff=0.87))


#: AWS's Regions from before March 2019, which every account can use. All others of the partition
#: `aws` must be enabled in an account. botocore's data doesn't say which.
#: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
_ENABLED_BY_DEFAULT = words(
    "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2 "
    "aws-global ca-central-1 eu-central-1 eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 "
    "us-east-1 us-east-2 us-west-1 us-west-2"
)


def must_be_enabled(name: str | None) -> bool:
    """Return whether accounts must enable a Region before using the Region."""
    return name in _regions_by_partition()["aws"] and name not in _ENABLED_BY_DEFAULT


def is_aws(url: str) -> bool:
    """Return whether an endpoint belongs to AWS."""
    return bool(_AWS.fullmatch(urlsplit(url).hostname or ""))


def endpoint_of(
    service: str,
    settings: Mapping[str, object],
    services: Mapping[str, object],
    environ: Mapping[str, str] | None = None,
) -> str:
    """Return a service's endpoint from a setting or an environment variable, or an empty string.

    ``settings`` are the profile's settings, and ``services`` are the config file's [services]
    sections. If ``environ`` is given, its variables are used instead of the process's environment
    variables.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    from botocore.configprovider import ConfiguredEndpointProvider
    from botocore.utils import ensure_boolean

    in_file = settings.get("ignore_configured_endpoint_urls")
    # A switch doesn't set the variable, and botocore reads those with the endpoints itself.
    if ensure_boolean(os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", in_file)):
        return ""
    try:
        files = {"services": services}
        provider = ConfiguredEndpointProvider(files, settings, service, environ)
        return urlsplit(provider.provide() or "").geturl()
    except Exception:  # noqa: BLE001  # malformed values can raise any exception in botocore
        return ""
