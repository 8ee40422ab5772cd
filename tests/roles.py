"""A role that UserAlpha may assume, beside those of the scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def add_role(aws: EmbeddedAws, name: str, action: str, *, region: str = "us-west-2") -> None:
    """Add a role that may do this in RoleBeta's account, and a profile with its name."""
    role_arn = aws.create_role(
        name,
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy=allow(action),
    )
    aws.write_profile(name, source_profile="UserAlpha", role_arn=role_arn, region=region)
