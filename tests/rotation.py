"""A tool that rotates the keys in the credentials file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipy_awsprofile.demo.aws import append_section
from ipy_awsprofile.demo.iam import Signer
from tests.aws import EmbeddedAws
from tests.kinds import sts_of

Keys = dict[str, str]

#: Settings that some tools write next to the keys, and that AWS doesn't define.
OF_TOOLS = {
    "aws_session_expiration": "2026-01-01T12:00:00Z",
    "x_security_token_expires": "2026-01-01T12:00:00+00:00",
    "expiration": "2026-01-01T12:00:00Z",
}


def write_keys(aws: EmbeddedAws, profile: str, keys: Keys) -> str:
    """Write this profile alone to the credentials file, and return its access key ID."""
    aws.credentials_file.write_text("")
    append_section(aws.credentials_file, profile, keys)
    return keys["aws_access_key_id"]


def session_keys(aws: EmbeddedAws, user: Signer) -> Keys:
    """Return new session keys of the user, without adding to the list of calls."""
    return _issued(aws, sts_of(aws, user).get_session_token)


def role_keys(aws: EmbeddedAws, user: Signer, role_arn: str, session_name: str) -> Keys:
    """Return new keys of a role session, without adding to the list of calls."""
    sts = sts_of(aws, user)
    return _issued(aws, lambda: sts.assume_role(RoleArn=role_arn, RoleSessionName=session_name))


def _issued(aws: EmbeddedAws, call: Callable[[], Any]) -> Keys:
    calls = list(aws.calls)
    issued = call()["Credentials"]
    aws.calls[:] = calls
    return {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }


def replaced_keys(aws: EmbeddedAws, user: Signer) -> Keys:
    """Create new long-term keys of the user, and delete the old keys, as AWS recommends."""
    return aws.iam.replace_key(user).settings()
