"""Every kind of profile that the AWS SDKs document, with its files and its environment.

https://docs.aws.amazon.com/sdkref/latest/guide/creds-config-files.html
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import boto3
import pytest

from ipy_awsprofile.demo.iam import Signer
from ipy_awsprofile.demo.identity_center import write_private
from ipy_awsprofile.demo.stages import allow, trusting
from ipy_awsprofile.sessions.session import ProfileSession, open_session
from tests.aws import EmbeddedAws

ACCOUNT = "111111111111"
#: The permissions of every user and role here, unless something limits them.
ALLOWED = allow("s3:*", "sts:AssumeRole", "sts:GetScopedCredentials")
USER = f"arn:aws:iam::{ACCOUNT}:user/Ann"
ISSUER = "https://oidc.example.com/cluster"


def role(name: str, session: str = "me") -> str:
    """Return the ARN of a role's session."""
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"


@dataclass(frozen=True)
class Kind:
    """The contents of the files, and the resulting identity.

    `profile` is the profile under test. `{here}` stands for a Region and the embedded AWS's
    endpoint.
    """

    config: str
    arn: str
    credentials: str = ""
    profile: str = "P"
    environment: dict[str, str] = field(default_factory=dict)
    place: str = ""


KEYS = """
[profile Ann]
aws_access_key_id = {key}
aws_secret_access_key = {secret}
{here}
"""


def assuming(arn: str, *settings: str, profile: str = "P") -> str:
    """Return a profile that assumes a role with these settings."""
    return "\n".join(
        [
            f"\n[profile {profile}]",
            f"role_arn = {arn}",
            "role_session_name = me",
            *settings,
            "{here}\n",
        ]
    )


def chain(*names: str) -> str:
    """Return a chain of role profiles; Ann assumes the first role, and the last profile is `P`."""
    profiles = [*names[:-1], "P"]
    sources = ["Ann", *profiles]
    return KEYS + "".join(
        assuming(
            f"arn:aws:iam::{ACCOUNT}:role/{name}", f"source_profile = {source}", profile=profile
        )
        for name, profile, source in zip(names, profiles, sources, strict=False)
    )


KINDS = {
    "static keys": Kind(KEYS.replace("Ann", "P"), USER),
    "static keys with a session token": Kind(
        """
[profile P]
aws_access_key_id = {temporary_key}
aws_secret_access_key = {temporary_secret}
aws_session_token = {temporary_token}
{here}
""",
        USER,
    ),
    "keys in the credentials file": Kind(
        """
[profile P]
{here}
""",
        USER,
        credentials="""
[P]
aws_access_key_id = {key}
aws_secret_access_key = {secret}
""",
    ),
    "only in the credentials file": Kind(
        "",
        USER,
        credentials="""
[P]
aws_access_key_id = {key}
aws_secret_access_key = {secret}
""",
        environment={"AWS_ENDPOINT_URL": "{endpoint}", "AWS_DEFAULT_REGION": "us-west-2"},
    ),
    "default": Kind(KEYS.replace("profile Ann", "default"), USER, profile="default"),
    "role with source_profile": Kind(chain("Hop1"), role("Hop1")),
    "chain of three": Kind(chain("Hop1", "Hop2", "Hop3"), role("Hop3")),
    "self-referencing": Kind(
        assuming(
            "{hop1}",
            "source_profile = P",
            "aws_access_key_id = {key}",
            "aws_secret_access_key = {secret}",
        ),
        role("Hop1"),
    ),
    "external_id": Kind(
        KEYS + assuming("{guarded}", "external_id = between-us", "source_profile = Ann"),
        role("Guarded"),
    ),
    "mfa_serial": Kind(
        KEYS + assuming("{with_mfa}", "mfa_serial = {mfa_serial}", "source_profile = Ann"),
        role("WithMfa"),
    ),
    "credential_source Environment": Kind(
        assuming("{hop1}", "credential_source = Environment"),
        role("Hop1"),
        environment={"AWS_ACCESS_KEY_ID": "{key}", "AWS_SECRET_ACCESS_KEY": "{secret}"},
    ),
    "credential_source Ec2InstanceMetadata": Kind(
        assuming("{after_machine}", "credential_source = Ec2InstanceMetadata"),
        role("AfterMachine"),
        place="instance",
    ),
    "credential_source EcsContainer": Kind(
        assuming("{after_machine}", "credential_source = EcsContainer"),
        role("AfterMachine"),
        place="container",
    ),
    "an instance's own role": Kind(
        """
[profile P]
{here}
""",
        role("Machine", "i-0abcdef1234567890"),
        place="instance",
    ),
    "a container's own role": Kind(
        """
[profile P]
{here}
""",
        role("Machine", "container"),
        place="container",
    ),
    "web identity": Kind(assuming("{pod}", "web_identity_token_file = {token_file}"), role("Pod")),
    "web identity as a source": Kind(
        assuming("{pod}", "web_identity_token_file = {token_file}", profile="Pod")
        + assuming("{after_pod}", "source_profile = Pod"),
        role("AfterPod"),
    ),
    "credential_process": Kind(
        """
[profile P]
credential_process = "{python}" "{process}"
{here}
""",
        USER,
    ),
    "sso-session": Kind(
        """
[sso-session corp]
sso_start_url = {start_url}
sso_region = us-east-1
sso_registration_scopes = sso:account:access

[profile P]
sso_session = corp
sso_account_id = {account}
sso_role_name = Reader
{here}
""",
        role("{reader}", "ann"),
    ),
    "legacy SSO": Kind(
        """
[profile P]
sso_start_url = {start_url}
sso_region = us-east-1
sso_account_id = {account}
sso_role_name = Reader
{here}
""",
        role("{reader}", "ann"),
    ),
    "SSO as a source": Kind(
        """
[sso-session corp]
sso_start_url = {start_url}
sso_region = us-east-1

[profile Corp]
sso_session = corp
sso_account_id = {account}
sso_role_name = Reader
{here}
"""
        + assuming("{after_sso}", "source_profile = Corp"),
        role("AfterSso"),
    ),
    "login session": Kind(
        """
[profile P]
login_session = {user}
{here}
""",
        USER,
    ),
}


