"""Profiles for the picker's tests, which belong to a small or a very large company."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws


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


#: Profiles that a test can switch to.
_WORKING = ("staging", "prod-admin")


def create_roles(aws: EmbeddedAws) -> None:
    """Create the roles of the profiles that a test can switch to."""
    for name in _WORKING:
        aws.create_role(
            name,
            account=ROLE_ACCOUNT,
            trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
            policy=allow("s3:*", "iam:ListAccountAliases"),
        )


@contextmanager
def company(aws: EmbeddedAws) -> Iterator[None]:
    """Add the company's profiles to the config file, until the block ends."""
    working = ((name, ROLE_ACCOUNT, name, "us-east-1") for name in _WORKING)
    with restored(aws.config_file):
        for name, account, role, region in (*_COMPANY, *working):
            arn = f"arn:aws:iam::{account}:role/{role}"
            aws.write_profile(name, source_profile="UserAlpha", role_arn=arn, region=region)
        yield


@contextmanager
def long_names(aws: EmbeddedAws) -> Iterator[None]:
    """Add profiles with a large organisation's long names, until the block ends."""
    with restored(aws.config_file), aws.config_file.open("a") as file:
        for team, stage, region in product(
            ("data-platform", "machine-learning", "customer-analytics"),
            ("development", "production"),
            ("eu-west-1", "us-east-1"),
        ):
            name = f"acme-{team}-{stage}-{region}"
            file.write(
                f"\n[profile {name}-analytics-readonly]\nregion = {region}\n"
                "sso_account_id = 444455556666\nsso_role_name = AWSReadOnlyAccess\n"
                f"[profile {name}-administrator-access]\nregion = {region}\n"
                "source_profile = UserAlpha\n"
                "role_arn = arn:aws:iam::777788889999:role/PlatformAdministratorAccess\n"
            )
        file.flush()
        yield


@contextmanager
def very_many(aws: EmbeddedAws, number: int) -> Iterator[None]:
    """Add this many role profiles to the config file, until the block ends."""
    sections = (
        f"[profile team-{index:05}-{('dev', 'test', 'live')[index % 3]}]\n"
        f"role_arn = arn:aws:iam::{100000000000 + index % 700}:role/Engineer{index % 40}\n"
        "source_profile = UserAlpha\n"
        f"region = {('us-west-2', 'eu-central-1', 'ap-southeast-2')[index % 3]}\n"
        for index in range(number)
    )
    with restored(aws.config_file), aws.config_file.open("a") as file:
        file.write("\n" + "\n".join(sections))
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
