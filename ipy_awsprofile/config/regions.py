"""The names of AWS Regions, checked against botocore's data, and AWS's domains."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from urllib.parse import urlsplit

from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import LONGEST_CELL, one_line

#: Names that botocore accepts. A Region becomes part of a host name.
_VALID = re.compile(r"(?![0-9]+$)(?!-)[a-zA-Z0-9-]{,63}(?<!-)")

#: The domains of AWS's partitions. In isolated partitions, they begin with a letter and ``2s``.
_AWS = re.compile(r"(.*\.)?(amazonaws\.(com|com\.cn|eu)|api\.aws|\w2s\.\S+)")


@cache
def _regions_by_partition() -> dict[str, list[str]]:
    from botocore.loaders import create_loader

    partitions = create_loader().load_data("partitions")["partitions"]
    return {one["id"]: sorted(one["regions"]) for one in partitions}


def known_regions() -> tuple[str, ...]:
    """Return botocore's Regions to choose from, without isolated partitions."""
    known = _regions_by_partition()
    listed = (name for one in ("aws", "aws-us-gov", "aws-cn") for name in known[one])
    return tuple(name for name in listed if not name.endswith("-global"))


def is_known_region(name: str) -> bool:
    """Return whether the installed botocore knows the Region. Newer Regions can be missing."""
    return any(name in regions for regions in _regions_by_partition().values())


def similar_region(name: str) -> str:
    """Return a question that suggests similar Regions, or an empty text if there aren't any."""
    from ipy_awsprofile.config.profiles import did_you_mean  # not needed to load the extension

    return did_you_mean(name, known_regions())


def misspelled_region(text: str) -> str:
    """Return a hint for a Region in an error or host name that doesn't exist, or an empty text."""
    found = re.search(r"region_name '(.+?)'|\b([a-z]{2}(?:-[a-z]+)+-?\d)\.", text)
    name = next(filter(None, found.groups())) if found else ""
    similar = "" if is_known_region(name) else similar_region(name)
    return f"`{name}` isn't an AWS Region that botocore knows. {similar}" if similar else ""


def check_region(name: str, *, is_foreign: Callable[[], bool] = lambda: False) -> None:
    """Raise InvalidOption for a Region that doesn't exist, before a call or an MFA code is lost.

    ``is_foreign`` returns whether the server isn't AWS, because such servers accept any valid name.
    """
    if not (is_known_region(name) or (_VALID.fullmatch(name) and is_foreign())):
        similar = similar_region(name) or "Example: us-east-1."
        raise InvalidOption(
            f"`{one_line(name, LONGEST_CELL)}` isn't an AWS Region that botocore knows.",
            f"{similar} New Regions need `%pip install --upgrade boto3`.",
        )


def is_aws(url: str) -> bool:
    """Return whether an endpoint belongs to AWS."""
    return bool(_AWS.fullmatch(urlsplit(url).hostname or ""))
