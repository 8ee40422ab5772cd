"""Environment variables don't change a named profile, as in boto3 and the AWS CLI.

https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT
from ipy_awsprofile.sessions.session import open_session, who_am_i
from tests.rotation import keys_of

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

OTHER_KEYS = {"AWS_ACCESS_KEY_ID": "{key}", "AWS_SECRET_ACCESS_KEY": "{secret}"}
NOWHERE = "http://127.0.0.1:9"

#: Variables of a user's shell, with which the test compares the session with boto3's.
VARIABLES: dict[str, dict[str, str]] = {
    "profile": {"AWS_PROFILE": "Other"},
    "profile that isn't there": {"AWS_DEFAULT_PROFILE": "Nobody"},
    "keys and profile": OTHER_KEYS | {"AWS_PROFILE": "Other"},
    "keys with a token": OTHER_KEYS | {"AWS_SESSION_TOKEN": "hush-hush"},
    "both Regions": {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-north-1"},
    "endpoint of S3": {"AWS_ENDPOINT_URL_S3": NOWHERE},
    "endpoint": {"AWS_ENDPOINT_URL": "{endpoint}/"},
    "session name": {"AWS_ROLE_SESSION_NAME": "other"},
    "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": NOWHERE},
    "attempts": {"AWS_MAX_ATTEMPTS": "7", "AWS_RETRY_MODE": "adaptive"},
    "certificates": {"AWS_CA_BUNDLE": "/etc/hosts"},
}


def leads_to(session: boto3.Session) -> dict[str, Any]:
    """Return the endpoints, Regions, retries and certificates of a session's clients."""
    found: dict[str, Any] = {"region": session.region_name}
    for service in ("s3", "sts", "dynamodb"):
        client: Any = session.client(service)
        config = client.meta.config
        found[service] = (client.meta.endpoint_url, config.region_name, config.retries)
        found[f"{service} certificates"] = client._endpoint.http_session._verify
    return found


@pytest.mark.nightly(keep=6)
@pytest.mark.parametrize("profile", ["UserAlpha", "RoleBeta"])
@pytest.mark.parametrize("name", VARIABLES)
def test_named_profile(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, profile: str, name: str
) -> None:
    """Whatever the environment is, a named profile has boto3's identity and endpoints."""
    other = aws.create_user("Other", account=USER_ACCOUNT)
    keys: Any = keys_of(other)
    aws.write_profile("Other", region="us-east-2", **keys)
    values = {"key": other.access_key_id, "secret": other.secret_access_key}
    for variable, value in VARIABLES[name].items():
        monkeypatch.setenv(variable, value.format(**values, endpoint=aws.endpoint_url))
    ours, theirs = open_session(profile), boto3.Session(profile_name=profile)
    assert leads_to(ours) == leads_to(theirs)
    arn = who_am_i(ours).arn
    assert arn
    assert f"/{profile}" in arn
    their_arn = theirs.client("sts").get_caller_identity()["Arn"]
    assert their_arn.split("/")[:2] == arn.split("/")[:2]
