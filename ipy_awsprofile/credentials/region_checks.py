"""Check whether STS can be called in a target's Region.

botocore checks the Region only when it signs a call, after the user may have entered an MFA code.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
"""

from __future__ import annotations

from ipy_awsprofile.config.regions import can_call_sts
from ipy_awsprofile.config.sts_endpoint import configured_sts, foreign_sts
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.region_errors import invalid_region, no_region
from ipy_awsprofile.credentials.translation import translated


def require_region(target: Target, *, signs: bool = True) -> None:
    """Raise an error if STS can't be called in the target's Region.

    botocore has a default Region only for AWS's own endpoint. ``signs`` says whether a call is
    certain to be signed, which cached roles and web identities don't require. Raises NoRegion, and
    InvalidOption for a Region in which `can_call_sts` is false.
    """
    region, names = target.region, ChainNames(target.chain)
    with translated(target.chain):  # the stack frames contain the config, which has keys
        if not region:
            if signs and configured_sts(target.full_config(), target.name):
                raise no_region(names)
        elif not can_call_sts(region, foreign_sts(target.full_config(), target.name)):
            raise invalid_region(region, names)
