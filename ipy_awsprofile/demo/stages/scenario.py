"""The main job: UserAlpha may only assume RoleBeta, and RoleBeta has three buckets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser

USER_ACCOUNT = "231179739868"
ROLE_ACCOUNT = "123456789012"
REGION = "us-west-2"
BUCKETS: Mapping[str, tuple[str, datetime]] = {
    "my-first-bucket": ("us-west-2", datetime(2018, 8, 31, 7, 46, 2, tzinfo=UTC)),
    "my-second-bucket": ("us-west-2", datetime(2019, 9, 17, 19, 17, 31, tzinfo=UTC)),
    "my-third-bucket": ("eu-central-1", datetime(2018, 6, 12, 23, 18, 8, tzinfo=UTC)),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """The result of `seed`: the user, the role it may assume, and the role's bucket names."""

    user: IamUser
    role_arn: str
    bucket_names: tuple[str, ...]


def seed(aws: EmbeddedAws) -> Scenario:
    """Create the profiles UserAlpha (account 231179739868) and RoleBeta (123456789012)."""
    user = aws.create_user("UserAlpha", account=USER_ACCOUNT, policy=allow("sts:AssumeRole"))
    role_arn = aws.create_role(
        "RoleBeta",
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy=allow("s3:*", "sts:GetScopedCredentials"),
    )
    for name, (region, created) in BUCKETS.items():
        aws.create_bucket(name, account=ROLE_ACCOUNT, region=region, creation_date=created)
    _write_profiles(aws, user, role_arn)
    return Scenario(user, role_arn, tuple(BUCKETS))


def _write_profiles(aws: EmbeddedAws, user: IamUser, role_arn: str) -> None:
    aws.write_profile("UserAlpha", region=REGION, output="json")
    aws.write_profile("RoleBeta", source_profile="UserAlpha", role_arn=role_arn, region=REGION)
    aws.write_profile(
        "UserAlpha",
        file="credentials",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    """Return an identity policy that allows some actions."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def trusting(principal: str) -> dict[str, Any]:
    """Return a trust policy that allows an AWS principal (an ARN or `*`) to assume the role."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}
