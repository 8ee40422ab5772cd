"""Profiles for the picker's tests, which belong to a small or a very large company."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipy_awsprofile.demo.stages import add_role
from tests.aws import EmbeddedAws

#: Profiles that are only listed, because their accounts don't exist.
_COMPANY = (
    ("analytics-dev", "444455556666", "DataScientist", "eu-central-1"),
    ("analytics-prod", "777788889999", "DataScientist", "eu-central-1"),
    ("billing-readonly", "111122223333", "BillingReadOnly", "us-east-1"),
    ("data-lake-eu", "555566667777", "LakeFormation/Reader", "eu-west-1"),
    ("data-lake-us", "555566667777", "LakeFormation/Reader", "us-west-2"),
    ("ml-platform-dev", "222233334444", "MachineLearning", "us-west-2"),
    ("ml-platform-prod", "888899990000", "MachineLearning", "us-west-2"),
    ("security-audit", "999900001111", "SecurityAudit", "us-east-1"),
)


def add_company(aws: EmbeddedAws) -> None:
    """Add the company's profiles, and two that a test can switch to."""
    for name, account, role, region in _COMPANY:
        arn = f"arn:aws:iam::{account}:role/{role}"
        aws.write_profile(name, source_profile="UserAlpha", role_arn=arn, region=region)
    for name in ("staging", "prod-admin"):
        add_role(aws, name, "s3:*", region="us-east-1")


@contextmanager
def very_many(aws: EmbeddedAws, number: int) -> Iterator[None]:
    """Add this many role profiles to the config file, until the block ends."""
    with restored(aws.config_file), aws.config_file.open("a") as file:
        for index in range(number):
            file.write(
                f"\n[profile team-{index:05}-{('dev', 'test', 'live')[index % 3]}]\n"
                f"role_arn = arn:aws:iam::{100000000000 + index % 700}:role/Engineer{index % 40}\n"
                f"source_profile = UserAlpha\nregion = ap-southeast-{index % 3}\n"
            )
        file.flush()
        yield


@contextmanager
def restored(file: Path) -> Iterator[None]:
    """Restore the current text of a file after the block."""
    before = file.read_text()
    try:
        yield
    finally:
        file.write_text(before)
