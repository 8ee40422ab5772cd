"""An organisation with IAM Identity Center, and a profile for only one of its roles."""

from __future__ import annotations

import subprocess
import urllib.request
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.stages import allow
from tests.shells import aws_cli_2

if TYPE_CHECKING:
    from tests.aws import EmbeddedAws

PROD, TEST, TWIN = "111111111111", "222222222222", "333333333333"

SESSION = """
[sso-session {name}]
sso_start_url = {start_url}
sso_region = us-east-1
sso_registration_scopes = sso:account:access
"""


def write_session(aws: EmbeddedAws, name: str = "corp", start_url: str = "") -> None:
    """Append an [sso-session] to the config file."""
    with aws.config_file.open("a") as config:
        config.write(SESSION.format(name=name, start_url=start_url or aws.sso.start_url))


def sign_in_by_aws_cli(aws: EmbeddedAws) -> None:
    """Run `aws sso login` with version 2 of the AWS CLI, and allow the sign-in."""
    login = subprocess.Popen(
        [aws_cli_2(), "sso", "login", "--sso-session", "corp", "--no-browser"],
        env=aws.environment()
        | {"PYTHONUNBUFFERED": "1", "AWS_ENDPOINT_URL_SSO_OIDC": aws.endpoint_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    with login:
        assert login.stdout
        url = next(line.strip() for line in login.stdout if "/authorize?" in line)
        with urllib.request.urlopen(url, b"answer=allow"):
            pass
        login.stdout.read()
    assert login.returncode == 0


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
