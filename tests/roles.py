"""Additional roles that UserAlpha can assume, and the roles that call S3."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


def add_role(aws: EmbeddedAws, name: str, action: str, *, region: str = "us-west-2") -> None:
    """Add a role to RoleBeta's account that is allowed this action, and a profile for it."""
    role_arn = aws.create_role(
        name,
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy=allow(action),
    )
    aws.write_profile(name, source_profile="UserAlpha", role_arn=role_arn, region=region)


def roles_in_s3(aws: EmbeddedAws, notebook: Shell, code: str) -> set[str]:
    """Run the code, and return the roles or users that called S3."""
    aws.calls.clear()
    notebook.good(code)
    arns = [call.arn or "anonymous" for call in aws.calls if call.action.startswith("s3:")]
    return {re.split("[/]", arn)[1] for arn in arns}
