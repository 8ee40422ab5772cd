"""Errors for a missing or invalid Region."""

from __future__ import annotations

from ipy_awsprofile.config.regions import similar_region
from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.errors import InvalidOption, NoRegion


def no_region(chain: ChainNames) -> NoRegion:
    """Return the exception for a profile without a Region."""
    return NoRegion(
        f"No AWS Region is set for `{chain.asked_for}`.",
        f"Add `region = …` to the profile, or run `%aws_profile {chain.typed('--region …')}`.",
    )


def invalid_region(region: str, chain: ChainNames) -> InvalidOption:
    """Return the exception for a Region that doesn't exist."""
    return InvalidOption(
        f"`{chain.asked_for}` has an invalid AWS Region: `{region}`.",
        f"{similar_region(region) or 'Example: us-east-1.'} Correct it, or use another Region with "
        f"`--region`. {chain.explain_hint}",
    )
