"""Broken profiles with credentials from the environment, an instance or a container."""

from __future__ import annotations

import json

from ipy_awsprofile.errors import (
    CredentialsExpired,
    CredentialsRejected,
    CredentialsUnavailable,
    InvalidProfile,
)
from tests.integration.broken_kinds.breaks import (
    OVER,
    container,
    expired_variables,
    in_metadata,
    instance,
    variables,
)
from tests.integration.broken_kinds.record import EXPLAIN, Broken
from tests.integration.broken_kinds.stage import HUSH

CONTAINER = "The container's credential service returned no credentials for `P`."
INSTANCE = "The instance's metadata service returned no credentials for `P`."
UNREADABLE = "The credentials of `P` can't be read."

MACHINES: dict[str, Broken] = {
    "variables missing": Broken(
        "credential_source Environment",
        CredentialsUnavailable,
        "The environment returned no credentials for `P`.",
        "Set AWS_ACCESS_KEY_ID",
        by=variables(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None),
    ),
    "variable missing": Broken(
        "credential_source Environment",
        InvalidProfile,
        "only one of the two access-key settings: AWS_SECRET_ACCESS_KEY is missing.",
        EXPLAIN,
        by=variables(AWS_SECRET_ACCESS_KEY=None),
    ),
    "variable wrong": Broken(
        "credential_source Environment",
        CredentialsRejected,
        "AWS doesn't accept the keys of `P`",
        EXPLAIN,
        by=variables(AWS_SECRET_ACCESS_KEY=HUSH),
    ),
    "variables expired": Broken(
        "credential_source Environment",
        CredentialsExpired,
        "The credentials of `P` have expired.",
        by=expired_variables,
    ),
    "source misspelled": Broken(
        "credential_source Environment",
        InvalidProfile,
        'The credential source "environment" referenced in profile "P" is not valid.',
        EXPLAIN,
        {"= Environment": "= environment"},
    ),
    "instance down": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        "Only an EC2 instance with a role has one",
        by=instance(),
    ),
    "instance forbidden": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        "AWS_EC2_METADATA_DISABLED",
        by=variables(AWS_EC2_METADATA_DISABLED="true"),
    ),
    "instance without a role": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        by=instance((200, "t"), (404, "")),
    ),
    "instance says 401": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        by=instance((401, "")),
    ),
    "instance's role doesn't trust it": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        by=instance((200, "t"), (200, "Machine"), (200, '{"Code": "x", "Message": "y"}')),
    ),
    "instance's endpoint no URL": Broken(
        "credential_source Ec2InstanceMetadata",
        CredentialsUnavailable,
        INSTANCE,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        by=variables(AWS_EC2_METADATA_SERVICE_ENDPOINT="no url"),
    ),
    "instance's own role, down": Broken(
        "an instance's own role",
        InvalidProfile,
        "The profile `P` has no credentials.",
        EXPLAIN,
        by=instance(),
    ),
    "instance's own role, no date": Broken(
        "an instance's own role",
        CredentialsUnavailable,
        UNREADABLE,
        EXPLAIN,
        by=instance((200, "t"), (200, "Machine"), in_metadata(Expiration="soon")),
    ),
    "no container": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        CONTAINER,
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        by=variables(AWS_CONTAINER_CREDENTIALS_FULL_URI=None),
    ),
    "container down": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        f"{CONTAINER[:-1]}: it can't be reached.",
        by=container(),
    ),
    "container's token wrong": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        f"{CONTAINER[:-1]}: HTTP 401.",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        by=variables(AWS_CONTAINER_AUTHORIZATION_TOKEN=HUSH),
    ),
    "container's token of two lines": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        CONTAINER,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        by=variables(AWS_CONTAINER_AUTHORIZATION_TOKEN=f"{HUSH}\n"),
    ),
    "container's token file missing": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        "A file that `P` needs can't be used: No such file or directory (`/no/such/file`).",
        "Correct its path",
        by=variables(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/no/such/file"),
    ),
    "container elsewhere": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        CONTAINER,
        "(loopback or https)",
        by=variables(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://192.0.2.1/x"),
    ),
    "container answers HTML": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        CONTAINER,
        by=container((200, f"<html>{HUSH}")),
    ),
    "container broken": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        f"{CONTAINER[:-1]}: HTTP 500.",
        by=container((500, HUSH)),
    ),
    "container answers a list": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        UNREADABLE,
        by=container((200, json.dumps([HUSH]))),
    ),
    "container's credentials expired": Broken(
        "credential_source EcsContainer",
        CredentialsUnavailable,
        "The credentials of `P` can't be used: they had already expired.",
        by=container(in_metadata(Expiration=OVER)),
    ),
    "container's own role, refused": Broken(
        "a container's own role",
        CredentialsUnavailable,
        f"{CONTAINER[:-1]}: HTTP 401.",
        by=variables(AWS_CONTAINER_AUTHORIZATION_TOKEN=HUSH),
    ),
}
