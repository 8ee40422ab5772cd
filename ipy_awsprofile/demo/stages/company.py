"""Set up the tutorial on MFA, SSO and role chains, with a profile of each kind.

The profiles have a separate config file, so that the other tutorials don't list them.
"""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.shared_files import write_private
from ipy_awsprofile.demo.stages.scenario import REGION, ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws

#: The accounts of IAM Identity Center by name: the ID, and the signed-in user's roles.
ACCOUNTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Analytics": (ROLE_ACCOUNT, ("Analyst",)),
    "Production": ("210987654321", ("Operator", "ReadOnly")),
    "Sandbox": ("345678901234", ("Administrator", "ReadOnly")),
}

CONFIG = """\
[profile Maria]
aws_access_key_id = {access_key_id}
aws_secret_access_key = {secret_access_key}
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
mfa_serial = {mfa_serial}
mfa_process = sh ~/.aws/phone.sh
region = {region}
endpoint_url = {endpoint}

# The same role without mfa_process: a person types the code.
[profile Auditor-typed]
role_arn = {auditor}
source_profile = Maria
mfa_serial = {mfa_serial}
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
mfa-serial = {mfa_serial}
endpoint_url = {endpoint}
"""


def seed_company(aws: EmbeddedAws) -> Path:
    """Create the roles and write ``~/.aws/config-company``; return its path.

    A user is signed in with SSO, and the MFA device is a script, ``~/.aws/phone.sh``.
    """
    maria = aws.create_user("Maria", account=USER_ACCOUNT, policy=allow("*"), mfa=True)
    platform = aws.create_role(
        "Platform", account=ROLE_ACCOUNT, trust=trusting(maria.arn), policy=allow("*")
    )
    config = CONFIG.format(
        region=REGION,
        account=ROLE_ACCOUNT,
        endpoint=aws.endpoint_url,
        start_url=aws.sso.start_url,
        access_key_id=maria.access_key_id,
        secret_access_key=maria.secret_access_key,
        mfa_serial=maria.mfa_serial,
        platform=platform,
        reporting=aws.create_role(
            "Reporting", account=ROLE_ACCOUNT, trust=trusting(platform), policy=allow("s3:*")
        ),
        auditor=aws.create_role(
            "Auditor", account=ROLE_ACCOUNT, trust=trusting(maria.arn), policy=allow("s3:*")
        ),
    )
    for name, (account, roles) in ACCOUNTS.items():
        aws.sso.name_account(account, name, f"aws-{name.lower()}@corp.example")
        for role in roles:
            policy = allow("s3:*", "sts:GetScopedCredentials")
            aws.sso.assign(account, role, policy=policy)
    aws.sso.sign_in("corp")
    folder = aws.config_file.parent
    code = f"import pyotp; print(pyotp.TOTP({aws.mfa_seed(maria.mfa_serial or '')!r}).now())"
    write_private(folder / "phone.sh", f"exec {shlex.join([sys.executable, '-c', code])}\n")
    return write_private(folder / "config-company", config)
