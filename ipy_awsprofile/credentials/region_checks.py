"""Whether STS can be called in the Region of a target.

botocore finds out when it signs a call, and a person may have typed an MFA code for it by then.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
"""

from __future__ import annotations

from ipy_awsprofile.config.regions import can_be_aws_region
from ipy_awsprofile.config.sts_endpoint import configured_sts, foreign_sts
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.region_errors import invalid_region, no_region
from ipy_awsprofile.credentials.translation import translated


def require_region(target: Target, *, signs: bool = True) -> None:
    """Raise an error if STS can't be called in the target's Region.

    botocore has a default Region for AWS's own endpoint alone. ``signs`` says whether a call is
    certain to be signed: cached roles and web identities don't need that. Raises NoRegion, and
    InvalidOption for a name that isn't a Region of AWS; other servers accept any name.
    """
    region, names = target.region, ChainNames(target.chain)
    with translated(target.chain):  # the config in the frames contains keys
        if not region:
            if signs and configured_sts(target.full_config(), target.name):
                raise no_region(names)
        elif not (can_be_aws_region(region) or foreign_sts(target.full_config(), target.name)):
            raise invalid_region(region, names)
