"""An organisation with IAM Identity Center, and a profile for only one of its roles."""

from __future__ import annotations

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, allow
from tests.aws import EmbeddedAws

PROD, TEST, TWIN = "111111111111", "222222222222", "333333333333"

SESSION = """
[sso-session {name}]
sso_start_url = {start_url}
sso_region = us-east-1
sso_registration_scopes = sso:account:access
"""


def write_session(aws: EmbeddedAws, name: str = "corp") -> None:
    """Append an [sso-session] to the config file."""
    with aws.config_file.open("a") as config:
        config.write(SESSION.format(name=name, start_url=aws.sso.start_url))


def organisation(aws: EmbeddedAws) -> None:
    """Create three accounts, two of which have similar names, and a profile for one role."""
    write_session(aws)
    for account, name in ((PROD, "Acme Prod"), (TEST, "Sandbox"), (TWIN, "sandbox")):
        aws.sso.name_account(account, name, f"{account}@acme.example")
        aws.sso.assign(account, "Reader", policy=allow("s3:*", "sts:GetScopedCredentials"))
    aws.sso.assign(PROD, "Admin", policy=allow("*"))
    aws.write_profile(
        "prod-reader",
        sso_session="corp",
        sso_account_id=PROD,
        sso_role_name="Reader",
        region="us-west-2",
    )


def write_analyst(aws: EmbeddedAws) -> None:
    """Write the [sso-session] `corp`, and the profile Analyst, which can use S3 after a sign-in."""
    write_session(aws)
    aws.sso.assign(ROLE_ACCOUNT, "Analyst", policy=allow("s3:*"))
    aws.write_profile(
        "Analyst",
        sso_session="corp",
        sso_account_id=ROLE_ACCOUNT,
        sso_role_name="Analyst",
        region="us-west-2",
    )
