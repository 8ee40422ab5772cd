"""The AWS Regions that botocore knows by name."""

from __future__ import annotations

from functools import cache

#: Commercial Regions first; those of other partitions behind them.
_PARTITIONS = ("aws", "aws-us-gov", "aws-cn")


@cache
def known_regions() -> tuple[str, ...]:
    """List the Regions that have an STS endpoint, as the installed botocore knows them.

    https://docs.aws.amazon.com/general/latest/gr/sts.html
    """
    import botocore.session

    session = botocore.session.get_session()
    return tuple(
        region
        for partition in _PARTITIONS
        for region in sorted(session.get_available_regions("sts", partition))
        if "-fips" not in region
    )
