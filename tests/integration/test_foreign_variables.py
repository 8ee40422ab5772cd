"""If a variable makes any code sign as an identity that the card doesn't show, the card names it.

They are the variables in AWS's reference that affect credentials, and variables of AWS's SDKs.
https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html#EVarSettings
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.shared_files import append_section
from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT, allow, trusting
from tests.kinds import ISSUER
from tests.rotation import keys_of, session_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.shells import Shell

BUCKET = "foreign-variables"
ME = {f"arn:aws:iam::{USER_ACCOUNT}:user/Me"}
KEYS = {"AWS_ACCESS_KEY_ID": "{key}", "AWS_SECRET_ACCESS_KEY": "{secret}"}
TEMPORARY = {"AWS_ACCESS_KEY_ID": "{temporary_key}", "AWS_SECRET_ACCESS_KEY": "{temporary_secret}"}

#: Variables that lead to another user, or to no user.
VARIABLES: dict[str, dict[str, str]] = {
    "keys": KEYS,
    "keys that end": KEYS | {"AWS_CREDENTIAL_EXPIRATION": "2099-01-01T00:00:00Z"},
    "session keys": TEMPORARY | {"AWS_SESSION_TOKEN": "{temporary_token}"},
    "old name of the token": TEMPORARY | {"AWS_SECURITY_TOKEN": "{temporary_token}"},
    "old names of keys": {"AWS_ACCESS_KEY": "{key}", "AWS_SECRET_KEY": "{secret}"},
    "token": {"AWS_SESSION_TOKEN": "{temporary_token}"},
    "expiration": {"AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"},
    "account": {"AWS_ACCOUNT_ID": "999988887777"},
    "profile": {"AWS_PROFILE": "Other"},
    "default profile": {"AWS_DEFAULT_PROFILE": "Other"},
    "web identity": {
        "AWS_ROLE_ARN": "{role}",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "{token_file}",
        "AWS_ROLE_SESSION_NAME": "other",
    },
    "container": {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "{container}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "{container_token}",
    },
    "container of ECS": {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x"},
    "bearer token": {"AWS_BEARER_TOKEN_BEDROCK": "hush"},
    "credentials file": {"AWS_SHARED_CREDENTIALS_FILE": "{credentials_file}"},
    "config file": {"AWS_CONFIG_FILE": "{config_file}"},
    "file of boto 2": {"AWS_CREDENTIAL_FILE": "{boto_file}"},
}

#: Files that a switch reads, too, so that they change its own identity.
OF_THE_SWITCH = {"credentials file", "config file"}

SIGNERS = {
    "boto3": "import boto3; boto3.client('s3').list_objects_v2(Bucket=BUCKET)",
    "older client": "s3.list_objects_v2(Bucket=BUCKET)",
    "pyarrow": "import pyarrow.fs as fs\n"
    "filesystem = fs.S3FileSystem(endpoint_override=ENDPOINT, region='us-west-2')\n"
    "filesystem.get_file_info(BUCKET + '/cities.csv')",
    "obstore": "import obstore; from obstore.store import S3Store\n"
    "options = {'client_options': {'allow_http': True}, 'retry_config': {'max_retries': 0}}\n"
    "store = S3Store(BUCKET, **options)\n"
    "obstore.list(store).collect()",
}

#: One child process for both, which spends most of its time on importing botocore.
CHILD = (
    "import subprocess, sys\n"
    "code = 'import boto3, awscli.clidriver as cli\\n'\n"
    'code += \'boto3.client("s3").list_objects_v2(Bucket="%s")\\n\' % BUCKET\n'
    'code += \'cli.create_clidriver().main(["s3", "ls"])\'\n'
    "subprocess.run([sys.executable, '-c', code], capture_output=True)"
)
OF_CHILD = {"child Python": "s3:ListBucket", "AWS CLI": "s3:ListAllMyBuckets"}


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[EmbeddedAws, dict[str, str]]]:
    """Run one embedded AWS with profiles P and Other; yield it, with the variables' values."""
    with EmbeddedAws() as aws:
        users = [
            aws.create_user(name, account=USER_ACCOUNT, policy=allow("*"))
            for name in ("Me", "Other")
        ]
        aws.create_bucket(BUCKET, account=USER_ACCOUNT, region="us-west-2")
        for name, user in zip(("P", "Other"), users, strict=True):
            aws.write_profile(name, region="us-west-2")
            append_section(aws.credentials_file, name, keys_of(user))
        other = users[1]
        for name in ("P", "Other"):
            append_section(aws.home / "credentials", name, keys_of(other))
            settings: dict[str, Any] = {"region": "us-west-2", "endpoint_url": aws.endpoint_url}
            append_section(aws.home / "config", f"profile {name}", settings | keys_of(other))
        provider = aws.create_oidc_provider(ISSUER, account=USER_ACCOUNT)
        trust = trusting("*")
        trust["Statement"][0] |= {
            "Principal": {"Federated": provider.arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
        }
        role = aws.create_role("Pod", account=USER_ACCOUNT, trust=trust, policy=allow("*"))
        (aws.home / "token").write_text(provider.token("pod"))
        (aws.home / "boto").write_text(
            f"AWSAccessKeyId={other.access_key_id}\nAWSSecretKey={other.secret_access_key}\n"
        )
        tasks = {"Service": "ecs-tasks.amazonaws.com"}
        trust = trusting("*")
        trust["Statement"][0]["Principal"] = tasks
        task = aws.create_role("Task", account=USER_ACCOUNT, trust=trust, policy=allow("*"))
        temporary = session_keys(aws, other)
        with aws.in_container(task) as container:
            yield (
                aws,
                {
                    "key": other.access_key_id,
                    "secret": other.secret_access_key,
                    "temporary_key": temporary["aws_access_key_id"],
                    "temporary_secret": temporary["aws_secret_access_key"],
                    "temporary_token": temporary["aws_session_token"],
                    "role": role,
                    "token_file": str(aws.home / "token"),
                    "boto_file": str(aws.home / "boto"),
                    "credentials_file": str(aws.home / "credentials"),
                    "config_file": str(aws.home / "config"),
                    "container": container["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
                    "container_token": container["AWS_CONTAINER_AUTHORIZATION_TOKEN"],
                },
            )


@pytest.fixture
def aws(
    world: tuple[EmbeddedAws, dict[str, str]], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> EmbeddedAws:
    """Point the environment to the module's AWS, without instance metadata."""
    aws, _ = world
    metadata = {"AWS_METADATA_ENDPOINT": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "true"}
    for name, value in {
        **aws.environment(),
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        **metadata,
    }.items():
        monkeypatch.setenv(name, value)
    shell.good(f"BUCKET, ENDPOINT = {BUCKET!r}, {aws.endpoint_url!r}")
    return aws


def seen(aws: EmbeddedAws, shell: Shell, code: str) -> set[str | None]:
    """Return the ARNs that AWS saw while a cell ran, whether it succeeded or not."""
    aws.calls.clear()
    shell.run(code)
    return {call.arn for call in aws.calls}


def who_signs(aws: EmbeddedAws, shell: Shell) -> dict[str, set[str | None]]:
    """Return the ARNs that AWS saw for each signer, or an empty set if it didn't call AWS."""
    whom = {signer: seen(aws, shell, code) for signer, code in SIGNERS.items()}
    seen(aws, shell, CHILD)
    for signer, action in OF_CHILD.items():
        whom[signer] = {call.arn for call in aws.calls if call.action == action}
    return whom


def set_variables(
    world: tuple[EmbeddedAws, dict[str, str]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Set the variables with this name in the table."""
    for variable, value in VARIABLES[name].items():
        monkeypatch.setenv(variable, value.format(**world[1]))


@pytest.mark.nightly(keep=3)
@pytest.mark.parametrize("name", [name for name in VARIABLES if name not in OF_THE_SWITCH])
def test_before_the_switch(
    shell: Shell,
    aws: EmbeddedAws,
    world: tuple[EmbeddedAws, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """A variable from before the switch doesn't change the identity of any signer."""
    set_variables(world, monkeypatch, name)
    assert "user/Me" in shell.good("%aws_profile P").text
    shell.good("s3 = session.client('s3')")
    assert who_signs(aws, shell) == dict.fromkeys((*SIGNERS, *OF_CHILD), ME)


@pytest.mark.slow
@pytest.mark.nightly(keep=4)
@pytest.mark.parametrize("name", VARIABLES)
def test_after_the_switch(
    shell: Shell,
    aws: EmbeddedAws,
    world: tuple[EmbeddedAws, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """If a variable that is set after the switch changes a signer's identity, the card names it."""
    shell.good("%aws_profile P")
    shell.good("s3 = session.client('s3')")
    set_variables(world, monkeypatch, name)
    whom = who_signs(aws, shell)
    strange = {signer for signer, arns in whom.items() if arns != ME}
    card = shell.good("%aws_profile").text
    assert "user/Me" in card
    assert not {"boto3", "older client"} & strange
    named = [variable for variable in VARIABLES[name] if f"`{variable}`" in card]
    assert named or not strange, whom
    shell.good("%aws_profile --off")
