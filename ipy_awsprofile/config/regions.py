"""The AWS Regions that botocore knows."""

from __future__ import annotations

from functools import cache

#: The commercial Regions come first.
_PARTITIONS = ("aws", "aws-us-gov", "aws-cn")


@cache
def known_regions() -> tuple[str, ...]:
    """Return the Regions that have an STS endpoint, as the installed botocore knows them.

    https://docs.aws.amazon.com/general/latest/gr/sts.html
    """
    from botocore.loaders import create_loader
    from botocore.regions import EndpointResolver

    # A botocore session would read the shared files, which can be large.
    resolver = EndpointResolver(create_loader().load_data("endpoints"))
    return tuple(
        region
        for partition in _PARTITIONS
        for region in sorted(resolver.get_available_endpoints("sts", partition))
    )
