"""Whether STS can be called in a Region, and the errors if it can't.

botocore finds out when it signs a call, and a person may have typed an MFA code for it by then.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
"""

from __future__ import annotations

from ipy_awsprofile.config.regions import can_be_aws_region, similar_region
from ipy_awsprofile.config.sts_endpoint import configured_sts, foreign_sts
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.errors import InvalidOption, NoRegion


def require_region(target: Target, *, signs: bool = True) -> None:
    """Raise an error if STS can't be called in the target's Region.

    botocore has a default Region for AWS's own endpoint alone. ``signs`` says that a call is going
    to be signed: a role from a cache and a web identity need none. Raises NoRegion, and
    InvalidOption for what can't be a Region of AWS; other servers can have Regions of any name.
    """
    region, names = target.region, ChainNames(target.chain)
    config = target.full_config()
    if not region:
        if signs and configured_sts(config, target.name):
            raise no_region(names)
    elif not (can_be_aws_region(region) or foreign_sts(config, target.name)):
        raise invalid_region(region, names)


def no_region(chain: ChainNames) -> NoRegion:
    """Return the error for a profile without a Region."""
    return NoRegion(
        f"No AWS Region is known for `{chain.asked_for}`.",
        f"Add `region = …` to the profile, or run `%aws_profile {chain.typed} --region …`.",
    )


def invalid_region(region: str, chain: ChainNames) -> InvalidOption:
    """Return the error for a Region that doesn't exist."""
    return InvalidOption(
        f"`{chain.asked_for}` has an invalid AWS Region: `{region}`.",
        f"{similar_region(region) or 'Example: us-east-1.'} Correct it, or use another Region with "
        f"`--region`. {chain.explain_hint}",
    )
