"""Set up the tutorial on many accounts, with a role in each that UserAlpha may usually assume."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.shared_files import append_section, config_header
from ipy_awsprofile.demo.stages.scenario import REGION, USER_ACCOUNT, allow, trusting

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.shared_files import Setting

TEAMS = ("atlas", "borealis", "cygnus", "draco", "eridanus", "fornax", "gemini", "hydra", "indus")
STAGES = ("dev", "test", "prod")
REGIONS = (REGION, "eu-central-1", "ap-southeast-2")
_FIRST_BUCKET = datetime(2018, 3, 1, 9, 30, tzinfo=UTC)


def seed_organisation(
    aws: EmbeddedAws, accounts: int = 30, *, config_file: Path | None = None
) -> tuple[str, ...]:
    """Create accounts with buckets, and a role profile for each; return the profiles' names.

    With 30 accounts the last four fail in different ways: a role that trusts another user, a role
    that may not list buckets, expired credentials, and a profile without a Region. With any other
    number none of them fails. The profiles are written to `config_file`, by default the shared
    config file.
    """
    file = config_file or aws.config_file
    if config_file:
        _write(aws, file, "UserAlpha", region=REGION, output="json")
    failing = _FAILING if accounts == 30 else ()  # noqa: PLR2004
    names = []
    for number in range(accounts - len(failing)):
        team, stage = divmod(number, len(STAGES))
        name = f"{TEAMS[team % len(TEAMS)]}{team // len(TEAMS) or ''}-{STAGES[stage]}"
        _add(aws, file, name, number)
        names.append(name)
    for number, (name, change) in enumerate(failing, len(names)):
        _add(aws, file, name, number, **change)
        names.append(name)
    return tuple(names)


_SERVICE = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
_FAILING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("audit-prod", {"trust": trusting(f"arn:aws:iam::{USER_ACCOUNT}:user/Auditor")}),
    ("billing-prod", {"policy": allow("ce:GetCostAndUsage")}),
    ("sandbox-old", {"trust": _SERVICE, "is_expired": True}),
    ("security-prod", {"has_region": False}),
)


def _add(
    aws: EmbeddedAws,
    file: Path,
    name: str,
    number: int,
    *,
    trust: dict[str, Any] | None = None,
    policy: dict[str, Any] | None = None,
    is_expired: bool = False,
    has_region: bool = True,
) -> None:
    account, region = (
        f"{400_000_000_000 + 1_234_567 * number}",
        REGIONS[number // len(STAGES) % len(REGIONS)],
    )
    role_arn = aws.create_role(
        "Reader",
        account=account,
        trust=trust or trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy=policy or allow("s3:*"),
    )
    for bucket in range(number * 7 % 5 + 1):
        created = _FIRST_BUCKET + timedelta(days=97 * number + 211 * bucket)
        aws.create_bucket(
            f"{name}-{bucket + 1}", account=account, region=region, creation_date=created
        )
    settings: dict[str, Setting] = {"region": region if has_region else None}
    if is_expired:
        settings |= _expired_keys(aws, role_arn)
    else:
        settings |= {"role_arn": role_arn, "source_profile": "UserAlpha"}
    _write(aws, file, name, **settings)


def _expired_keys(aws: EmbeddedAws, role_arn: str) -> dict[str, Setting]:
    """Return expired temporary credentials, such as users paste into their files."""
    issued = aws.service_session("ec2.amazonaws.com", role_arn, "pasted")
    aws.expire_sessions(str(issued["AccessKeyId"]))
    return {
        "aws_access_key_id": str(issued["AccessKeyId"]),
        "aws_secret_access_key": str(issued["SecretAccessKey"]),
        "aws_session_token": str(issued["SessionToken"]),
    }


def _write(aws: EmbeddedAws, file: Path, name: str, **settings: Setting) -> None:
    file.touch(mode=0o600)
    append_section(file, config_header(name), settings | {"endpoint_url": aws.endpoint_url})
