"""Create the accounts, roles and profiles for the demo, the tutorials and the how-to guides."""

from __future__ import annotations

import sys
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.aws import EmbeddedAws, append_section
from ipy_awsprofile.demo.identity_center import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ipy_awsprofile.demo.aws import SettingValue
    from ipy_awsprofile.demo.iam import Signer

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
    """The user UserAlpha, and the ARN of the role RoleBeta, which UserAlpha may assume."""

    user: Signer
    role_arn: str


@contextmanager
def demo_aws() -> Iterator[EmbeddedAws]:
    """Run an embedded AWS with all accounts and profiles until the `with` statement ends."""
    with EmbeddedAws() as aws:
        seed_all(aws)
        yield aws


def seed_all(aws: EmbeddedAws) -> None:
    """Create everything that the demo, the tutorials and the how-to guides use.

    The shared config file contains the profiles of the demo and of the how-to guides. The tutorials
    about sign-in and about many accounts use separate config files. The account of the user Maria
    manages an organization.
    """
    seed(aws)
    company = seed_company(aws)
    organisation = aws.config_file.with_name("config-organisation")
    seed_organisation(aws, config_file=organisation)
    tutorials = ConfigParser(interpolation=None)
    tutorials.read([company, organisation])
    for header in _GUIDES:
        append_section(aws.config_file, header, tutorials[header])
    add_role(aws, "prod-admin", *_USED)
    accounts = aws.create_organization(_ORGANIZATION, manager=USER_ACCOUNT)
    for name, buckets in _ORGANIZATION.items():
        if buckets:
            trust = trusting(f"arn:aws:iam::{USER_ACCOUNT}:root")
            policy = allow("s3:*")
            aws.iam.create_role("Audit", account=accounts[name], trust=trust, policy=policy)
        for number in range(buckets):
            aws.create_bucket(f"{name}-logs-{number + 1}", account=accounts[name])


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    """Return an identity policy that allows actions on a resource (by default, all resources)."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def trusting(principal: str, *, mfa: bool = False) -> dict[str, Any]:
    """Return a trust policy that allows an AWS principal (an ARN or `*`) to assume a role.

    If `mfa` is true, the policy requires an MFA code.
    """
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": "sts:AssumeRole",
    }
    if mfa:
        statement["Condition"] = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    return {"Version": "2012-10-17", "Statement": [statement]}


#: The accounts of Maria's organization, and how many buckets the role Audit can see in each of
#: them. The account without buckets doesn't have the role.
_ORGANIZATION: Mapping[str, int] = {"alpha": 2, "beta": 1, "gamma": 0, "sandbox-ann": 3}

#: The sections that the how-to guides share with the tutorials.
_GUIDES = (
    "profile Maria",
    "profile Auditor",
    "sso-session corp",
    "profile Analyst",
    *(f"profile {team}-{stage}" for team in ("atlas", "borealis") for stage in ("dev", "prod")),
)


#: The actions that RoleBeta and prod-admin may perform.
_USED = ("s3:*", "sts:GetScopedCredentials")


def seed(aws: EmbeddedAws) -> Scenario:
    """Create the demo's profiles: UserAlpha, and the role RoleBeta with access to three buckets.

    UserAlpha is only allowed to assume roles.
    """
    user = aws.iam.create_user("UserAlpha", account=USER_ACCOUNT, policy=allow("sts:AssumeRole"))
    for name, (region, created) in BUCKETS.items():
        aws.create_bucket(name, account=ROLE_ACCOUNT, region=region, creation_date=created)
    aws.write_profile("UserAlpha", region=REGION, output="json")
    role_arn = add_role(aws, "RoleBeta", *_USED)
    aws.write_profile("UserAlpha", file=aws.credentials_file, **user.settings())
    return Scenario(user, role_arn)


def add_role(aws: EmbeddedAws, name: str, *actions: str, region: str = REGION) -> str:
    """Create a role and its profile, let UserAlpha assume the role, and return the role's ARN."""
    role_arn = aws.iam.create_role(
        name,
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy=allow(*actions),
    )
    aws.write_profile(name, source_profile="UserAlpha", role_arn=role_arn, region=region)
    return role_arn


#: The accounts in IAM Identity Center, with their ID and the roles of the signed-in user.
ACCOUNTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Analytics": (ROLE_ACCOUNT, ("Analyst",)),
    "Production": ("210987654321", ("Operator", "ReadOnly")),
    "Sandbox": ("345678901234", ("Administrator", "ReadOnly")),
}

_COMPANY = """\
[profile Maria]
aws_access_key_id = {maria.access_key_id}
aws_secret_access_key = {maria.secret_access_key}
region = {region}
endpoint_url = {endpoint}

# A chain: Maria may assume Platform, and only Platform may assume Reporting.
[profile Platform]
role_arn = {platform}
source_profile = Maria
endpoint_url = {endpoint}

[profile Reporting]
role_arn = {reporting}
source_profile = Platform
region = eu-central-1
endpoint_url = {endpoint}

# A role that requires an MFA code. mfa_process replaces the person with a phone.
[profile Auditor]
role_arn = {auditor}
source_profile = Maria
mfa_serial = {maria.mfa_serial}
mfa_process = {phone}
region = {region}
endpoint_url = {endpoint}

# The same role without mfa_process: a person types the code.
[profile Auditor-typed]
role_arn = {auditor}
source_profile = Maria
mfa_serial = {maria.mfa_serial}
region = {region}
endpoint_url = {endpoint}

# IAM Identity Center: one sign-in for all accounts, and a profile for one role.
[sso-session corp]
sso_start_url = {start_url}
sso_region = us-east-1
sso_registration_scopes = sso:account:access

[profile Analyst]
sso_session = corp
sso_account_id = {account}
sso_role_name = Analyst
region = {region}
endpoint_url = {endpoint}

# A profile with mistakes.
[profile Forgotten]
role_arn = {reporting}
source_profile = Platfrom
mfa-serial = {maria.mfa_serial}
region = {region}
endpoint_url = {endpoint}

# The keys are in the credentials file.
[profile UserAlpha]
endpoint_url = {endpoint}
"""