def create_ann(aws: EmbeddedAws) -> Signer:
    """Create the user Ann with an MFA device and permission to assume any role that trusts her."""
    return aws.iam.create_user("Ann", account=ACCOUNT, policy=ALLOWED, mfa=True)


def sign_in(aws: EmbeddedAws, user: Signer) -> None:
    """Sign the user in with `aws login` and to IAM Identity Center."""
    aws.signin.login(user)
    for sso_session in (None, "corp"):
        aws.sso.sign_in(sso_session)


def sts_of(aws: EmbeddedAws, user: Signer) -> Any:
    """Return an STS client with the user's keys."""
    return boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )


def temporary_keys(sts: Any) -> dict[str, str]:
    """Return new temporary keys of the user, under the names of their placeholders."""
    temporary = sts.get_session_token()["Credentials"]
    return {
        "temporary_key": temporary["AccessKeyId"],
        "temporary_secret": temporary["SecretAccessKey"],
        "temporary_token": temporary["SessionToken"],
    }


def prepared(
    aws: EmbeddedAws, user: Signer, *, token_lasts: timedelta = timedelta(hours=1)
) -> dict[str, str]:
    """Create roles, a token and a tool, and return the values of the placeholders."""
    assert user.mfa_serial
    output = {
        "Version": 1,
        "AccessKeyId": user.access_key_id,
        "SecretAccessKey": user.secret_access_key,
    }
    provider = aws.create_oidc_provider(ISSUER, account=ACCOUNT)
    web_token = provider.token("ann", expires_in=int(token_lasts.total_seconds()))
    return {
        "here": f"region = us-west-2\nendpoint_url = {aws.endpoint_url}",
        "endpoint": aws.endpoint_url,
        "account": ACCOUNT,
        "user": user.arn,
        "key": user.access_key_id,
        "secret": user.secret_access_key,
        **temporary_keys(sts_of(aws, user)),
        "mfa_serial": user.mfa_serial,
        "python": sys.executable,
        "process": str(write_private(aws.home / "tool.py", f"print({json.dumps(output)!r})")),
        "token_file": str(write_private(aws.home / "token", web_token)),
        "start_url": aws.sso.start_url,
        **roles(aws, provider.arn),
    }


def roles(aws: EmbeddedAws, provider: str) -> dict[str, str]:
    """Create the roles, each of which can assume any role that trusts it, and return their ARNs."""

    def create(name: str, principal: str | dict[str, Any], **more: Any) -> str:
        trust = trusting(principal if isinstance(principal, str) else "*")
        statement = trust["Statement"][0]
        if isinstance(principal, dict):
            statement["Principal"] = principal
        statement |= more
        return aws.iam.create_role(name, account=ACCOUNT, trust=trust, policy=ALLOWED)

    made = {"hop1": create("Hop1", USER)}
    for number in (2, 3):
        made[f"hop{number}"] = create(f"Hop{number}", made[f"hop{number - 1}"])
    external = {"StringEquals": {"sts:ExternalId": "between-us"}}
    with_mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    made["guarded"] = create("Guarded", USER, Condition=external)
    made["with_mfa"] = create("WithMfa", USER, Condition=with_mfa)
    services = ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]
    machine = create("Machine", {"Service": services})
    made["after_machine"] = create("AfterMachine", machine)
    made["pod"] = create("Pod", {"Federated": provider}, Action="sts:AssumeRoleWithWebIdentity")
    made["after_pod"] = create("AfterPod", made["pod"])
    reader = aws.sso.assign(ACCOUNT, "Reader", policy=ALLOWED)
    made |= {"reader": reader.rpartition("/")[2], "after_sso": create("AfterSso", reader)}
    return made


@contextmanager
def in_its_place(
    aws: EmbeddedAws, values: dict[str, str], monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> Iterator[None]:
    """Write the files of a kind, and set up the environment in which it works."""
    aws.config_file.write_text(kind.config.format(**values))
    aws.credentials_file.write_text(kind.credentials.format(**values))
    environment = {key: value.format(**values) for key, value in kind.environment.items()}
    machine = f"arn:aws:iam::{ACCOUNT}:role/Machine"
    places: dict[str, Any] = {"instance": aws.on_instance, "container": aws.in_container}
    with ExitStack() as place:
        if kind.place:
            environment |= place.enter_context(places[kind.place](machine))
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        yield


@contextmanager
def opened(
    aws: EmbeddedAws, values: dict[str, str], monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> Iterator[ProfileSession]:
    """Yield a session of the profile under test, in the environment in which it works."""
    with in_its_place(aws, values, monkeypatch, kind):
        yield open_session(
            kind.profile, mfa_prompter=lambda _: aws.iam.mfa_code(values["mfa_serial"])
        )
