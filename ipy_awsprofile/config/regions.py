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
    from botocore.loaders import create_loader
    from botocore.regions import EndpointResolver

    # A botocore session would read the shared files for this, and they can be long.
    resolver = EndpointResolver(create_loader().load_data("endpoints"))
    return tuple(
        region
        for partition in _PARTITIONS
        for region in sorted(resolver.get_available_endpoints("sts", partition))
    )
