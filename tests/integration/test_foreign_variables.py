"""If a variable makes any code sign as an identity that the card doesn't show, the card names it.

They are the variables in AWS's reference that affect credentials, and variables of AWS's SDKs.
https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html#EVarSettings
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT, allow
from tests.rotation import keys_of, session_keys

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

BUCKET = "foreign-variables"
ME = {f"arn:aws:iam::{USER_ACCOUNT}:user/Me"}
KEYS = {"AWS_ACCESS_KEY_ID": "{key}", "AWS_SECRET_ACCESS_KEY": "{secret}"}
TEMPORARY = {"AWS_ACCESS_KEY_ID": "{temporary_key}", "AWS_SECRET_ACCESS_KEY": "{temporary_secret}"}

#: Variables that lead to another user, or to no user.
VARIABLES: dict[str, dict[str, str]] = {
    "keys": KEYS,
    "session keys": TEMPORARY | {"AWS_SESSION_TOKEN": "{temporary_token}"},
    "old name of the token": TEMPORARY | {"AWS_SECURITY_TOKEN": "{temporary_token}"},
    "token": {"AWS_SESSION_TOKEN": "{temporary_token}"},
    "profile": {"AWS_PROFILE": "Other"},
    "default profile": {"AWS_DEFAULT_PROFILE": "Other"},
    "web identity": {
        "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/pod",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/dev/null",
    },
    "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9"},
    "container of ECS": {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x"},
    "bearer token": {"AWS_BEARER_TOKEN_BEDROCK": "hush"},
}

SIGNERS = {
    "boto3": "import boto3; boto3.client('s3').list_objects_v2(Bucket=BUCKET)",
    "older client": "s3.list_objects_v2(Bucket=BUCKET)",
    "pyarrow": "import pyarrow.fs as fs\n"
    "filesystem = fs.S3FileSystem(endpoint_override=ENDPOINT, region='us-west-2')\n"
    "filesystem.get_file_info(BUCKET + '/cities.csv')",
    "obstore": "import obstore; from obstore.store import S3Store\n"
    "options = {'client_options': {'allow_http': True}, 'retry_config': {'max_retries': 0}}\n"
    "obstore.list(S3Store(BUCKET, **options)).collect()",
    "child": "import subprocess, sys\n"
    "code = 'import boto3; boto3.client(\"s3\").list_buckets()'\n"
    "subprocess.run([sys.executable, '-c', code], capture_output=True)",
}


@pytest.fixture
def values(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Create profiles P, of the user Me, and Other; return the keys of Other."""
    users = {
        profile: aws.create_user(name, account=USER_ACCOUNT, policy=allow("*"))
        for profile, name in (("P", "Me"), ("Other", "Other"))
    }
    for profile, user in users.items():
        keys: Any = keys_of(user)
        aws.write_profile(profile, region="us-west-2", **keys)
    aws.create_bucket(BUCKET, account=USER_ACCOUNT, region="us-west-2")
    for name, value in {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_METADATA_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    shell.good(f"BUCKET, ENDPOINT = {BUCKET!r}, {aws.endpoint_url!r}")
    temporary = session_keys(aws, users["Other"])
    return {
        "key": users["Other"].access_key_id,
        "secret": users["Other"].secret_access_key,
        "temporary_key": temporary["aws_access_key_id"],
        "temporary_secret": temporary["aws_secret_access_key"],
        "temporary_token": temporary["aws_session_token"],
    }


def who_signs(aws: EmbeddedAws, shell: Shell) -> dict[str, set[str | None]]:
    """Return the ARNs that AWS saw for each signer, or an empty set if it didn't call AWS."""
    whom = {}
    for signer, code in SIGNERS.items():
        aws.calls.clear()
        shell.run(code)
        whom[signer] = {call.arn for call in aws.calls if call.action.startswith("s3:")}
    return whom


@pytest.mark.nightly(keep=3)
@pytest.mark.parametrize("name", VARIABLES)
def test_before_the_switch(
    aws: EmbeddedAws,
    shell: Shell,
    values: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """A variable from before the switch doesn't change the identity of any signer."""
    for variable, value in VARIABLES[name].items():
        monkeypatch.setenv(variable, value.format(**values))
    assert "user/Me" in shell.good("%aws_profile P").text
    shell.good("s3 = session.client('s3')")
    assert who_signs(aws, shell) == dict.fromkeys(SIGNERS, ME)


@pytest.mark.slow
@pytest.mark.nightly(keep=4)
@pytest.mark.parametrize("name", VARIABLES)
def test_after_the_switch(
    aws: EmbeddedAws,
    shell: Shell,
    values: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """If a variable that is set after the switch changes a signer's identity, the card names it."""
    shell.good("%aws_profile P\ns3 = session.client('s3')")
    for variable, value in VARIABLES[name].items():
        monkeypatch.setenv(variable, value.format(**values))
    whom = who_signs(aws, shell)
    strange = {signer for signer, arns in whom.items() if arns != ME}
    card = shell.good("%aws_profile").text
    assert "user/Me" in card
    assert not {"boto3", "older client"} & strange
    changed = " was changed after the switch"
    assert changed in card or not strange, whom
    shell.good("%aws_profile --off")
