"""Check the names of AWS Regions against botocore's data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import LONGEST_CELL, short_line

#: Names that botocore accepts. A Region becomes part of a host name.
REGION_NAME = re.compile(r"(?![0-9]+$)(?!-)[a-zA-Z0-9-]{,63}(?<!-)")

#: The commercial Regions come first.
_PARTITIONS = ("aws", "aws-us-gov", "aws-cn")


@cache
def known_regions() -> tuple[str, ...]:
    """Return the Regions with an STS endpoint in the installed version of botocore.

    https://docs.aws.amazon.com/general/latest/gr/sts.html
    """
    from botocore.loaders import create_loader
    from botocore.regions import EndpointResolver

    # A botocore session would read the shared files, and they can be large.
    resolver = EndpointResolver(create_loader().load_data("endpoints"))
    return tuple(
        region
        for partition in _PARTITIONS
        for region in sorted(resolver.get_available_endpoints("sts", partition))
    )


@cache
def _all_regions() -> frozenset[str]:
    """Return the Regions of all partitions, including global ones such as ``aws-global``."""
    from botocore.loaders import create_loader

    partitions: Mapping[str, Any] = create_loader().load_data("partitions")
    return frozenset(region for one in partitions["partitions"] for region in one["regions"])


def is_known_region(name: str) -> bool:
    """Return whether the installed botocore knows the Region. Newer Regions can be missing."""
    return name in _all_regions()


#: The form of a Region's name, to recognize Regions that are newer than botocore.
_FORM = re.compile(r"(?:fips-)?[a-z]+(?:-[a-z]+)+-[0-9]+(?:-fips)?")


def can_be_aws_region(name: str) -> bool:
    """Return whether the name is an AWS Region or has the form of an AWS Region's name."""
    return is_known_region(name) or bool(_FORM.fullmatch(name))


def can_call_sts(region: str, foreign_sts: str) -> bool:
    """Return whether STS can be called in the Region. Servers other than AWS accept any valid name.

    ``foreign_sts`` is the server's endpoint, or empty for AWS.
    """
    is_valid = bool(REGION_NAME.fullmatch(region))
    return is_valid and (bool(foreign_sts) or can_be_aws_region(region))


#: Values that programs write if no Region is set: `aws configure` shows ``[None]``.
_NOTHING = {"none", "null"}


def similar_region(name: str) -> str:
    """Return a suggestion for a name that botocore doesn't know, or an empty text.

    The Regions of a server that is compatible with AWS can have any name.
    """
    from ipy_awsprofile.config.profiles import did_you_mean  # not needed to load the extension

    if name.casefold() in _NOTHING:
        return "Programs write this value if no Region is set. Name a Region, or leave it out."
    regions = sorted(region for region in _all_regions() if not region.endswith("-global"))
    return "" if is_known_region(name) else did_you_mean(name, regions)


def parse_regions(regions: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of Regions, from a list or from a text with commas between the names.

    Names that botocore doesn't know are accepted, because they can be Regions of other servers or
    new Regions. Raises InvalidOption for a name that is similar to a known Region, for an invalid
    or repeated name, and for an empty list.
    """
    listed = regions.split(",") if isinstance(regions, str) else regions
    names = [str(name).strip() for name in listed]
    if not any(names):
        raise InvalidOption(
            "No Region is given.",
            "Name one, such as us-east-1, or leave out `regions` to use each profile's own.",
        )
    for number, name in enumerate(names):
        if not name or not REGION_NAME.fullmatch(name):
            isnt = f"`{short_line(name, LONGEST_CELL)}` isn't an AWS Region."
            raise InvalidOption(
                isnt if name else "The name of a Region is empty.",
                "Write Regions like this: eu-central-1,us-east-1.",
            )
        if name in names[:number]:
            raise InvalidOption(f"The Region `{name}` is repeated.", "Name each Region once.")
        if similar_region(name):
            raise InvalidOption(
                unknown_region(name), "For a new Region, run `%pip install --upgrade boto3`."
            )
    return tuple(names)


#: AWS hosts that a switch and a first call use, with the Region in their names.
#: https://docs.aws.amazon.com/general/latest/gr/rande.html
_HOST = re.compile(r"(?:oidc|portal\.sso|s3|sts)\.(?P<region>[\w-]+)\.amazonaws\.com")


def unknown_region_of(host: str) -> str:
    """Return what to do if an AWS host can't be reached because its Region doesn't exist."""
    found = _HOST.fullmatch(host)
    if not found or is_known_region(region := found["region"]):
        return ""
    return unknown_region(region)


def unknown_region(name: str) -> str:
    """Return what to do about a Region that botocore doesn't know."""
    asked = similar_region(name) or "Check it in the profile and in `--region`."
    return f"botocore doesn't know the Region `{name}`. {asked}"
