"""A program that writes new keys into the credentials file, as tools that renew keys do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends

from ipy_awsprofile.demo.shared_files import append_section
from tests.kinds import sts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser

Keys = dict[str, str]

#: What some tools write beside the keys; none of it is an AWS setting.
OF_TOOLS = {
    "aws_session_expiration": "2026-01-01T12:00:00Z",
    "x_security_token_expires": "2026-01-01T12:00:00+00:00",
    "expiration": "2026-01-01T12:00:00Z",
}


def write_keys(aws: EmbeddedAws, profile: str, keys: Keys) -> str:
    """Write the credentials file with this profile only; return its access key ID."""
    aws.credentials_file.write_text("")
    append_section(aws.credentials_file, profile, keys)
    return keys["aws_access_key_id"]


def keys_of(user: IamUser) -> Keys:
    """Return the long-term keys that a user was created with."""
    return {
        "aws_access_key_id": user.access_key_id,
        "aws_secret_access_key": user.secret_access_key,
    }


def session_keys(aws: EmbeddedAws, user: IamUser) -> Keys:
    """Return new session keys of a user; AWS's list of calls is as before."""
    return _issued(aws, sts_of(aws, user).get_session_token)


def role_keys(aws: EmbeddedAws, user: IamUser, role_arn: str, session_name: str) -> Keys:
    """Return new keys of a role's session; AWS's list of calls is as before."""
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


def replaced_keys(user: IamUser, old: str) -> Keys:
    """Create new long-term keys of a user, and delete the old ones, as AWS advises."""
    backend = iam_backends[user.account]["aws"]
    new = backend.create_access_key(user.name)
    backend.delete_access_key(old, user.name)
    return {
        "aws_access_key_id": new.access_key_id,
        "aws_secret_access_key": new.secret_access_key,
    }


def with_keys(user: IamUser, keys: Keys) -> IamUser:
    """Return the user with other long-term keys."""
    return replace(
        user,
        access_key_id=keys["aws_access_key_id"],
        secret_access_key=keys["aws_secret_access_key"],
    )