#: A script that ends the sign-in and the session, as they would expire overnight. The next script
#: signs in again.
_NIGHT = """
from datetime import UTC, datetime
from pathlib import Path

from IPython import get_ipython

for file in Path("~/.aws").expanduser().glob("*/cache/*.json"):
    file.rename(file.with_suffix(".asleep"))
session = get_ipython().user_ns["session"]
session.get_credentials()._expiry_time = datetime.now(UTC)
"""
_MORNING = """
from pathlib import Path

for file in Path("~/.aws").expanduser().glob("*/cache/*.asleep"):
    file.rename(file.with_suffix(".json"))
"""


def seed_company(aws: EmbeddedAws) -> Path:
    """Create roles and a config file with a profile of each kind, and return the file's path.

    The user is already signed in to IAM Identity Center. The script ``~/.aws/phone.py`` prints MFA
    codes, ``~/.aws/night.py`` ends the sign-in, and ``~/.aws/morning.py`` restores the sign-in.
    """
    for name, script in (("night.py", _NIGHT), ("morning.py", _MORNING)):
        write_private(aws.config_file.with_name(name), script)
    maria = aws.iam.create_user("Maria", account=USER_ACCOUNT, policy=allow("*"), mfa=True)

    def create_role(name: str, trusted: str, *actions: str, mfa: bool = False) -> str:
        trust = trusting(trusted, mfa=mfa)
        policy = allow(*actions)
        return aws.iam.create_role(name, account=ROLE_ACCOUNT, trust=trust, policy=policy)

    code = f"import pyotp\nprint(pyotp.TOTP({aws.iam.mfa_seed(str(maria.mfa_serial))!r}).now())\n"
    phone = write_private(aws.config_file.with_name("phone.py"), code)
    platform = create_role("Platform", maria.arn, "*")
    config = _COMPANY.format(
        maria=maria,
        phone=f'"{sys.executable}" "{phone}"',
        platform=platform,
        reporting=create_role("Reporting", platform, "s3:*"),
        auditor=create_role("Auditor", maria.arn, "s3:*", mfa=True),
        region=REGION,
        account=ROLE_ACCOUNT,
        endpoint=aws.endpoint_url,
        start_url=aws.sso.start_url,
    )
    for name, (account, roles) in ACCOUNTS.items():
        aws.sso.name_account(account, name, f"aws-{name.lower()}@corp.example")
        for role in roles:
            aws.sso.assign(account, role, policy=allow("s3:*", "sts:GetScopedCredentials"))
    aws.sso.sign_in("corp")
    return write_private(aws.config_file.with_name("config-company"), config)


_TEAMS = ("atlas", "borealis", "cygnus", "draco", "eridanus", "fornax", "gemini", "hydra", "indus")
_STAGES = ("dev", "test", "prod")
_REGIONS = (REGION, "eu-central-1", "ap-southeast-2")
#: Profiles that fail, each for another reason: the role's trust policy, its permissions, expired
#: keys (sandbox-old), and no Region (security-prod).
_FAILING = ("audit-prod", "billing-prod", "sandbox-old", "security-prod")


def seed_organisation(
    aws: EmbeddedAws, accounts: int = 30, *, config_file: Path | None = None
) -> tuple[str, ...]:
    """Create accounts with buckets, write a profile for each, and return the profile names.

    If there are 30 accounts, the last four profiles fail, each for a different reason. With any
    other number of accounts, all profiles work. The profiles are written to `config_file`, which is
    the shared config file by default.
    """
    if config_file:
        aws.write_profile("UserAlpha", file=config_file, region=REGION, output="json")
    failing = _FAILING if accounts == 30 else ()  # noqa: PLR2004
    names = []
    for number in range(accounts - len(failing)):
        team, stage = divmod(number, len(_STAGES))
        names.append(f"{_TEAMS[team % len(_TEAMS)]}{team // len(_TEAMS) or ''}-{_STAGES[stage]}")
    names += failing
    for number, name in enumerate(names):
        region = _REGIONS[number // len(_STAGES) % len(_REGIONS)]
        settings = _create_account(aws, name, number, region)
        if name == "security-prod":
            settings.pop("region")
        aws.write_profile(name, file=config_file, **settings)
    return tuple(names)


def _create_account(
    aws: EmbeddedAws, name: str, number: int, region: str
) -> dict[str, SettingValue]:
    """Create a role and buckets in an account, and return the settings for the role's profile."""
    account = f"{400_000_000_000 + 1_234_567 * number}"
    trusted = "user/Auditor" if name == "audit-prod" else "root"
    role_arn = aws.iam.create_role(
        "Reader",
        account=account,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:{trusted}"),
        policy=allow("ce:GetCostAndUsage" if name == "billing-prod" else "s3:*"),
    )
    for bucket in range(number * 7 % 5 + 1):
        created = datetime(2018, 3, 1, 9, 30, tzinfo=UTC)
        created += timedelta(days=97 * number + 211 * bucket)
        aws.create_bucket(
            f"{name}-{bucket + 1}", account=account, region=region, creation_date=created
        )
    if name != "sandbox-old":
        return {"region": region, "role_arn": role_arn, "source_profile": "UserAlpha"}
    pasted = aws.iam.create_role_session(role_arn, "pasted", seconds=-1)
    return {"region": region, **pasted.settings()}
