"""Add the how-to guides' profiles to the shared config file, next to UserAlpha and RoleBeta."""

from __future__ import annotations

from configparser import ConfigParser
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.shared_files import append_section
from ipy_awsprofile.demo.stages.scenario import REGION, ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws

#: Sections that the guides share with the tutorials.
_SHARED = (
    "profile Maria",
    "profile Auditor",
    "sso-session corp",
    "profile Analyst",
    *(f"profile {team}-{stage}" for team in ("atlas", "borealis") for stage in ("dev", "prod")),
)


def seed_how_to(aws: EmbeddedAws, *config_files: Path) -> None:
    """Create the role `prod-admin`, and copy the other profiles from the tutorials' files."""
    tutorials = ConfigParser(interpolation=None)
    tutorials.read(config_files)
    for header in _SHARED:
        append_section(aws.config_file, header, tutorials[header])
    role_arn = aws.create_role(
        "prod-admin",
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy=allow("s3:*", "sts:GetScopedCredentials"),
    )
    aws.write_profile("prod-admin", source_profile="UserAlpha", role_arn=role_arn, region=REGION)
